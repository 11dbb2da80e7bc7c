//! Answers Postfix's policy delegation protocol: may this mailbox send, may that one receive, at
//! this instant?
//!
//! For mail platforms whose own tables may not be touched. Purpose: a refusal that begins at the
//! instant of the plan, to the clock of this machine, whether or not the scheduler runs.
//! Invariants: what is not known for certain defers the mail (`451 4.3.5`), it is never lost, let
//! through early or refused wrongly; and an answer waits for no store, only for memory.
//! Deliberately absent: writing anything anywhere.

mod addresses;
mod answer;
mod error;
mod follower;
mod known;
mod measure;
mod protocol;
mod server;
mod text;

pub use answer::Answer;
pub use error::Error;
pub use follower::Follower;
pub use known::Known;
pub use measure::describe_metrics;
pub use protocol::{Garbage, Parser, Request};
pub use server::{Limits, Server};
