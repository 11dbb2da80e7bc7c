//! The command line: grammar, commands, settings, output and exit codes.
//!
//! A command parses, calls the engine or the rehearsal, and prints. A library, so that tests can
//! inspect the grammar. Deliberately absent: rules, which are the domain's and the engine's.

pub mod cli;
pub mod commands;
mod config;
pub mod exit;
pub mod output;
mod secrets;

pub use ::engine::{Error, Home, StoreUrl};
