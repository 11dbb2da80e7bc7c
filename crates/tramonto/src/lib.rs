//! The wiring of the one binary: the embedded engine, the rehearsal, and what the command line calls.
//!
//! Deliberately absent: rules. What is true is the domain's, and each part's own crate says how.

pub mod cli;
pub mod commands;
mod config;
pub mod embedded;
pub mod exit;
mod extracts;
pub mod generate;
mod log;
pub mod output;
mod portal;
pub mod rehearse;
mod requests;
mod services;
mod signals;

pub use ::engine::{EngineLock, Error, Home, RealClock, StorePlace, VirtualClock};
