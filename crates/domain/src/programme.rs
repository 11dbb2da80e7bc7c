//! The programme as a whole: its plan, whether it is paused, how it is paced; decide and evolve.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failures;
use crate::phases::{Phases, population};
use crate::rights::Rights;
use crate::{
    Capabilities, Capability, Event, Fact, GivenUp, MailboxSet, PaceChanged, PhaseCompleted,
    PhaseId, PhaseStarted, Plan, PlanAdopted, ProgrammePaused, ProgrammeResumed, Recurring,
    RecurringWorkDue,
};

/// The programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Programme {
    /// The plan in force and its revision; `None` before one was adopted.
    pub(crate) plan: Option<PlanAdopted>,
    pub(crate) paused: bool,
    pub(crate) paces: BTreeMap<Capability, PaceChanged>,
    /// The last occurrence of each that was recorded.
    pub(crate) recurring: BTreeMap<PhaseId, DateTime<Utc>>,
    /// Since when each is in the plan as it is now.
    pub(crate) recurring_from: BTreeMap<PhaseId, DateTime<Utc>>,
    pub(crate) adopted_at: Option<DateTime<Utc>>,
    /// An amendment that is adopted once the platform has called off what it moves, and its event.
    #[serde(default)]
    pub(crate) proposed: Option<Box<(Uuid, PlanAdopted)>>,
}

/// What can be asked of a programme.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Adopt the first plan.
    Adopt(Plan),
    /// Put another plan in its place.
    Amend(Plan),
    /// Adopt the amendment that waits, if the platform holds nothing any more that it moves.
    AdoptProposed,
    /// Start the next due phase, with its population as of this log position.
    StartPhase {
        /// The log position up to which the state was folded.
        frozen_at: u64,
    },
    /// Complete a phase that has accounted for everyone.
    CompletePhase(PhaseId),
    /// Stop the sweep.
    Pause,
    /// Let the sweep go on.
    Resume,
    /// Change how hard the platform may be driven.
    ChangePace(PaceChanged),
    /// Record an occurrence of recurring work.
    RecurringWorkDue(RecurringWorkDue),
}

/// Why a command is refused; a sentence for the operator.
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

    /// The revision of the plan in force; 0 before one was adopted.
    pub fn revision(&self) -> u32 {
        self.plan.as_ref().map_or(0, |adopted| adopted.revision)
    }

    /// The amendment that waits for the platform, and the event that proposed it.
    pub fn proposed(&self) -> Option<&(Uuid, PlanAdopted)> {
        self.proposed.as_deref()
    }

    /// When the first plan was adopted.
    pub fn adopted_at(&self) -> Option<DateTime<Utc>> {
        self.adopted_at
    }

    /// Did an operator stop the sweep?
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The next state, by what happened to the programme as a whole. Never fails and never decides.
    pub(crate) fn evolve(&mut self, fact: &Fact) {
        if let Event::PlanAdopted(adopted) | Event::PlanAmended(adopted) = &fact.event {
            self.take(adopted.clone(), fact.recorded_at);
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

    /// Takes a plan in place of the one before.
    fn take(&mut self, adopted: PlanAdopted, recorded_at: DateTime<Utc>) {
        let before = self.plan.replace(adopted);
        self.adopted_at.get_or_insert(recorded_at);
        self.proposed = None;
        let before = before.map_or_else(Vec::new, |before| before.plan.works());
        let now = self.plan().map_or_else(Vec::new, Plan::works);
        let as_it_was = |work: &Recurring| {
            before.iter().any(|before| before.name == work.name && before.cron == work.cron)
        };
        self.recurring_from.retain(|name, _| now.iter().any(|work| work.name == *name));
        for work in now.into_iter().filter(|work| !as_it_was(work)) {
            self.recurring_from.insert(work.name, recorded_at);
        }
    }

    /// How hard the platform may be driven, by effect; an effect that is not named has no limit.
    pub fn paces(&self) -> &BTreeMap<Capability, PaceChanged> {
        &self.paces
    }

    /// The last recorded occurrence of all recurring work.
    pub fn last_occurrences(&self) -> &BTreeMap<PhaseId, DateTime<Utc>> {
        &self.recurring
    }

    /// The instant after which occurrences of recurring work are still to be recorded: the last one that
    /// was, or the revision that put the work into the plan, or changed when it comes.
    pub fn recurring_since(&self, work: &PhaseId) -> Option<DateTime<Utc>> {
        self.last_occurrence(work).max(self.recurring_from.get(work).copied())
    }

    /// The last occurrence of recurring work that was recorded.
    pub fn last_occurrence(&self, work: &PhaseId) -> Option<DateTime<Utc>> {
        self.recurring.get(work).copied()
    }
}

/// What a command leads to, in the light of everything that is known.
pub(crate) fn decide(
    (programme, phases, rights, failures): (&Programme, &Phases, &Rights, &Failures),
    command: Command,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    if let Command::Adopt(plan) = command {
        return adopt(programme, plan);
    }
    let Some(PlanAdopted { plan, revision }) = &programme.plan else {
        return Rejection::because("no plan is adopted yet; run `tramonto plan adopt` first");
    };
    match command {
        Command::Adopt(plan) => adopt(programme, plan),
        Command::Amend(next) => amend(plan, *revision, phases, next),
        // Whether it may be adopted hangs on what the platform was told (`amendment.rs`).
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
    if !Capabilities::OF_PLATFORM.contains(pace.effect) {
        let effects = Capabilities::OF_PLATFORM;
        return Rejection::because(format!("{} has no pace; name one of {effects}", pace.effect));
    }
    if pace.calls_per_second == Some(0) || pace.concurrent_calls == Some(0) {
        return Rejection::because(
            "a pace of 0 never ends; use `tramonto pause` to stop the sweep",
        );
    }
    Ok(vec![Event::PaceChanged(pace)])
}

/// The first phase that is due and has not started: phases start in order, one at a time, however late.
fn start_next(
    plan: &Plan,
    revision: u32,
    phases: &Phases,
    rights: &Rights,
    now: DateTime<Utc>,
    frozen_at: u64,
) -> Option<Event> {
    let place = plan.phases.iter().position(|phase| !phases.has_started(&phase.id))?;
    let phase = plan.phases.get(place)?;
    let due_at = plan.starts_at(place);
    if due_at > now {
        return None;
    }
    let removes = plan.removes(place);
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
            "phase {phase} still has {} mailboxes to account for",
            account.pending.len() + account.retrying.len()
        ));
    }
    let of_phase = failures.incidents().iter().filter(|(key, _)| key.phase.as_ref() == Some(phase));
    let given_up = of_phase.map(|(key, incident)| GivenUp {
        cause: key.cause.clone(),
        mailboxes: MailboxSet::from(&(&incident.open | &incident.resolved) & &account.given_up),
    });
    Ok(vec![Event::PhaseCompleted(PhaseCompleted {
        phase: phase.clone(),
        population: started.event.population.len(),
        done: account.done.len(),
        already_so: account.already_so.len(),
        given_up: given_up.filter(|given_up| !given_up.mailboxes.is_empty()).collect(),
        held: MailboxSet::from(account.held),
    })])
}
