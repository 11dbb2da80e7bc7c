//! From desired to applied: the sweep, the workers, sessions, notices and canaries.

#![cfg(test)]

mod canary;
mod flow;
mod fuse;
mod notices;
mod on_platform;
#[expect(dead_code, reason = "shared with the contract of the platform, which uses more of it")]
#[path = "../../../platform/tests/provider/receiver.rs"]
mod receiver;
mod sessions;
mod vouchers;
