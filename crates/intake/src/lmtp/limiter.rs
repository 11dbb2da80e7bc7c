//! Rate limits for messages, per sender and overall. Messages over a limit are deferred, not lost.
//!
//! A limit is one instant per sender (GCRA): when the next message conforms. Invariant: a bounded
//! number of senders is tracked, as keyed hashes; beyond it all other senders share one limit.
//! Delivery reports, which all have the null sender (RFC 5321, 4.5.5), get a tenth of the overall
//! rate.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Senders tracked at once.
const MOST_SENDERS: usize = 100_000;

/// A burst of messages, then one per `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages accepted at once.
    pub burst: u32,
    /// The interval of further messages.
    pub period: Duration,
}

/// Limits the messages of each sender and of all senders together.
#[derive(Debug)]
pub struct RateLimiter {
    sender: Rate,
    all: Rate,
    reports: Rate,
    hasher: RandomState,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    all: Option<Instant>,
    reports: Option<Instant>,
    senders: HashMap<u64, Instant>,
    /// Shared by senders that are not tracked.
    others: Option<Instant>,
}

impl RateLimiter {
    /// A limiter with these rates.
    pub fn new(sender: Rate, all: Rate) -> Self {
        let reports = Rate { burst: all.burst.div_ceil(10), period: all.period.saturating_mul(10) };
        Self { sender, all, reports, hasher: RandomState::new(), times: Mutex::default() }
    }

    /// Admits a message of this sender now, and counts it; false if a limit is exceeded.
    pub(super) fn admits(&self, sender: &str, now: Instant) -> bool {
        let key = self.hasher.hash_one(sender.to_ascii_lowercase());
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(all) = next(self.all, times.all, now) else { return false };
        if sender.is_empty() {
            let Some(due) = next(self.reports, times.reports, now) else { return false };
            (times.reports, times.all) = (Some(due), Some(all));
            return true;
        }
        if times.senders.len() >= MOST_SENDERS && !times.senders.contains_key(&key) {
            // A sender whose limit has recovered need not be tracked.
            times.senders.retain(|_, due| *due > now);
        }
        let known = times.senders.contains_key(&key) || times.senders.len() < MOST_SENDERS;
        let due = if known { times.senders.get(&key).copied() } else { times.others };
        let Some(due) = next(self.sender, due, now) else { return false };
        if known {
            times.senders.insert(key, due);
        } else {
            times.others = Some(due);
        }
        times.all = Some(all);
        true
    }
}

/// When the message after this one conforms; `None` if this one does not.
fn next(rate: Rate, due: Option<Instant>, now: Instant) -> Option<Instant> {
    let due = due.map_or(now, |due| due.max(now));
    let slack = rate.period.saturating_mul(rate.burst.saturating_sub(1));
    if due.duration_since(now) > slack { None } else { due.checked_add(rate.period) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(burst: u32, seconds: u64) -> Rate {
        Rate { burst, period: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_sender_over_its_limit_does_not_delay_others() {
        let limiter = RateLimiter::new(rate(3, 60), rate(100, 1));
        let now = Instant::now();
        let admitted = |sender, at| (0..10).filter(|_| limiter.admits(sender, at)).count();
        assert_eq!(admitted("bomb@a.example", now), 3);
        assert_eq!(admitted("BOMB@a.example", now), 0, "case does not matter");
        assert_eq!(admitted("other@a.example", now), 3);
        assert_eq!(admitted("bomb@a.example", now + Duration::from_mins(1)), 1);
        assert_eq!(admitted("bomb@a.example", now + Duration::from_mins(10)), 3);
    }

    #[test]
    fn delivery_reports_have_a_tenth_of_the_overall_rate() {
        let limiter = RateLimiter::new(rate(3, 60), rate(100, 1));
        let now = Instant::now();
        let admitted = |sender, at| (0..50).filter(|_| limiter.admits(sender, at)).count();
        assert_eq!(admitted("", now), 10, "they are not limited as one sender");
        assert_eq!(admitted("", now + Duration::from_secs(30)), 3);
        assert_eq!(admitted("someone@a.example", now), 3);
    }

    #[test]
    fn there_is_an_overall_limit() {
        let limiter = RateLimiter::new(rate(3, 60), rate(5, 1));
        let now = Instant::now();
        let admitted =
            |at| (0..50).filter(|n| limiter.admits(&format!("{n}@a.example"), at)).count();
        assert_eq!(admitted(now), 5);
        assert_eq!(admitted(now + Duration::from_secs(2)), 2);
    }

    #[test]
    fn more_senders_than_are_remembered_share_a_rate() {
        let limiter = RateLimiter::new(rate(1, 60), rate(u32::MAX, 1));
        let now = Instant::now();
        let admitted =
            (0..MOST_SENDERS + 10).filter(|n| limiter.admits(&n.to_string(), now)).count();
        assert_eq!(admitted, MOST_SENDERS + 1);
        assert!(
            limiter.admits("late", now + Duration::from_secs(61)),
            "recovered senders are dropped"
        );
    }
}
