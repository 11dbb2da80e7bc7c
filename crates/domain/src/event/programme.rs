//! Events of the programme as a whole.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::{Payload, Subjects, late, utc};
use crate::{Capabilities, Capability, MailboxSet, PhaseId, Plan};

/// A plan was adopted or amended, or an amendment was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAdopted {
    /// Counts from 1; part of the idempotency key of every effect.
    pub revision: u32,
    /// The whole plan, so that the log explains itself.
    pub plan: Plan,
}

/// A proposed amendment was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentDropped {
    /// The revision that it would have become.
    pub revision: u32,
    /// Why, as a sentence.
    pub because: String,
}

/// The date of a phase was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseStarted {
    /// The phase.
    pub phase: PhaseId,
    /// The plan revision in force.
    pub revision: u32,
    /// The instant at which it was due.
    pub due_at: DateTime<Utc>,
    /// Delay of the start in whole seconds.
    pub late_seconds: u64,
    /// Capabilities that the phase removes: allowed before, and no longer.
    pub removes: Capabilities,
    /// The frozen population: every mailbox that the phase must account for.
    pub population: MailboxSet,
    /// The log position at which the population was computed.
    pub frozen_at: u64,
}

/// A phase accounted for every mailbox of its frozen population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseCompleted {
    /// The phase.
    pub phase: PhaseId,
    /// Size of its frozen population.
    pub population: u64,
    /// Mailboxes that the phase changed, at its date or by arming the platform.
    pub done: u64,
    /// Mailboxes that were already in the target state.
    pub already_so: u64,
    /// Mailboxes exempted by a hold.
    pub held: MailboxSet,
    /// Mailboxes that failed permanently, by incident.
    pub failed: Vec<FailedMailboxes>,
}

/// Mailboxes of one incident that had failed permanently when their phase completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedMailboxes {
    /// Why, as a short code.
    pub cause: String,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An operator paused the sweep; phases still start on their dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammePaused {}

/// An operator resumed the sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeResumed {}

/// An operator changed the rate limit of one effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceChanged {
    /// The effect.
    pub effect: Capability,
    /// Maximum calls per second; `None` for no limit.
    pub calls_per_second: Option<u32>,
    /// Maximum concurrent calls; `None` for no limit.
    pub concurrent_calls: Option<u32>,
}

/// An occurrence of recurring work became due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurringWorkDue {
    /// The recurring work of the plan.
    pub name: PhaseId,
    /// The occurrence.
    pub scheduled_for: DateTime<Utc>,
    /// Delay in whole seconds.
    pub late_seconds: u64,
    /// Earlier occurrences that were missed and are skipped.
    pub skipped: u64,
}

impl PlanAdopted {
    pub(super) fn describe_proposal(&self) -> String {
        format!(
            "revision {} waits until the platform is disarmed from the instants that it moves",
            self.revision
        )
    }
}

impl Payload for PhaseCompleted {
    fn subjects(&self) -> Subjects<'_> {
        let held = RoaringBitmap::clone(&self.held);
        let failed = self.failed.iter().map(|failed| &*failed.mailboxes);
        Subjects::Various(Cow::Owned(failed.fold(held, |all, set| all | set)))
    }

    fn describe(&self, mailbox: Option<u32>) -> String {
        let Self { phase, population, done, already_so, held, failed } = self;
        if let Some(number) = mailbox {
            let how = if held.contains(number) { "held" } else { "failed permanently" };
            return format!("phase {phase} completed; this mailbox: {how}");
        }
        let held = held.len();
        let failed: u64 = failed.iter().map(|failed| failed.mailboxes.len()).sum();
        format!(
            "phase {phase}: {done} done, {already_so} already so, {held} held, {failed} failed \
             permanently of {population}"
        )
    }
}

fn limit(limit: Option<u32>) -> String {
    limit.map_or("no limit".to_owned(), |limit| limit.to_string())
}

payloads! {
    PlanAdopted { revision, plan }: programme {
        all: "plan revision {revision} with {} phases", plan.phases.len();
    }
    AmendmentDropped { revision, because }: programme {
        all: "revision {revision} dropped: {because}";
    }
    PhaseStarted { phase, late_seconds, removes, population, .. }: various(population) {
        all: "phase {phase} removes {removes} from {population}{}", late(*late_seconds);
        each: "phase {phase} started{}", late(*late_seconds);
    }
    ProgrammePaused {}: programme {
        all: "sweep paused";
    }
    ProgrammeResumed {}: programme {
        all: "sweep resumed";
    }
    PaceChanged { effect, calls_per_second, concurrent_calls }: programme {
        all: "rate limit of {effect}: calls per second {}, concurrent calls {}",
            limit(*calls_per_second), limit(*concurrent_calls);
    }
    RecurringWorkDue { name, scheduled_for, late_seconds, .. }: programme {
        all: "{name} for {}{}", utc(*scheduled_for), late(*late_seconds);
    }
}
