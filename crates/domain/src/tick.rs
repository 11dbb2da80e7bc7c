use chrono::{DateTime, Utc};

/// What one pass of a loop came to: the scheduler, the sweep and every projection give one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// How much was done; 0 where there was nothing to do.
    pub progress: u64,
    /// When there will be something to do by the mere passing of time.
    pub next_wake: Option<DateTime<Utc>>,
}
