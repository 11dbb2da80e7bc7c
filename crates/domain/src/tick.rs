use chrono::{DateTime, Utc};

/// The result of one pass of a part: scheduler, sweep, worker, projections and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Units of work done; 0 if nothing was due.
    pub progress: u64,
    /// The next instant at which work becomes due without a new event.
    pub next_wake: Option<DateTime<Utc>>,
}
