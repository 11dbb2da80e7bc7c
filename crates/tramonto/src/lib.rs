//! The wiring of the one binary: the embedded engine, the rehearsal, and what the command line
//! calls.
//!
//! Deliberately absent: rules. What is true is the domain's, and each part's own crate says how.

pub mod cli;
pub mod commands;
mod config;
pub mod exit;
mod log;
pub mod output;

pub use ::engine::{Error, Home, StoreUrl};
