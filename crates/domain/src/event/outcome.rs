//! Outcomes of effects: one event per distinct outcome, with the set of mailboxes that share it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Event, IncidentKey, Payload, Subjects, attempts, utc};
use crate::{Capabilities, Capability, MailboxSet, PhaseId};

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

/// The effect that was attempted, e.g. `changing send,modify`.
fn attempt(capabilities: Capabilities) -> String {
    if capabilities == Capability::RequestVoucher.into() {
        return "issuing the voucher".to_owned();
    }
    format!("changing {capabilities}")
}

impl Payload for Outcome {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    /// For a mailbox, [`Event::describe_for`] asks [`Self::describe_for`], which knows the
    /// capability.
    fn describe(&self, _: Option<u32>) -> String {
        let verdict = match self.verdict {
            Verdict::Applied => "applied",
            Verdict::Confirmed => "confirmed",
            Verdict::AlreadySo => "already so",
        };
        let cause = self.phase.as_ref().map_or("withdrawal".to_owned(), |id| format!("phase {id}"));
        format!("{cause}: {} {verdict}", self.mailboxes)
    }
}

impl Payload for RightsArmed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self, mailbox: Option<u32>) -> String {
        let Self { capabilities, mailboxes, .. } = self;
        match (self.until.map(utc), mailbox) {
            (Some(end), None) => format!("{capabilities} of {mailboxes} armed to end at {end}"),
            (None, None) => format!("armed end of {capabilities} of {mailboxes} cancelled"),
            (Some(end), Some(_)) => format!("platform armed: end of {capabilities} at {end}"),
            (None, Some(_)) => format!("platform disarmed: no end of {capabilities}"),
        }
    }
}

payloads! {
    RightsRestored { capabilities, mailboxes, .. }: alike {
        all: "{capabilities} of {mailboxes} restored";
        each: "{capabilities} restored";
    }
    EffectFailed { capabilities, cause, attempts, retry_at, mailboxes, .. }: alike {
        all: "{cause}: {capabilities} of {mailboxes}, attempt {attempts}, next attempt from {}",
            utc(*retry_at);
        each: "{} failed ({cause}); next attempt from {}", attempt(*capabilities), utc(*retry_at);
    }
    IncidentOpened { phase, capabilities, cause, attempts: made, mailboxes }: alike {
        all: "{}: {capabilities} of {mailboxes} failed permanently after {}",
            IncidentKey::new(phase.as_ref(), cause), attempts(*made);
        each: "{} failed permanently after {} ({cause}); it waits for an operator",
            attempt(*capabilities), attempts(*made);
    }
    IncidentRetried { phase, cause, mailboxes }: alike {
        all: "{}: {mailboxes} retried", IncidentKey::new(phase.as_ref(), cause);
        each: "incident retried by an operator ({cause})";
    }
    IncidentResolved { phase, cause, mailboxes }: alike {
        all: "{}: {mailboxes} resolved by an operator", IncidentKey::new(phase.as_ref(), cause);
        each: "incident resolved by an operator ({cause})";
    }
}
