//! The rest after a failed attempt: it doubles with each further failure, up to five seconds.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The rest after that many failures in a row before this one.
pub(crate) fn backoff(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST)
}
