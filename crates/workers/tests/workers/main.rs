//! From what is desired to what is done: the sweep, the workers, what they tell people, and who
//! watches.

#![cfg(test)]

mod canary;
mod flow;
mod notices;
mod on_platform;
#[expect(dead_code, reason = "shared with the contract of the platform, which uses more of it")]
#[path = "../../../platform/tests/provider/receiver.rs"]
mod receiver;
mod sessions;
mod vouchers;
