//! The contract of mail platforms, on the SQLite directory, the `PostgreSQL` directory and a
//! provider's API; and tests specific to one of them.

#![cfg(test)]

mod contract;
mod directory;
mod faulty;
mod measured;
mod pace;
mod postgres;
#[path = "../provider/raw.rs"]
mod raw;
#[path = "../provider/receiver.rs"]
mod receiver;
#[expect(dead_code, reason = "shared with tests that block")]
#[path = "../../../../tests/src/wait.rs"]
mod wait;
mod webhook;
