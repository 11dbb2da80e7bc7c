//! The bus: one contract suite for each port on every adapter, and what happens when a server
//! stops, comes back, comes back empty or refuses.
//!
//! Tests of outages have nats-servers of their own (`tests/servers/nats`), which they may kill.

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
