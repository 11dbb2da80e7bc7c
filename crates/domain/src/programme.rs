//! The programme as a whole: plan, pause, rate limits, recurring work; decide and evolve.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failures;
use crate::phases::{Phases, population};
use crate::rights::Rights;
use crate::{
    Capabilities, Capability, Event, Fact, FailedMailboxes, MailboxSet, PaceChanged,
    PhaseCompleted, PhaseId, PhaseStarted, Plan, PlanAdopted, ProgrammePaused, ProgrammeResumed,
    Recurring, RecurringWorkDue,
};

/// The programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Programme {
    /// The plan in force and its revision; `None` before the first is adopted.
    pub(crate) plan: Option<PlanAdopted>,
    pub(crate) paused: bool,
    pub(crate) paces: BTreeMap<Capability, PaceChanged>,
    /// The last recorded occurrence of each recurring work.
    pub(crate) recurring: BTreeMap<PhaseId, DateTime<Utc>>,
    /// When each recurring work entered the plan with its present cron expression.
    pub(crate) recurring_from: BTreeMap<PhaseId, DateTime<Utc>>,
    pub(crate) adopted_at: Option<DateTime<Utc>>,
    /// The proposed amendment, with the id of the event that proposed it.
    pub(crate) proposed: Option<Box<(Uuid, PlanAdopted)>>,
}

/// A command about the programme as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Adopt the first plan.
    Adopt(Plan),
    /// Amend the plan.
    Amend(Plan),
    /// Adopt the proposed amendment, once the platform is disarmed from the instants that it moves.
    AdoptProposed,
    /// Start the next due phase and freeze its population.
    StartPhase {
        /// The log position of the state.
        frozen_at: u64,
    },
    /// Complete a phase once every mailbox is accounted for.
    CompletePhase(PhaseId),
    /// Pause the sweep.
    Pause,
    /// Resume the sweep.
    Resume,
    /// Change the rate limit of one effect.
    ChangePace(PaceChanged),
    /// Record an occurrence of recurring work.
    RecurringWorkDue(RecurringWorkDue),
}

/// Why a command is rejected, as a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(pub String);

impl Rejection {
    pub(crate) fn because<T>(reason: impl Into<String>) -> Result<T, Self> {
        Err(Self(reason.into()))
    }
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

    /// When the first plan was adopted.
    pub fn adopted_at(&self) -> Option<DateTime<Utc>> {
        self.adopted_at
    }

    /// Is the sweep paused?
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The next state after an event of the programme as a whole. Never fails and never decides.
    pub(crate) fn evolve(&mut self, fact: &Fact) {
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

    /// Rate limits by effect; a missing effect has no limit.
    pub fn paces(&self) -> &BTreeMap<Capability, PaceChanged> {
        &self.paces
    }

    /// The last recorded occurrence of each recurring work.
    pub fn last_occurrences(&self) -> &BTreeMap<PhaseId, DateTime<Utc>> {
        &self.recurring
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

/// Decides a command about the programme as a whole.
pub(crate) fn decide(
    (programme, phases, rights, failures): (&Programme, &Phases, &Rights, &Failures),
    command: Command,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    if let Command::Adopt(plan) = command {
        return adopt(programme, plan);
    }
    let Some(PlanAdopted { plan, revision }) = &programme.plan else {
        return Rejection::because("no plan is adopted; run `tramonto plan adopt` first");
    };
    match command {
        Command::Adopt(plan) => adopt(programme, plan),
        Command::Amend(next) => amend(plan, *revision, phases, next),
        // `amendment.rs` decides it by the armed instants.
        Command::AdoptProposed => Ok(Vec::new()),
        Command::StartPhase { frozen_at } => {
            Ok(start_next(plan, *revision, phases, rights, now, frozen_at).into_iter().collect())
        }
        Command::CompletePhase(phase) => complete(&phase, plan, phases, rights, failures, now),
        Command::Pause if programme.paused => Rejection::because("the programme is already paused"),
        Command::Pause => Ok(vec![Event::ProgrammePaused(ProgrammePaused {})]),
        Command::Resume if !programme.paused => Rejection::because("the programme is not paused"),
        Command::Resume => Ok(vec![Event::ProgrammeResumed(ProgrammeResumed {})]),
        Command::ChangePace(pace) => change_pace(pace),
        Command::RecurringWorkDue(due) => {
            let last = programme.recurring.get(&due.name);
            if last.is_some_and(|last| *last >= due.scheduled_for) {
                return Ok(Vec::new());
            }
            Ok(vec![Event::RecurringWorkDue(due)])
        }
    }
}

fn adopt(programme: &Programme, plan: Plan) -> Result<Vec<Event>, Rejection> {
    match &programme.plan {
        None => Ok(vec![Event::PlanAdopted(PlanAdopted { revision: 1, plan })]),
        Some(adopted) if adopted.plan == plan => Ok(Vec::new()),
        Some(adopted) => Rejection::because(format!(
            "programme {} already has a plan (revision {}); use `tramonto plan amend` to change it",
            adopted.plan.programme, adopted.revision
        )),
    }
}

fn amend(plan: &Plan, revision: u32, phases: &Phases, next: Plan) -> Result<Vec<Event>, Rejection> {
    if *plan == next {
        return Ok(Vec::new());
    }
    let problems = plan.amendment_problems(&next, &phases.names());
    if !problems.is_empty() {
        return Rejection::because(problems.join("; "));
    }
    let revision = revision.saturating_add(1);
    Ok(vec![Event::PlanAmended(PlanAdopted { revision, plan: next })])
}

fn change_pace(pace: PaceChanged) -> Result<Vec<Event>, Rejection> {
    let effects = Capabilities::OF_PLATFORM.with(Capability::RequestVoucher);
    if !effects.contains(pace.effect) {
        return Rejection::because(format!(
            "{} has no rate limit; expected one of {effects}",
            pace.effect
        ));
    }
    if pace.calls_per_second == Some(0) || pace.concurrent_calls == Some(0) {
        return Rejection::because(
            "a rate limit of 0 would stop all work; use `tramonto phase pause` instead",
        );
    }
    Ok(vec![Event::PaceChanged(pace)])
}

/// Starts the first due phase that has not started. Phases start in order, one at a time, however
/// late.
fn start_next(
    plan: &Plan,
    revision: u32,
    phases: &Phases,
    rights: &Rights,
    now: DateTime<Utc>,
    frozen_at: u64,
) -> Option<Event> {
    let index = plan.phases.iter().position(|phase| !phases.has_started(&phase.id))?;
    let phase = plan.phases.get(index)?;
    let due_at = plan.starts_at(index);
    if due_at > now {
        return None;
    }
    let removes = plan.removes(index);
    Some(Event::PhaseStarted(PhaseStarted {
        phase: phase.id.clone(),
        revision,
        due_at,
        late_seconds: u64::try_from((now - due_at).num_seconds()).unwrap_or(0),
        removes,
        population: MailboxSet::from(population(rights, removes)),
        frozen_at,
    }))
}

fn complete(
    phase: &PhaseId,
    plan: &Plan,
    phases: &Phases,
    rights: &Rights,
    failures: &Failures,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    let Some(started) = phases.get(phase) else {
        return Rejection::because(format!("phase {phase} has not started"));
    };
    if started.completed.is_some() {
        return Ok(Vec::new());
    }
    let account = started.account(rights, failures, now, plan.zone);
    if !account.is_complete() {
        return Rejection::because(format!(
            "phase {phase} is incomplete: {} mailboxes are not accounted for",
            account.pending.len() + account.retrying.len()
        ));
    }
    let of_phase = failures.incidents().iter().filter(|(key, _)| key.phase.as_ref() == Some(phase));
    let failed = of_phase.map(|(key, incident)| FailedMailboxes {
        cause: key.cause.clone(),
        mailboxes: MailboxSet::from(&(&incident.open | &incident.resolved) & &account.failed),
    });
    Ok(vec![Event::PhaseCompleted(PhaseCompleted {
        phase: phase.clone(),
        population: started.event.population.len(),
        done: account.done.len(),
        already_so: account.already_so.len(),
        failed: failed.filter(|failed| !failed.mailboxes.is_empty()).collect(),
        held: MailboxSet::from(account.held),
    })])
}
