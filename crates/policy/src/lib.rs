//! Answers Postfix's policy delegation protocol: may this mailbox send, may that one receive, at
//! this instant?
//!
//! For mail platforms whose own tables cannot be changed. Purpose: a refusal that starts at the
//! instant of the plan by the clock of this machine, whether or not the scheduler runs. Invariants:
//! without a certain answer the mail is deferred (`451 4.3.5`), never lost, accepted wrongly or
//! refused wrongly; an answer is computed from memory and waits for no store. Deliberately absent:
//! writing anything.

mod addresses;
mod answer;
mod error;
mod follower;
mod measure;
mod protocol;
mod server;
mod snapshot;
mod text;

pub use answer::Answer;
pub use error::Error;
pub use follower::Follower;
pub use protocol::{Garbage, Parser, Request};
pub use server::{Limits, Server};
pub use snapshot::Snapshot;
