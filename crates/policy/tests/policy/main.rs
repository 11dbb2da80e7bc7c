//! What mail servers are told: from a log and a registry, by a clock that the test sets, over a
//! store that fails when it is told to, and through real sockets.

#![cfg(test)]

mod answers;
#[path = "../../../../tests/src/log_layer.rs"]
mod log_layer;
mod outages;
mod sockets;
mod world;
