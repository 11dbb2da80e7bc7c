//! What the bus does when its servers do what servers do: end, come back, come back empty, refuse.
//!
//! Each test has nats-servers of its own (`tests/servers/nats`), which it may kill.

#![cfg(test)]

mod cluster;
mod declared;
mod given;
mod in_hand;
mod reached;
mod restarted;
mod server;
