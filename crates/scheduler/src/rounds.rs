//! The pace of notices: at each occurrence of a notice's cron expression a batch may go out.
//!
//! An occurrence that passed while nothing ran is not made up for: it was the hour of the day that the plan
//! chose, and the next one comes. Deliberately absent: whom a batch holds, which the domain decides.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    NoticeRule, NoticeStanding, PhaseId, Plan, Programme, State, notice_account, notice_standing,
};

use crate::Error;
use crate::occurrences::Occurrences;
use crate::recurring::GRACE;

/// The notices of a plan with the instants of each.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    revision: u32,
    occurrences: BTreeMap<PhaseId, Occurrences>,
}

pub(crate) fn occurrences(rule: &NoticeRule, plan: &Plan) -> Result<Occurrences, Error> {
    let NoticeRule { id, cron, .. } = rule;
    Occurrences::parse(cron, plan.zone).map_err(|problem| Error::NoticeCron {
        notice: id.clone(),
        cron: cron.clone(),
        problem,
    })
}

impl Rounds {
    /// Follows the plan in force.
    pub(crate) fn follow(&mut self, programme: &Programme) -> Result<(), Error> {
        let Some(plan) = programme.plan() else { return Ok(()) };
        if self.revision != programme.revision() {
            let read = |rule: &NoticeRule| Ok((rule.id.clone(), occurrences(rule, plan)?));
            self.occurrences = plan.notices.iter().map(read).collect::<Result<_, Error>>()?;
            self.revision = programme.revision();
        }
        Ok(())
    }

    /// The notices that go out, each with the occurrence that has just come.
    pub(crate) fn due(&self, state: &State, now: DateTime<Utc>) -> Vec<(PhaseId, DateTime<Utc>)> {
        let Some(plan) = state.plan() else { return Vec::new() };
        let open = plan.notices.iter();
        let open =
            open.filter(|rule| notice_standing(state, plan, rule, now) == NoticeStanding::Open);
        let due = open.filter_map(|rule| {
            let last = self.occurrences.get(&rule.id)?.last_in(now - GRACE, now)?;
            let told = state.notices.get(&rule.id).and_then(|told| told.last());
            let news = told.is_none_or(|told| told.scheduled_for < last);
            news.then(|| (rule.id.clone(), last))
        });
        due.collect()
    }

    /// The next occurrence of a notice that has somebody left.
    pub(crate) fn next_wake(&self, state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let plan = state.plan()?;
        let next = |rule: &NoticeRule| {
            let (opens, closes) = rule.window(plan)?;
            let after = match notice_standing(state, plan, rule, now) {
                NoticeStanding::Upcoming => opens - TimeDelta::nanoseconds(1),
                NoticeStanding::Open => now,
                NoticeStanding::Over => return None,
            };
            // Whoever comes later wakes everyone by being recorded.
            if notice_account(state, rule).left.is_empty() {
                return None;
            }
            self.occurrences.get(&rule.id)?.after(after).filter(|at| *at < closes)
        };
        plan.notices.iter().filter_map(next).min()
    }
}
