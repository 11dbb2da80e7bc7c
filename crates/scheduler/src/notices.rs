//! The schedule of notices: at each occurrence of a notice's cron expression a batch may be sent.
//!
//! An occurrence that was missed while no scheduler ran is skipped: the plan chose that hour of the
//! day, and the next occurrence follows. Deliberately absent: who is in a batch, which the domain
//! decides.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    NoticeRule, NoticeStanding, PhaseId, Plan, Programme, State, notice_account, notice_standing,
};

use crate::Error;
use crate::occurrences::Occurrences;
use crate::recurring::GRACE;

/// The notices of a plan with the occurrences of each.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    revision: u32,
    occurrences: BTreeMap<PhaseId, Occurrences>,
}

pub(crate) fn occurrences(rule: &NoticeRule, plan: &Plan) -> Result<Occurrences, Error> {
    Occurrences::parse(format!("notice {}", rule.id), &rule.cron, plan.zone)
}

impl Schedule {
    /// Adopts the plan in force.
    pub(crate) fn adopt(&mut self, programme: &Programme) -> Result<(), Error> {
        let Some(plan) = programme.plan() else { return Ok(()) };
        if self.revision != programme.revision() {
            let parse = |rule: &NoticeRule| Ok((rule.id.clone(), occurrences(rule, plan)?));
            self.occurrences = plan.notices.iter().map(parse).collect::<Result<_, Error>>()?;
            self.revision = programme.revision();
        }
        Ok(())
    }

    /// The notices to release now, each with its latest occurrence.
    pub(crate) fn due(&self, state: &State, now: DateTime<Utc>) -> Vec<(PhaseId, DateTime<Utc>)> {
        let Some(plan) = state.plan() else { return Vec::new() };
        let open = plan.notices.iter();
        let open =
            open.filter(|rule| notice_standing(state, plan, rule, now) == NoticeStanding::Open);
        let due = open.filter_map(|rule| {
            let last = self.occurrences.get(&rule.id)?.last_in(now - GRACE, now)?;
            let released = state.notices.get(&rule.id).and_then(|progress| progress.last.as_ref());
            let is_new = released.is_none_or(|released| released.scheduled_for < last);
            is_new.then(|| (rule.id.clone(), last))
        });
        due.collect()
    }

    /// The next occurrence of a notice that has mailboxes left.
    pub(crate) fn next_wake(&self, state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let plan = state.plan()?;
        let next = |rule: &NoticeRule| {
            let (opens, closes) = rule.window(plan)?;
            let after = match notice_standing(state, plan, rule, now) {
                NoticeStanding::Upcoming => opens - TimeDelta::nanoseconds(1),
                NoticeStanding::Open => now,
                NoticeStanding::Over => return None,
            };
            // A mailbox that is added later is an event, which wakes every scheduler.
            if notice_account(state, rule).left.is_empty() {
                return None;
            }
            self.occurrences.get(&rule.id)?.after(after).filter(|at| *at < closes)
        };
        plan.notices.iter().filter_map(next).min()
    }
}
