//! One small runner that turns any tick into a service.
//!
//! It wakes on a signal or when the tick asked to be woken, but never later than after a minute, so a
//! clock that jumped or a machine that slept is noticed; it backs off on an error, says it once, and
//! stops cleanly between two ticks. A tick takes no hint: state is its input, so a restart is just
//! another tick.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Tick;
use eventstore::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use workers::Worker;

use crate::Error;

/// No sleep is longer, whatever the calendar says.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// The first rest after an error; it doubles with each further one.
const FIRST_REST: Duration = Duration::from_millis(100);
/// No rest after errors is longer.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// One worker's life: order after order until the queue closes.
pub async fn work(worker: Worker) {
    let mut failures = 0_u32;
    loop {
        match worker.next().await {
            Ok(()) => failures = 0,
            Err(workers::Error::Bus(bus::Error::Closed)) => break,
            Err(error) => {
                if failures == 0 {
                    tracing::warn!("an order was handed back: {error}; it is tried again");
                }
                tokio::time::sleep(rest(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// How long to rest after so many failures in a row before this one.
fn rest(failures: u32) -> Duration {
    FIRST_REST.saturating_mul(1 << failures.min(16)).min(LONGEST_REST)
}

/// What works in passes: a part of the engine, or all of it.
#[async_trait]
pub trait Passes: Send {
    /// One pass; state is its input, so a restart is just another pass.
    async fn pass(&mut self) -> Result<Tick, Error>;
}

/// Makes passes until it is stopped.
pub async fn serve(
    name: &str,
    clock: Arc<dyn Clock>,
    mut appended: watch::Receiver<u64>,
    stop: CancellationToken,
    passes: &mut dyn Passes,
) {
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        // Seen before the tick looks: what is appended while it works wakes it again.
        appended.borrow_and_update();
        let rest = match passes.pass().await {
            Ok(Tick { progress, .. }) if progress > 0 => {
                failures = 0;
                continue;
            }
            Ok(Tick { next_wake, .. }) => {
                failures = 0;
                let until = next_wake.map_or(TimeDelta::MAX, |wake| wake - clock.now());
                until
                    .to_std()
                    .unwrap_or(Duration::ZERO)
                    .clamp(Duration::from_millis(1), LONGEST_SLEEP)
            }
            Err(error) => {
                if failures == 0 {
                    tracing::error!("{name}: {error}; it is tried again");
                }
                let rest = rest(failures);
                failures = failures.saturating_add(1);
                rest
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep_until(Instant::now() + rest) => {}
            woken = appended.changed(), if failures == 0 => {
                if woken.is_err() {
                    break;
                }
            }
        }
    }
}
