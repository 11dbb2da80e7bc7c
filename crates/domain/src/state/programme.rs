//! The programme as a whole: plan, pause, rate limits, recurring work.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Capability, Event, Fact, PaceChanged, PhaseId, Plan, PlanAdopted, Recurring};

/// The programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    /// The plan in force and its revision; `None` before the first is adopted.
    plan: Option<PlanAdopted>,
    /// Is the sweep paused?
    pub paused: bool,
    /// Rate limits by effect; a missing effect has no limit.
    pub paces: BTreeMap<Capability, PaceChanged>,
    /// The last recorded occurrence of each recurring work.
    pub recurring: BTreeMap<PhaseId, DateTime<Utc>>,
    /// When each recurring work entered the plan with its present cron expression.
    recurring_from: BTreeMap<PhaseId, DateTime<Utc>>,
    /// When the first plan was adopted.
    pub adopted_at: Option<DateTime<Utc>>,
    /// The proposed amendment, with the id of the event that proposed it.
    proposed: Option<Box<(Uuid, PlanAdopted)>>,
}

impl Programme {
    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|adopted| &adopted.plan)
    }

    /// The revision of the plan in force; 0 before the first is adopted.
    pub fn revision(&self) -> u32 {
        self.plan.as_ref().map_or(0, |adopted| adopted.revision)
    }

    /// The proposed amendment, with the id of the event that proposed it.
    pub fn proposed(&self) -> Option<&(Uuid, PlanAdopted)> {
        self.proposed.as_deref()
    }

    /// The next state after an event of the programme as a whole. Never fails and never decides.
    pub(super) fn evolve(&mut self, fact: &Fact) {
        if let Event::PlanAdopted(adopted) | Event::PlanAmended(adopted) = &fact.event {
            self.adopt(adopted.clone(), fact.recorded_at);
        } else if let Event::AmendmentProposed(event) = &fact.event {
            self.proposed = Some(Box::new((fact.id, event.clone())));
        } else if let Event::AmendmentDropped(_) = &fact.event {
            self.proposed = None;
        } else if let Event::ProgrammePaused(_) = &fact.event {
            self.paused = true;
        } else if let Event::ProgrammeResumed(_) = &fact.event {
            self.paused = false;
        } else if let Event::PaceChanged(pace) = &fact.event {
            self.paces.insert(pace.effect, pace.clone());
        } else if let Event::RecurringWorkDue(due) = &fact.event {
            self.recurring.insert(due.name.clone(), due.scheduled_for);
        }
    }

    fn adopt(&mut self, adopted: PlanAdopted, recorded_at: DateTime<Utc>) {
        let before = self.plan.replace(adopted);
        self.adopted_at.get_or_insert(recorded_at);
        self.proposed = None;
        let before = before.map_or_else(Vec::new, |before| before.plan.all_recurring());
        let now = self.plan().map_or_else(Vec::new, Plan::all_recurring);
        let unchanged = |work: &Recurring| {
            before.iter().any(|before| before.name == work.name && before.cron == work.cron)
        };
        self.recurring_from.retain(|name, _| now.iter().any(|work| work.name == *name));
        for work in now.into_iter().filter(|work| !unchanged(work)) {
            self.recurring_from.insert(work.name, recorded_at);
        }
    }

    /// The instant after which occurrences must still be recorded: the last recorded occurrence, or
    /// the revision that added the work to the plan or changed its cron expression.
    pub fn recurring_since(&self, work: &PhaseId) -> Option<DateTime<Utc>> {
        self.last_occurrence(work).max(self.recurring_from.get(work).copied())
    }

    /// The last recorded occurrence of one recurring work.
    pub fn last_occurrence(&self, work: &PhaseId) -> Option<DateTime<Utc>> {
        self.recurring.get(work).copied()
    }
}
