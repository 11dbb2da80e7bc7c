//! A small programme: some dozens of mailboxes, real commands, a platform that may fail, a clock
//! that jumps. After every step of any scenario the laws of `law.rs` must hold.

mod canaries;
mod law;
mod notices;
mod scenario;
mod step;
mod work;
mod world;
