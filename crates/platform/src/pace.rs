//! The rate limits of a platform.
//!
//! Invariant: a call starts only when the limits of all its effects admit it, and then counts for
//! all of them at once, so two calls cannot deadlock. Deliberately absent: fairness between waiting
//! calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Capabilities, Capability};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

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
    loads: Arc<watch::Sender<Loads>>,
}

type Loads = BTreeMap<Capability, Load>;

#[derive(Debug, Clone, Copy, Default)]
struct Load {
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
        self.loads.send_modify(|loads| loads.entry(effect).or_default().limits = limits);
    }

    /// The limits of one effect.
    pub fn limits(&self, effect: Capability) -> Limits {
        self.loads.borrow().get(&effect).map(|load| load.limits).unwrap_or_default()
    }

    /// The number of calls in flight for the effect.
    pub fn under_way(&self, effect: Capability) -> u32 {
        self.loads.borrow().get(&effect).map_or(0, |load| load.under_way)
    }

    /// Waits until a call for these effects may start; it counts as in flight until the result is
    /// dropped. A cancelled wait does not count.
    pub async fn begin(&self, effects: Capabilities) -> UnderWay {
        // Before the check, so that no change between the check and the wait is missed.
        let mut changes = self.loads.subscribe();
        loop {
            let mut turn = Turn::AfterAChange;
            self.loads.send_if_modified(|loads| {
                turn = take_turn(loads, effects, Instant::now());
                // A call that starts lets no other one start.
                false
            });
            match turn {
                Turn::Now => return UnderWay { loads: Arc::clone(&self.loads), effects },
                Turn::AfterAChange => drop(changes.changed().await),
                Turn::At(instant) => drop(timeout_at(instant, changes.changed()).await),
            }
        }
    }
}

fn take_turn(loads: &mut Loads, effects: Capabilities, now: Instant) -> Turn {
    let mut earliest = now;
    for effect in effects.iter() {
        match loads.entry(effect).or_default().turn(now) {
            Turn::Now => {}
            Turn::At(instant) => earliest = earliest.max(instant),
            Turn::AfterAChange => return Turn::AfterAChange,
        }
    }
    if earliest > now {
        return Turn::At(earliest);
    }
    for effect in effects.iter() {
        loads.entry(effect).or_default().begin(now);
    }
    Turn::Now
}

impl Load {
    /// The next start in an even rhythm; `None` without a rate limit or an earlier call.
    fn next(&self) -> Option<Instant> {
        let calls = self.limits.calls_per_second.filter(|calls| *calls > 0)?;
        Some(self.last? + Duration::from_secs(1) / calls)
    }

    fn turn(&self, now: Instant) -> Turn {
        let full = self.limits.concurrent_calls.is_some_and(|most| self.under_way >= most);
        if full || self.limits.calls_per_second == Some(0) {
            return Turn::AfterAChange;
        }
        self.next().filter(|next| *next > now).map_or(Turn::Now, Turn::At)
    }

    fn begin(&mut self, now: Instant) {
        let late_at_most = now.checked_sub(MADE_UP).unwrap_or(now);
        self.last = Some(self.next().map_or(now, |even| even.max(late_at_most)));
        self.under_way = self.under_way.saturating_add(1);
    }
}

/// A call in flight. Drop it when the call has ended.
#[derive(Debug)]
#[must_use = "the call counts as ended as soon as this is dropped"]
pub struct UnderWay {
    loads: Arc<watch::Sender<Loads>>,
    effects: Capabilities,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.loads.send_modify(|loads| {
            for effect in self.effects.iter() {
                let load = loads.entry(effect).or_default();
                load.under_way = load.under_way.saturating_sub(1);
            }
        });
    }
}
