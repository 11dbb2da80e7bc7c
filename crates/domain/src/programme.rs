//! Decisions about the programme as a whole: plan, phases, pause, rate limits, recurring work.

mod amendment;

use chrono::{DateTime, Utc};

use crate::{
    Capabilities, Capability, Event, FailedMailboxes, MailboxSet, PaceChanged, PhaseCompleted,
    PhaseId, PhaseStarted, Plan, PlanAdopted, ProgrammePaused, ProgrammeResumed, RecurringWorkDue,
    Rejection, State, population,
};

pub(crate) use amendment::next_end;

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

impl State {
    /// Decides a command about the programme as a whole.
    pub fn decide(&self, command: Command, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
        match (command, self.plan()) {
            (Command::Adopt(plan), None) => {
                Ok(vec![Event::PlanAdopted(PlanAdopted { revision: 1, plan })])
            }
            (Command::Adopt(plan), Some(adopted)) if *adopted == plan => Ok(Vec::new()),
            (Command::Adopt(_), Some(adopted)) => Rejection::because(format!(
                "programme {} already has a plan (revision {}); use `tramonto plan amend \
                 FILE --reason TEXT` to \
                 change it",
                adopted.programme,
                self.programme.revision()
            )),
            (Command::AdoptProposed, None) => Ok(Vec::new()),
            (_, None) => Rejection::because(
                "no plan is adopted; run `tramonto plan adopt FILE --reason TEXT` first",
            ),
            (Command::Amend(next), Some(plan)) => amendment::amend(self, plan, next, now),
            (Command::AdoptProposed, Some(plan)) => Ok(amendment::adopt_proposed(self, plan, now)),
            (Command::StartPhase { frozen_at }, Some(plan)) => {
                Ok(start_next(self, plan, now, frozen_at).into_iter().collect())
            }
            (Command::CompletePhase(phase), Some(_)) => complete(self, &phase, now),
            (Command::Pause, Some(_)) if self.programme.paused => {
                Rejection::because("the programme is already paused")
            }
            (Command::Pause, Some(_)) => Ok(vec![Event::ProgrammePaused(ProgrammePaused {})]),
            (Command::Resume, Some(_)) if !self.programme.paused => {
                Rejection::because("the programme is not paused")
            }
            (Command::Resume, Some(_)) => Ok(vec![Event::ProgrammeResumed(ProgrammeResumed {})]),
            (Command::ChangePace(pace), Some(_)) => change_pace(pace),
            (Command::RecurringWorkDue(due), Some(_)) => {
                let last = self.programme.last_occurrence(&due.name);
                let is_new = last.is_none_or(|last| last < due.scheduled_for);
                Ok(is_new.then_some(Event::RecurringWorkDue(due)).into_iter().collect())
            }
        }
    }
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
            "a rate limit of 0 would stop all work; use `tramonto phase pause --reason \
             TEXT` instead",
        );
    }
    Ok(vec![Event::PaceChanged(pace)])
}

/// Starts the first due phase that has not started. Phases start in order, one at a time, however
/// late.
fn start_next(state: &State, plan: &Plan, now: DateTime<Utc>, frozen_at: u64) -> Option<Event> {
    let index = plan.phases.iter().position(|phase| !state.phases.has_started(&phase.id))?;
    let phase = plan.phases.get(index)?;
    let due_at = plan.starts_at(index);
    if due_at > now {
        return None;
    }
    let removes = plan.removes(index);
    Some(Event::PhaseStarted(PhaseStarted {
        phase: phase.id.clone(),
        revision: state.programme.revision(),
        due_at,
        late_seconds: u64::try_from((now - due_at).num_seconds()).unwrap_or(0),
        removes,
        population: MailboxSet::from(population(&state.rights, removes)),
        frozen_at,
    }))
}

fn complete(state: &State, phase: &PhaseId, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
    let (Some(started), Some(account)) = (state.phases.get(phase), state.account(phase, now))
    else {
        return Rejection::because(format!("phase {phase} has not started"));
    };
    if started.completed.is_some() {
        return Ok(Vec::new());
    }
    if !account.is_complete() {
        return Rejection::because(format!(
            "phase {phase} is incomplete: {} mailboxes are not accounted for",
            account.pending.len() + account.retrying.len()
        ));
    }
    let incidents = state.failures.incidents.iter();
    let of_phase = incidents.filter(|(key, _)| key.phase.as_ref() == Some(phase));
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
