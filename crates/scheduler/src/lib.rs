//! Turns dates into events: a phase's date into `PhaseStarted`, an occurrence of a cron expression
//! into `RecurringWorkDue` or `NoticesReleased`.
//!
//! Invariants: a phase starts exactly once, in the order of the plan and never before its instant,
//! whatever the clock does and however many schedulers tick on one log; the expected version of a
//! stream lets one of them win. State is the only input, so a restart is just another tick.
//! Deliberately absent: sleeping (the runner does it), timers per mailbox, and anything that
//! touches a platform.

mod clock;
mod error;
mod notices;
mod occurrences;
mod recurring;
mod scheduler;

pub use error::Error;
pub use recurring::check_recurring;
pub use scheduler::Scheduler;
