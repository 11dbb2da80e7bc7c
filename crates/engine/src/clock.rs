//! The machine's clock: the only place that reads it.

use chrono::{DateTime, Utc};
use eventstore::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
