//! The engine: everything a front end may call.
//!
//! Purpose: the one application layer. Front ends parse, authenticate, call it and render the
//! result; they decide nothing. Deliberately absent: command lines, files that flags name, and
//! printing.

pub mod actions;
mod backoff;
mod clock;
mod command_handler;
mod deployment;
pub mod embedded;
mod endpoints;
pub mod erasure;
mod error;
pub mod health;
mod home;
mod issuing;
mod log_table_url;
mod mailbox_ref;
pub mod metrics;
pub mod parts;
pub mod platform_choice;
pub mod process;
mod provisioning;
pub mod queries;
mod recordable;
pub mod runner;
pub mod services;
pub mod settings;
mod signals;
pub mod store;
mod tasks;

pub use clock::RealClock;
pub use command_handler::{COMMANDS, CommandHandler};
pub use error::Error;
pub use home::{EngineLock, Home};
pub use log_table_url::LogTableUrl;
pub use mailbox_ref::MailboxRef;
pub use recordable::{Reason, actor, cause};
pub use settings::{BusSettings, EngineSettings, ProcessSettings, RunMode, ServiceSettings};
pub use sql::StoreUrl;
pub use tasks::Tasks;
