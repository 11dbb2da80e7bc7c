//! What came of the effects: one event per distinct outcome, with the set it holds for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Capability, Event, MailboxSet, PhaseId};

/// How a right came to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// We took it away at or after its instant.
    Applied,
    /// We had armed the platform for that instant, and reading back found it gone.
    Confirmed,
    /// It was found gone though we had neither taken it away nor armed it.
    AlreadySo,
}

/// A capability is gone from a set of mailboxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The phase that took it away; `None` where the holder withdrew.
    pub phase: Option<PhaseId>,
    /// The plan's revision in force.
    pub revision: u32,
    /// The instant from which it was due.
    pub due_at: DateTime<Utc>,
    /// How it came to be gone.
    pub verdict: Verdict,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Capabilities are allowed again, by a hold or by a phase that restores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightsRestored {
    /// What.
    pub capabilities: Capabilities,
    /// The plan's revision in force.
    pub revision: u32,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The platform was told ahead when capabilities end, or that they do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightsArmed {
    /// The phase that will take them away; `None` where an earlier instant was called off.
    pub phase: Option<PhaseId>,
    /// The plan's revision in force.
    pub revision: u32,
    /// What.
    pub capabilities: Capabilities,
    /// The instant they end; `None` for no end.
    pub until: Option<DateTime<Utc>>,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The platform did not do it this time; it is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransientFailure {
    /// The phase it is for; `None` where it is for no phase.
    pub phase: Option<PhaseId>,
    /// What was to be changed.
    pub capabilities: Capabilities,
    /// Why not, as a short code.
    pub cause: String,
    /// Attempts made so far.
    pub attempts: u32,
    /// Not before this instant.
    pub retry_at: DateTime<Utc>,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The platform will not do it, or did not in as many attempts as the plan allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentOpened {
    /// The phase it is for; `None` where it is for no phase.
    pub phase: Option<PhaseId>,
    /// What was to be changed.
    pub capabilities: Capabilities,
    /// Why not, as a short code; incidents are grouped by it.
    pub cause: String,
    /// Attempts made.
    pub attempts: u32,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// An operator has the mailboxes of an incident tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRetried {
    /// The phase of the incident.
    pub phase: Option<PhaseId>,
    /// Its cause.
    pub cause: String,
    /// Which of its mailboxes.
    pub mailboxes: MailboxSet,
}

/// An operator dealt with the mailboxes of an incident otherwise; they stay given up, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentResolved {
    /// The phase of the incident.
    pub phase: Option<PhaseId>,
    /// Its cause.
    pub cause: String,
    /// Which of its mailboxes.
    pub mailboxes: MailboxSet,
}

impl Event {
    /// The event that says a capability is gone; `None` for those no phase has an effect for, which
    /// are gates of the engine itself.
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

    /// The capability that this event says is gone, and what is said of it.
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
