//! Recurring work: which occurrences are due, and which of them are recorded.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{CatchUp, PhaseId, Plan, Programme, Recurring, RecurringWorkDue};

use crate::Error;
use crate::notices;
use crate::occurrences::Occurrences;

/// An occurrence that is seen within this time was not missed: the runner may sleep for a minute.
pub(crate) const GRACE: TimeDelta = TimeDelta::seconds(60);
/// The most occurrences of one work that a tick records, so that phases never wait long behind
/// them.
const PER_TICK: usize = 64;
/// The most missed occurrences that are counted: counting those of every second would take minutes.
const COUNTED: usize = 100_000;

/// Checks every cron expression of a plan; the error names the entry and its text.
pub fn check_recurring(plan: &Plan) -> Result<(), Error> {
    plan.all_recurring().iter().try_for_each(|work| occurrences(work, plan).map(|_| ()))?;
    plan.notices.iter().try_for_each(|rule| notices::occurrences(rule, plan).map(|_| ()))
}

fn occurrences(work: &Recurring, plan: &Plan) -> Result<Occurrences, Error> {
    Occurrences::parse(format!("recurring work {}", work.name), &work.cron, plan.zone)
}

/// The recurring work of a plan and how far each was checked.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    revision: u32,
    works: BTreeMap<PhaseId, Work>,
}

#[derive(Debug)]
struct Work {
    occurrences: Occurrences,
    catch_up: CatchUp,
    /// Occurrences up to here were recorded or skipped.
    since: DateTime<Utc>,
    /// The first one after `since`.
    next: Option<DateTime<Utc>>,
}

impl Schedule {
    /// Adopts the plan in force, and the occurrences that any scheduler recorded.
    pub(crate) fn adopt(&mut self, programme: &Programme) -> Result<(), Error> {
        let Some(plan) = programme.plan() else { return Ok(()) };
        if self.revision != programme.revision() {
            self.works.clear();
            for work in plan.all_recurring() {
                let occurrences = occurrences(&work, plan)?;
                let Some(since) = programme.recurring_since(&work.name) else { continue };
                let next = occurrences.after(since);
                let catch_up = work.catch_up;
                self.works.insert(work.name.clone(), Work { occurrences, catch_up, since, next });
            }
            self.revision = programme.revision();
        }
        for (name, work) in &mut self.works {
            let since = programme.recurring_since(name);
            if let Some(since) = since.filter(|since| *since > work.since) {
                work.move_to(since);
            }
        }
        Ok(())
    }

    /// What to record now, work by work; mostly nothing.
    pub(crate) fn due(&self, now: DateTime<Utc>) -> Vec<RecurringWorkDue> {
        self.works.iter().flat_map(|(name, work)| work.due(name, now)).collect()
    }

    /// Skips what was missed by work that does not catch up.
    pub(crate) fn skip_missed(&mut self, now: DateTime<Utc>) {
        for work in self.works.values_mut().filter(|work| work.catch_up == CatchUp::Skip) {
            let missed = now - GRACE;
            if work.next.is_some_and(|next| next < missed) {
                work.next = work.occurrences.after(missed - TimeDelta::nanoseconds(1));
            }
        }
    }

    /// The next occurrence of any work; in the past while a tick left some to the next tick.
    pub(crate) fn next_wake(&self) -> Option<DateTime<Utc>> {
        self.works.values().filter_map(|work| work.next).min()
    }
}

impl Work {
    fn move_to(&mut self, since: DateTime<Utc>) {
        self.since = since;
        self.next = self.occurrences.after(since);
    }

    fn due(&self, name: &PhaseId, now: DateTime<Utc>) -> Vec<RecurringWorkDue> {
        let Some(next) = self.next.filter(|next| *next <= now) else { return Vec::new() };
        let late = |at: DateTime<Utc>| u64::try_from((now - at).num_seconds()).unwrap_or(0);
        let due = |at: DateTime<Utc>, skipped: u64| RecurringWorkDue {
            name: name.clone(),
            scheduled_for: at,
            late_seconds: late(at),
            skipped,
        };
        if self.catch_up == CatchUp::All {
            let rest = self.occurrences.run(next, now);
            return std::iter::once(next).chain(rest).take(PER_TICK).map(|at| due(at, 0)).collect();
        }
        let Some(last) = self.occurrences.last_in(self.since, now) else { return Vec::new() };
        if self.catch_up == CatchUp::Skip && now - last > GRACE {
            return Vec::new();
        }
        let missed = self.occurrences.run(self.since, now).take(COUNTED);
        let missed = missed.filter(|at| *at < last).count();
        vec![due(last, u64::try_from(missed).unwrap_or(u64::MAX))]
    }
}
