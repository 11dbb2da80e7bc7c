//! The wiring of the one binary: the embedded engine, the rehearsal, and what the command line calls.
//!
//! Deliberately absent: rules. What is true is the domain's, and each part's own crate says how.

pub mod canaries;
pub mod cli;
mod clock;
pub mod commands;
mod config;
mod desk;
pub mod engine;
mod erasure;
mod error;
mod extracts;
pub mod generate;
mod home;
mod keys;
mod log;
pub mod notices;
pub mod output;
mod place;
pub mod platform;
mod portal;
mod provision;
pub mod rehearse;
mod requests;
pub mod runner;
mod services;
mod sessions;
mod signals;
mod traces;

pub use clock::{RealClock, VirtualClock};
pub use error::Error;
pub use home::{EngineLock, Home};
pub use place::StorePlace;
