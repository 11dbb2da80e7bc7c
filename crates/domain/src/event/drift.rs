//! What a comparison of the platform with the log came to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Capability, MailboxSet};

/// How a capability of a mailbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is there, and no end of it is told.
    Allowed,
    /// It is there and ends at this instant.
    Until(DateTime<Utc>),
    /// It is not there.
    Gone,
}

/// The platform says something else of a set of mailboxes than the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFound {
    /// What it is about.
    pub capability: Capability,
    /// What the log says.
    pub expected: Standing,
    /// What the platform says.
    pub found: Standing,
    /// The position up to which the log was read for that.
    pub compared_at: u64,
    /// Is it put right? Then what was found counts as how it is, and the engine has work to do.
    pub repair: bool,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Drift that was open is there no more, and it was not the engine that put it right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftSettled {
    /// What it was about.
    pub capability: Capability,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The platform was compared with the log, from its first mailbox to its last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftChecked {
    /// The occurrence of the plan's cron expression that it stands for; `None` where it was asked for.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// Is what it found put right?
    pub repair: bool,
    /// The position of the log when it began.
    pub from_position: u64,
    /// The position of the log when it ended.
    pub to_position: u64,
    /// Mailboxes of the registry that were compared.
    pub mailboxes: u64,
    /// Capability by capability, what was compared.
    pub capabilities: Vec<Compared>,
    /// Mailboxes that the platform knows.
    pub known: u64,
    /// Those of them that the registry does not know as mailboxes.
    pub unknown_to_registry: MailboxSet,
    /// How many the platform knows beside those, that have no number of ours.
    pub numberless: u64,
    /// Mailboxes of the registry that the platform does not know.
    pub unknown_to_platform: MailboxSet,
}

/// What was compared of one capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The capability.
    pub capability: Capability,
    /// Mailboxes of which log and platform were compared.
    pub compared: u64,
    /// Those left out, because work on them is under way, waits or was given up.
    pub left_out: u64,
    /// Those that were found to drift.
    pub drifting: u64,
}

impl DriftChecked {
    /// How many rights were found to drift: a mailbox and a capability each.
    pub fn drifting(&self) -> u64 {
        self.capabilities.iter().map(|compared| compared.drifting).sum()
    }
}
