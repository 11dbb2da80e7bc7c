//! The controllers: the sweep that finds work, the worker that carries it out, the reconciliation
//! with the platform, the sender of notices, the prober of canaries, and the port that ends open
//! sessions.
//!
//! Each reads the state and acts on the difference between desired and applied, so lost, duplicated
//! and stale work orders are harmless. Deliberately absent: dates. The scheduler starts phases.

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
