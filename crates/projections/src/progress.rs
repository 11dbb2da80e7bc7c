//! The progress of each phase and the incidents, as plain counts. Derived from the state alone, so
//! it cannot contradict the engine; deliberately absent: a file of its own.

use chrono::{DateTime, Utc};
use domain::{Capabilities, IncidentKey, PhaseId, State};
use serde::Serialize;

/// The progress of a phase. Every mailbox of its frozen population is counted in exactly one of
/// `done`, `already_so`, `held`, `incident`, `retrying` and `pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhaseProgress {
    /// The phase.
    pub phase: PhaseId,
    /// Its title.
    pub title: String,
    /// When it is due by the plan in force, or was due when it started.
    pub due_at: DateTime<Utc>,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// The delay of its start, in seconds.
    pub late_seconds: u64,
    /// When every mailbox was accounted for.
    pub completed_at: Option<DateTime<Utc>>,
    /// The size of its frozen population.
    pub population: u64,
    /// Changed by the phase, at its date or armed before.
    pub done: u64,
    /// Needed no change.
    pub already_so: u64,
    /// Exempt by a hold.
    pub held: u64,
    /// Failed permanently, each under an incident, open or resolved.
    pub incident: u64,
    /// Waiting for another attempt.
    pub retrying: u64,
    /// Not yet processed.
    pub pending: u64,
}

/// Mailboxes that failed permanently for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentGroup {
    /// Its key on the command line.
    pub key: IncidentKey,
    /// Its phase.
    pub phase: Option<PhaseId>,
    /// The cause, as a short code.
    pub cause: String,
    /// The capabilities that could not be changed.
    pub capabilities: Capabilities,
    /// Mailboxes that wait for an operator.
    pub open: u64,
    /// Mailboxes resolved by an operator.
    pub resolved: u64,
    /// The maximum attempts for any of them.
    pub attempts: u32,
    /// When the first of them was recorded.
    pub first_seen: DateTime<Utc>,
    /// When the latest of them was recorded.
    pub last_seen: DateTime<Utc>,
}

/// The progress of each phase, in the order of the plan; a phase that has not started counts no
/// mailbox.
pub fn phase_progress(state: &State, now: DateTime<Utc>) -> Vec<PhaseProgress> {
    let Some(plan) = state.plan() else { return Vec::new() };
    let each = plan.phases.iter().enumerate().map(|(place, phase)| {
        let account = state.account(&phase.id, now).unwrap_or_default();
        let started = state.phases.get(&phase.id);
        PhaseProgress {
            phase: phase.id.clone(),
            title: phase.title.clone(),
            due_at: started.map_or_else(|| plan.starts_at(place), |started| started.event.due_at),
            started_at: started.map(|started| started.started_at),
            late_seconds: started.map_or(0, |started| started.event.late_seconds),
            completed_at: started.and_then(|started| started.completed.as_ref()).map(|(at, _)| *at),
            population: started.map_or(0, |started| started.event.population.len()),
            done: account.done.len(),
            already_so: account.already_so.len(),
            held: account.held.len(),
            incident: account.failed.len(),
            retrying: account.retrying.len(),
            pending: account.pending.len(),
        }
    });
    each.collect()
}

/// The incidents, grouped by phase and cause, those with the most open mailboxes first.
pub fn incidents(state: &State) -> Vec<IncidentGroup> {
    let groups = state.failures.incidents.iter().map(|(key, incident)| IncidentGroup {
        key: key.clone(),
        phase: key.phase.clone(),
        cause: key.cause.clone(),
        capabilities: incident.capabilities,
        open: incident.open.len(),
        resolved: incident.resolved.len(),
        attempts: incident.attempts,
        first_seen: incident.first_seen,
        last_seen: incident.last_seen,
    });
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.open));
    groups
}
