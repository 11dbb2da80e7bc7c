//! The engine: everything a front end may call.
//!
//! Purpose: the one application layer. Front ends parse, authenticate, call it and render the result;
//! they decide nothing. Deliberately absent: command lines, files that flags name, and printing.

pub mod canaries;
mod clock;
mod error;
mod home;
pub mod notices;
mod place;
pub mod platform_choice;
pub mod provision;
pub mod runner;
pub mod sessions;
pub mod traces;

pub use clock::{RealClock, VirtualClock};
pub use error::Error;
pub use home::{EngineLock, Home};
pub use place::{StorePlace, without_secrets};
