//! The wiring of the one binary: the embedded engine, the rehearsal, and what the command line calls.
//!
//! Deliberately absent: rules. What is true is the domain's, and each part's own crate says how.

pub mod cli;
mod clock;
pub mod commands;
pub mod engine;
mod error;
pub mod generate;
mod home;
pub mod output;
mod provision;
pub mod rehearse;
pub mod runner;

pub use clock::{RealClock, VirtualClock};
pub use error::Error;
pub use home::{EngineLock, Home};
