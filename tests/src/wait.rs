//! Waiting for what others do: a condition is checked again and again, up to a limit.

use std::time::{Duration, Instant};

/// Between the first two checks; twice as long after each, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(64);

/// Waits until a condition holds; false if it does not within the limit.
#[must_use]
pub(crate) fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let (begun, mut pause) = (Instant::now(), SHORTEST);
    loop {
        if condition() {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::sleep(pause);
        pause = LONGEST.min(pause * 2);
    }
}

/// The same without blocking the thread.
#[must_use]
pub(crate) async fn until_async(limit: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let (begun, mut pause) = (Instant::now(), SHORTEST);
    loop {
        if condition().await {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST.min(pause * 2);
    }
}
