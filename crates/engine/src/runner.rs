//! The loop that turns a part into a task.
//!
//! A part ticks again at once while it makes progress; then it rests until an append to the log or
//! its next wake, at most a minute, so that a clock that jumped is noticed. After an error it backs
//! off; the first error of a series and its end are logged. A stop takes effect between two ticks.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use eventstore::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backoff::backoff;
use crate::health::{Health, PartStatus};
use crate::parts::{Part, Progress};

/// The longest rest, whatever the calendar says.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Runs the parts of one process. Clones share its clock, health and stop.
#[derive(Clone)]
pub struct Runner {
    /// The clock of this process.
    pub clock: Arc<dyn Clock>,
    /// Where each part reports its status.
    pub health: Arc<Health>,
    /// Ends every part, between two ticks.
    pub stop: CancellationToken,
    longest_rest: Duration,
}

impl Runner {
    /// A runner of parts without leases.
    pub fn new(clock: Arc<dyn Clock>, health: Arc<Health>, stop: CancellationToken) -> Self {
        Self { clock, health, stop, longest_rest: LONGEST_REST }
    }

    /// A runner of leased parts: each tick renews the lease or finds out that it has expired, so
    /// parts tick three times per lease at least.
    #[must_use]
    pub fn with_leases(self, ttl: Duration) -> Self {
        Self { longest_rest: LONGEST_REST.min(ttl / 3), ..self }
    }

    /// Ticks a part until the stop, woken by each change of `wakeups`.
    pub async fn run(
        &self,
        name: &'static str,
        part: &mut dyn Part,
        mut wakeups: watch::Receiver<u64>,
    ) {
        let mut failures = 0_u32;
        while !self.stop.is_cancelled() {
            // Marked as seen before the tick reads: an append during the tick wakes it again.
            wakeups.borrow_and_update();
            let rest = match part.tick(self.clock.now()).await {
                Ok(Progress { done, next_wake, status }) => {
                    if failures > 0 {
                        tracing::info!(part = name, failures, "tick succeeded again");
                        failures = 0;
                    }
                    self.health.report(name, status);
                    if done > 0 {
                        continue;
                    }
                    let until = next_wake.map_or(TimeDelta::MAX, |wake| wake - self.clock.now());
                    until
                        .to_std()
                        .unwrap_or(Duration::ZERO)
                        .clamp(Duration::from_millis(1), self.longest_rest)
                }
                Err(error) => {
                    self.health.report(name, PartStatus::Failing(error.to_string()));
                    if failures == 0 {
                        tracing::error!(part = name, %error, "tick failed, retrying");
                    }
                    let rest = backoff(failures);
                    failures = failures.saturating_add(1);
                    rest
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = sleep_until(Instant::now() + rest) => {}
                woken = wakeups.changed(), if failures == 0 => {
                    if woken.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
