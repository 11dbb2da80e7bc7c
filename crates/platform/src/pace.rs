//! The rate limits of a platform.
//!
//! Invariant: a call starts only when the limits of all its effects admit it, and then counts for
//! all of them at once, so two calls cannot deadlock. Deliberately absent: fairness between waiting
//! calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Capabilities, Capability};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How far a call may start ahead of an even rhythm, to compensate for late timers: they tick in
/// milliseconds, which would cost a limit of 1,000 per second half of its calls.
const MADE_UP: Duration = Duration::from_millis(2);

/// The limits of one effect. `None` is no limit; 0 lets no call start until it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls that may start per second, evenly spaced.
    pub calls_per_second: Option<u32>,
    /// Maximum calls in flight.
    pub concurrent_calls: Option<u32>,
}

/// The limits of all effects; none at first. Clones share them; a change takes effect at once, also
/// for waiting calls.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    lanes: Mutex<BTreeMap<Capability, Lane>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    limits: Limits,
    under_way: u32,
    /// When the last call started, or would have in an even rhythm.
    last: Option<Instant>,
}

/// When a call may start.
enum Turn {
    Now,
    At(Instant),
    AfterAChange,
}

impl Pace {
    /// Changes the limits of one effect.
    pub fn set(&self, effect: Capability, limits: Limits) {
        self.shared.lanes().entry(effect).or_default().limits = limits;
        self.shared.changed.notify_waiters();
    }

    /// The limits of one effect.
    pub fn limits(&self, effect: Capability) -> Limits {
        self.shared.lanes().get(&effect).map_or_else(Limits::default, |lane| lane.limits)
    }

    /// The number of calls in flight for the effect.
    pub fn under_way(&self, effect: Capability) -> u32 {
        self.shared.lanes().get(&effect).map_or(0, |lane| lane.under_way)
    }

    /// Waits until a call for these effects may start; it counts as in flight until the result is
    /// dropped. A cancelled wait does not count.
    pub async fn begin(&self, effects: Capabilities) -> UnderWay {
        loop {
            // Registered before the check, so that no change between the check and the wait is
            // missed.
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.shared.take_turn(effects, Instant::now()) {
                Turn::Now => return UnderWay { shared: Arc::clone(&self.shared), effects },
                Turn::AfterAChange => changed.await,
                Turn::At(instant) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(instant) => {}
                },
            }
        }
    }
}

impl Shared {
    /// The mutex is never poisoned: no code panics while it holds the lock.
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<Capability, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_turn(&self, effects: Capabilities, now: Instant) -> Turn {
        let mut lanes = self.lanes();
        let mut earliest = now;
        for effect in effects.iter() {
            match lanes.entry(effect).or_default().turn(now) {
                Turn::Now => {}
                Turn::At(instant) => earliest = earliest.max(instant),
                Turn::AfterAChange => return Turn::AfterAChange,
            }
        }
        if earliest > now {
            return Turn::At(earliest);
        }
        for effect in effects.iter() {
            lanes.entry(effect).or_default().begin(now);
        }
        Turn::Now
    }
}

impl Lane {
    /// The time between two calls; `None` without a rate limit.
    fn interval(&self) -> Option<Duration> {
        let calls = self.limits.calls_per_second.filter(|calls| *calls > 0)?;
        Some(Duration::from_secs(1) / calls)
    }

    fn turn(&self, now: Instant) -> Turn {
        let full = self.limits.concurrent_calls.is_some_and(|most| self.under_way >= most);
        if full || self.limits.calls_per_second == Some(0) {
            return Turn::AfterAChange;
        }
        match self.last.zip(self.interval()).map(|(last, interval)| last + interval) {
            Some(next) if next > now => Turn::At(next),
            _ => Turn::Now,
        }
    }

    fn begin(&mut self, now: Instant) {
        let even = self.last.zip(self.interval()).map(|(last, interval)| last + interval);
        let late_at_most = now.checked_sub(MADE_UP).unwrap_or(now);
        self.last = Some(even.map_or(now, |even| even.max(late_at_most)));
        self.under_way = self.under_way.saturating_add(1);
    }
}

/// A call in flight. Drop it when the call has ended.
#[derive(Debug)]
#[must_use = "the call counts as ended as soon as this is dropped"]
pub struct UnderWay {
    shared: Arc<Shared>,
    effects: Capabilities,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut lanes = self.shared.lanes();
        for effect in self.effects.iter() {
            let lane = lanes.entry(effect).or_default();
            lane.under_way = lane.under_way.saturating_sub(1);
        }
        drop(lanes);
        self.shared.changed.notify_waiters();
    }
}
