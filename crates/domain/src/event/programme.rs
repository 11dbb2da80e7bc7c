//! What happens to the programme as a whole.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Capability, MailboxSet, PhaseId, Plan};

/// A plan became the programme's: the first, or in place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAdopted {
    /// Counts from 1; part of every effect's idempotency key.
    pub revision: u32,
    /// The whole plan, so that the log needs no other file to be understood.
    pub plan: Plan,
}

/// An amendment that waited for the platform is not adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentDropped {
    /// The revision that it would have been.
    pub revision: u32,
    /// Why not, a sentence.
    pub because: String,
}

/// A phase's date was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseStarted {
    /// The phase.
    pub phase: PhaseId,
    /// The plan's revision in force.
    pub revision: u32,
    /// The instant at which it was due.
    pub due_at: DateTime<Utc>,
    /// By how much it was started late, in seconds; 0 where it was on time to the second.
    pub late_seconds: u64,
    /// What it takes away: the difference between what was allowed and what is.
    pub removes: Capabilities,
    /// Those to whom an effect is due, frozen: what the phase has to account for.
    pub population: MailboxSet,
    /// The log position up to which the population was worked out.
    pub frozen_at: u64,
}

/// A phase accounted for everyone in its frozen population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseCompleted {
    /// The phase.
    pub phase: PhaseId,
    /// How many its frozen population was.
    pub population: u64,
    /// How many of them the phase itself changed, at its date or armed ahead.
    pub done: u64,
    /// How many were found already so.
    pub already_so: u64,
    /// Those whom a hold keeps from it.
    pub held: MailboxSet,
    /// Those given up, by incident.
    pub given_up: Vec<GivenUp>,
}

/// The mailboxes of one incident that a phase gave up when it completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Why, as a short code.
    pub cause: String,
    /// Who.
    pub mailboxes: MailboxSet,
}

/// An operator stopped the sweep; dates still start their phases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammePaused {}

/// An operator let the sweep go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeResumed {}

/// An operator changed how hard the platform may be driven for one effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceChanged {
    /// The effect that is paced.
    pub effect: Capability,
    /// Calls a second; `None` for no limit.
    pub calls_per_second: Option<u32>,
    /// Calls under way at once; `None` for no limit.
    pub concurrent_calls: Option<u32>,
}

/// An occurrence of recurring work came due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurringWorkDue {
    /// Which work of the plan.
    pub name: PhaseId,
    /// The occurrence it stands for.
    pub scheduled_for: DateTime<Utc>,
    /// By how much it is late, in seconds.
    pub late_seconds: u64,
    /// How many earlier occurrences were missed and are not carried out.
    pub skipped: u64,
}
