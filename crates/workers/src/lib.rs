//! Who acts: the sweep that finds work, the worker that has it done, the port to the mail
//! platform, the sender of notices, and the prober of our own mailboxes.
//!
//! Controllers, not callbacks: both look at the state and act on the difference between what is
//! desired and what is applied, so a lost, doubled or stale work order does no harm.
//! Deliberately absent: dates. When a phase starts is the scheduler's to say.

pub mod canary;
mod error;
pub mod notices;
mod perform;
mod reconcile;
mod record;
mod sessions;
mod sweep;
mod worker;

pub use error::Error;
pub use reconcile::Reconciler;
pub use sessions::{OpenSessions, SessionCommand, SessionsError};
pub use sweep::{Sweep, SweepSettings};
pub use worker::Worker;
