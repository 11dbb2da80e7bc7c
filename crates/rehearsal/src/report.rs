//! The outcome of a rehearsal, phase by phase.

use chrono::{DateTime, Utc};
use domain::{PhaseId, State};
use serde::Serialize;

/// One phase of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseReport {
    /// The phase.
    pub phase: PhaseId,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When its start was recorded; `None` if it has not started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was recorded as complete.
    pub completed_at: Option<DateTime<Utc>>,
    /// The delay of its start, in seconds.
    pub late_seconds: u64,
    /// The frozen population.
    pub population: u64,
    /// Changed by the phase.
    pub done: u64,
    /// In that state already.
    pub already_so: u64,
    /// Exempt by a hold.
    pub held: u64,
    /// Failed permanently, with an incident.
    pub incidents: u64,
    /// Waiting for a retry.
    pub retrying: u64,
    /// Not processed yet.
    pub pending: u64,
}

/// Where every phase of the plan stands.
pub fn phases(state: &State, now: DateTime<Utc>) -> Vec<PhaseReport> {
    let Some(plan) = state.plan() else { return Vec::new() };
    let line = |(place, phase): (usize, &domain::Phase)| {
        let started = state.phases.get(&phase.id);
        let account = state.account(&phase.id, now).unwrap_or_default();
        PhaseReport {
            phase: phase.id.clone(),
            due_at: started.map_or(plan.starts_at(place), |started| started.event.due_at),
            started_at: started.map(|started| started.started_at),
            completed_at: started
                .and_then(|started| started.completed.as_ref())
                .map(|(completed_at, _)| *completed_at),
            late_seconds: started.map_or(0, |started| started.event.late_seconds),
            population: started.map_or(0, |started| started.event.population.len()),
            done: account.done.len(),
            already_so: account.already_so.len(),
            held: account.held.len(),
            incidents: account.failed.len(),
            retrying: account.retrying.len(),
            pending: account.pending.len(),
        }
    };
    plan.phases.iter().enumerate().map(line).collect()
}
