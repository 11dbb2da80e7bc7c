//! The engine: everything a front end may call.
//!
//! Purpose: the one application layer. Front ends parse, authenticate, call it and render the result;
//! they decide nothing. Deliberately absent: command lines, files that flags name, and printing.

pub mod actions;
pub mod canaries;
mod clock;
mod command_handler;
pub mod erasure;
mod error;
mod home;
mod mailbox_ref;
pub mod notices;
mod place;
pub mod platform_choice;
pub mod provision;
pub mod queries;
mod recordable;
pub mod runner;
pub mod sessions;
pub mod store;
pub mod traces;

pub use clock::{RealClock, VirtualClock};
pub use command_handler::{COMMANDS, CommandHandler};
pub use error::Error;
pub use home::{EngineLock, Home};
pub use mailbox_ref::MailboxRef;
pub use place::{StorePlace, without_secrets};
pub use recordable::{Reason, actor, cause};
