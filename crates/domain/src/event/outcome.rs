//! Outcomes of effects: one event per distinct outcome, with the set of mailboxes that share it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::describe::{mailboxes, utc};
use super::{Payload, Subjects};
use crate::{Capabilities, Capability, Event, IncidentKey, MailboxSet, PhaseId};

/// How a capability was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The engine removed it at or after its instant.
    Applied,
    /// The engine armed its end beforehand, and a read-back found it gone.
    Confirmed,
    /// It was already gone, and the engine had neither removed nor armed it.
    AlreadySo,
}

/// A set of mailboxes lost a capability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The phase that removed it; `None` after a withdrawal.
    pub phase: Option<PhaseId>,
    /// The plan revision in force.
    pub revision: u32,
    /// The instant at which the removal was due.
    pub due_at: DateTime<Utc>,
    /// How it was removed.
    pub verdict: Verdict,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Capabilities are allowed again, because of a hold or a phase that restores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightsRestored {
    /// The capabilities.
    pub capabilities: Capabilities,
    /// The plan revision in force.
    pub revision: u32,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// The platform was armed: it will end capabilities at an instant by itself, or no longer will.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightsArmed {
    /// The phase that removes them; `None` where an armed instant was cancelled.
    pub phase: Option<PhaseId>,
    /// The plan revision in force.
    pub revision: u32,
    /// The capabilities.
    pub capabilities: Capabilities,
    /// The instant at which they end; `None` for no end.
    pub until: Option<DateTime<Utc>>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An effect failed and will be retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectFailed {
    /// The phase of the effect; `None` for an effect of no phase.
    pub phase: Option<PhaseId>,
    /// The capabilities to change.
    pub capabilities: Capabilities,
    /// Why, as a short code.
    pub cause: String,
    /// Attempts so far.
    pub attempts: u32,
    /// The earliest instant of the next attempt.
    pub retry_at: DateTime<Utc>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An effect failed permanently: the platform rejected it, or the plan's attempts are exhausted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentOpened {
    /// The phase of the effect; `None` for an effect of no phase.
    pub phase: Option<PhaseId>,
    /// The capabilities to change.
    pub capabilities: Capabilities,
    /// Why, as a short code; incidents are grouped by it.
    pub cause: String,
    /// Attempts made.
    pub attempts: u32,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An operator retries mailboxes of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRetried {
    /// The phase of the incident.
    pub phase: Option<PhaseId>,
    /// Its cause.
    pub cause: String,
    /// The mailboxes to retry.
    pub mailboxes: MailboxSet,
}

/// An operator resolved mailboxes of an incident by other means; they stay failed, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentResolved {
    /// The phase of the incident.
    pub phase: Option<PhaseId>,
    /// Its cause.
    pub cause: String,
    /// The mailboxes resolved.
    pub mailboxes: MailboxSet,
}

impl Event {
    /// The event that records the removal of a capability; `None` for a capability that only the
    /// engine enforces.
    pub fn removal(capability: Capability, outcome: Outcome) -> Option<Self> {
        match capability {
            Capability::Activate => Some(Self::RegistrationsLapsed(outcome)),
            Capability::Send => Some(Self::SendingDisabled(outcome)),
            Capability::Modify => Some(Self::ModifyingDisabled(outcome)),
            Capability::Receive => Some(Self::ReceivingDisabled(outcome)),
            Capability::Access => Some(Self::AccessClosed(outcome)),
            Capability::RequestLogs | Capability::RequestVoucher => None,
        }
    }

    /// The capability whose removal the event records, and the outcome.
    pub fn as_removal(&self) -> Option<(Capability, &Outcome)> {
        if let Self::RegistrationsLapsed(outcome) = self {
            Some((Capability::Activate, outcome))
        } else if let Self::SendingDisabled(outcome) = self {
            Some((Capability::Send, outcome))
        } else if let Self::ModifyingDisabled(outcome) = self {
            Some((Capability::Modify, outcome))
        } else if let Self::ReceivingDisabled(outcome) = self {
            Some((Capability::Receive, outcome))
        } else if let Self::AccessClosed(outcome) = self {
            Some((Capability::Access, outcome))
        } else {
            None
        }
    }
}

impl Outcome {
    /// What the removal of this capability means for one of the mailboxes.
    pub(super) fn describe_for(&self, capability: Capability) -> String {
        if capability == Capability::Activate {
            return "registration lapsed: it can no longer be activated".to_owned();
        }
        let how = match self.verdict {
            Verdict::Applied => "",
            Verdict::Confirmed => ", as armed on the platform",
            Verdict::AlreadySo => ", already gone on the platform",
        };
        match &self.phase {
            Some(phase) => format!("{capability} ended with phase {phase}{how}"),
            None => format!("{capability} ended after the withdrawal{how}"),
        }
    }
}

impl Payload for Outcome {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Applied => "applied",
            Verdict::Confirmed => "confirmed",
            Verdict::AlreadySo => "already so",
        };
        let cause = self.phase.as_ref().map_or("withdrawal".to_owned(), |id| format!("phase {id}"));
        format!("{cause}: {} {verdict}", mailboxes(self.mailboxes.len()))
    }
}

impl Payload for RightsRestored {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} of {} restored", self.capabilities, mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("{} restored", self.capabilities)
    }
}

impl Payload for RightsArmed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let (capabilities, count) = (self.capabilities, mailboxes(self.mailboxes.len()));
        match self.until {
            Some(until) => format!("{capabilities} of {count} armed to end at {}", utc(until)),
            None => format!("armed end of {capabilities} of {count} cancelled"),
        }
    }

    fn describe_for(&self, _: u32) -> String {
        match self.until {
            Some(until) => format!("platform armed: {} ends at {}", self.capabilities, utc(until)),
            None => format!("platform disarmed: {} no longer ends", self.capabilities),
        }
    }
}

impl Payload for EffectFailed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!(
            "{}: {} of {}, attempt {}, next attempt from {}",
            self.cause,
            self.capabilities,
            mailboxes(self.mailboxes.len()),
            self.attempts,
            utc(self.retry_at)
        )
    }

    fn describe_for(&self, _: u32) -> String {
        format!(
            "{} failed ({}); next attempt from {}",
            attempt(self.capabilities),
            self.cause,
            utc(self.retry_at)
        )
    }
}

impl Payload for IncidentOpened {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!(
            "{}: {} of {} failed permanently after {} attempts",
            incident(self.phase.as_ref(), &self.cause),
            self.capabilities,
            mailboxes(self.mailboxes.len()),
            self.attempts
        )
    }

    fn describe_for(&self, _: u32) -> String {
        format!(
            "{} failed permanently after {} attempts ({}); it waits for an operator",
            attempt(self.capabilities),
            self.attempts,
            self.cause
        )
    }
}

impl Payload for IncidentRetried {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let incident = incident(self.phase.as_ref(), &self.cause);
        format!("{incident}: {} retried", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("incident retried by an operator ({})", self.cause)
    }
}

impl Payload for IncidentResolved {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let incident = incident(self.phase.as_ref(), &self.cause);
        format!("{incident}: {} resolved by an operator", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("incident resolved by an operator ({})", self.cause)
    }
}

/// The effect that was attempted, e.g. `changing send,modify`.
fn attempt(capabilities: Capabilities) -> String {
    if capabilities == Capability::RequestVoucher.into() {
        return "issuing the voucher".to_owned();
    }
    format!("changing {capabilities}")
}

fn incident(phase: Option<&PhaseId>, cause: &str) -> IncidentKey {
    IncidentKey { phase: phase.cloned(), cause: cause.to_owned() }
}
