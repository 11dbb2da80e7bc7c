//! Probes of our own mailboxes (canaries) around the instant of a phase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Payload, Subjects};
use crate::{Capability, PhaseId};

/// On which side of a phase's instant a canary was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// One second before: the capabilities that the phase removes are still allowed.
    Before,
    /// One second after, or later if nothing ran then: they are gone.
    After,
}

/// The protocol by which a canary was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Mail from other servers.
    Smtp,
    /// Mail from a logged-in user.
    Submission,
    /// Access to the stored mail.
    Imap,
}

/// What a mail server answered about one capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeAnswer {
    /// The capability is allowed.
    Allowed,
    /// The capability is refused: the server's answer, with its codes.
    Refused(String),
    /// The answer proves nothing: the cause, as a short code.
    Unknown(String),
}

/// One capability: what plan, holds and lifecycle demand, and what the server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The capability.
    pub capability: Capability,
    /// Should it be allowed?
    pub expected: bool,
    /// What the server answered.
    pub found: ProbeAnswer,
}

/// A dialogue, line by line: `>` marks our lines, `<` the server's.
///
/// It contains no password and no address. Server lines are truncated and reduced to printable
/// ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The protocol.
    pub protocol: Protocol,
    /// When the last answer arrived.
    pub ended_at: DateTime<Utc>,
    /// The lines.
    pub lines: Vec<String>,
}

/// A canary was probed before or after the instant of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryProbed {
    /// The phase.
    pub phase: PhaseId,
    /// The plan revision in force.
    pub revision: u32,
    /// The side of the phase's instant.
    pub side: Side,
    /// The phase's instant.
    pub due_at: DateTime<Utc>,
    /// When the probe began.
    pub began_at: DateTime<Utc>,
    /// When the last answer arrived.
    pub ended_at: DateTime<Utc>,
    /// The mailbox.
    pub number: u32,
    /// One finding per capability.
    pub findings: Vec<Finding>,
    /// The evidence.
    pub transcripts: Vec<Transcript>,
}

impl Finding {
    /// Does the answer agree with the expectation? `None` if the answer proves nothing.
    pub fn agrees(&self) -> Option<bool> {
        match self.found {
            ProbeAnswer::Allowed => Some(self.expected),
            ProbeAnswer::Refused(_) => Some(!self.expected),
            ProbeAnswer::Unknown(_) => None,
        }
    }

    fn describe(&self) -> String {
        let found = match &self.found {
            ProbeAnswer::Allowed => "allowed",
            ProbeAnswer::Refused(_) => "refused",
            ProbeAnswer::Unknown(_) => "unknown",
        };
        let unexpected = if self.agrees() == Some(false) { ", UNEXPECTED" } else { "" };
        format!("{} {found}{unexpected}", self.capability)
    }
}

impl Side {
    /// Its name in the log and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Protocol {
    /// Its name in the log and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Imap => "imap",
        }
    }
}

payloads! {
    CanaryProbed { phase, side, findings, .. }: one {
        all: "{} {phase}: {}", side.name(), in_words(findings);
        each: "canary probed {} {phase}: {}", side.name(), in_words(findings);
    }
}

fn in_words(findings: &[Finding]) -> String {
    findings.iter().map(Finding::describe).collect::<Vec<_>>().join(", ")
}
