//! The bus: one contract suite for each port on every adapter, and servers that stop, restart, lose
//! their data or reject requests.
//!
//! Tests of outages have their own nats-servers (`tests/servers/nats`), which they may kill.

#![cfg(test)]

mod cluster;
mod commands;
mod contract;
mod declared;
mod given;
mod in_flight;
mod mirror;
mod reached;
mod restarted;
mod server;
#[expect(dead_code, reason = "shared with tests that block")]
#[path = "../../../../tests/src/wait.rs"]
mod wait;
