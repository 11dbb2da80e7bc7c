//! How many messages are taken, of one sender and of all: a mail bomb is told to come later, and nothing of it
//! is lost.
//!
//! A pace is kept as one instant per sender (GCRA): when the next message would be on time. Invariant: it holds
//! a bounded number of senders, as keyed hashes; where they are more, all unknown ones share one pace. Reports of mail
//! servers, which all have the null sender (RFC 5321, 4.5.5), have a tenth of the pace of all.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Senders that are remembered at once.
const MOST_SENDERS: usize = 100_000;

/// So many messages, and then one each `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many may come at once.
    pub burst: u32,
    /// How long it takes until another one may.
    pub period: Duration,
}

/// Lets messages in by a pace of each sender and one of all.
#[derive(Debug)]
pub struct Gate {
    sender: Pace,
    all: Pace,
    reports: Pace,
    hasher: RandomState,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    all: Option<Instant>,
    reports: Option<Instant>,
    senders: HashMap<u64, Instant>,
    /// Of senders that there was no place for.
    others: Option<Instant>,
}

impl Gate {
    /// A gate with these paces.
    pub fn new(sender: Pace, all: Pace) -> Self {
        let reports = Pace { burst: all.burst.div_ceil(10), period: all.period.saturating_mul(10) };
        Self { sender, all, reports, hasher: RandomState::new(), times: Mutex::default() }
    }

    /// May another message of this sender come in now? If so, it counts.
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
            // Whose time has passed is as good as new.
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

/// When the one after this would be on time; `None` where this one is too early.
fn next(pace: Pace, due: Option<Instant>, now: Instant) -> Option<Instant> {
    let due = due.map_or(now, |due| due.max(now));
    let slack = pace.period.saturating_mul(pace.burst.saturating_sub(1));
    if due.duration_since(now) > slack { None } else { due.checked_add(pace.period) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(burst: u32, seconds: u64) -> Pace {
        Pace { burst, period: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_sender_over_the_pace_comes_later_and_others_do_not_wait() {
        let gate = Gate::new(pace(3, 60), pace(100, 1));
        let now = Instant::now();
        let taken = |sender, at| (0..10).filter(|_| gate.admits(sender, at)).count();
        assert_eq!(taken("bomb@a.example", now), 3);
        assert_eq!(taken("BOMB@a.example", now), 0, "capitals make no other sender");
        assert_eq!(taken("other@a.example", now), 3);
        assert_eq!(taken("bomb@a.example", now + Duration::from_mins(1)), 1);
        assert_eq!(taken("bomb@a.example", now + Duration::from_mins(10)), 3);
    }

    #[test]
    fn reports_of_mail_servers_have_a_tenth_of_the_pace_of_all() {
        let gate = Gate::new(pace(3, 60), pace(100, 1));
        let now = Instant::now();
        let taken = |sender, at| (0..50).filter(|_| gate.admits(sender, at)).count();
        assert_eq!(taken("", now), 10, "they are not one sender's");
        assert_eq!(taken("", now + Duration::from_secs(30)), 3);
        assert_eq!(taken("someone@a.example", now), 3);
    }

    #[test]
    fn all_together_have_a_pace_too() {
        let gate = Gate::new(pace(3, 60), pace(5, 1));
        let now = Instant::now();
        let taken = |at| (0..50).filter(|n| gate.admits(&format!("{n}@a.example"), at)).count();
        assert_eq!(taken(now), 5);
        assert_eq!(taken(now + Duration::from_secs(2)), 2);
    }

    #[test]
    fn more_senders_than_are_remembered_share_a_pace() {
        let gate = Gate::new(pace(1, 60), pace(u32::MAX, 1));
        let now = Instant::now();
        let taken = (0..MOST_SENDERS + 10).filter(|n| gate.admits(&n.to_string(), now)).count();
        assert_eq!(taken, MOST_SENDERS + 1);
        assert!(gate.admits("late", now + Duration::from_secs(61)), "old ones are forgotten");
    }
}
