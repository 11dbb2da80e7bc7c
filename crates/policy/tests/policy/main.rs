//! What mail servers are told: from a log and a registry, by a clock that the test sets, over a
//! store that fails when it is told to, and through real sockets.

#![cfg(test)]

mod answers;
mod outages;
mod sockets;
mod world;
