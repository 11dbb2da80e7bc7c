//! What a mailbox of our own was answered beside a boundary.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Capability, PhaseId};

/// On which side of a phase's instant a canary was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// A second before: what the phase takes away is still there.
    Before,
    /// A second after, or later where nothing ran: it is gone.
    After,
}

/// Through which door of the mail platform a canary was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// Where mail from outside comes in.
    Smtp,
    /// Where who is logged in sends.
    Submission,
    /// Where mail is read.
    Imap,
}

/// What a mail server answered about one capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It is there.
    Allowed,
    /// It is not there: the server's answer, with its codes.
    Refused(String),
    /// Nobody knows: the cause, as a short code. Never evidence of anything.
    Unknown(String),
}

/// What was found of one capability, beside what the plan, the holds and the mailbox's life say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The capability.
    pub capability: Capability,
    /// Should it have been there?
    pub expected: bool,
    /// What the server answered.
    pub found: Found,
}

/// A conversation, line by line: `>` before what we said, `<` before what we heard.
///
/// No password stands in it and no address; what the server said is cut to a size and to printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// With whom.
    pub door: Door,
    /// When the last answer had come.
    pub ended_at: DateTime<Utc>,
    /// What was said.
    pub lines: Vec<String>,
}

/// A mailbox of our own was probed beside the instant of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryProbed {
    /// The phase.
    pub phase: PhaseId,
    /// The plan's revision in force.
    pub revision: u32,
    /// On which side of its instant.
    pub side: Side,
    /// The phase's instant.
    pub due_at: DateTime<Utc>,
    /// When the probe began.
    pub began_at: DateTime<Utc>,
    /// When its last answer had come.
    pub ended_at: DateTime<Utc>,
    /// The mailbox.
    pub number: u32,
    /// What was found, capability by capability.
    pub findings: Vec<Finding>,
    /// The evidence.
    pub transcripts: Vec<Transcript>,
}

impl Finding {
    /// Did the server do as the plan says? `None` where nobody knows.
    pub fn agrees(&self) -> Option<bool> {
        match self.found {
            Found::Allowed => Some(self.expected),
            Found::Refused(_) => Some(!self.expected),
            Found::Unknown(_) => None,
        }
    }
}

impl Side {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Door {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Imap => "imap",
        }
    }
}
