//! Comparisons of the platform with the log.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Payload, Subjects, utc};
use crate::{Capability, MailboxSet, mailboxes};

/// The state of one capability of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Allowed, with no end armed.
    Allowed,
    /// Allowed until this instant.
    Until(DateTime<Utc>),
    /// Not allowed.
    Gone,
}

/// Platform and log differ for a set of mailboxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFound {
    /// The capability that differs.
    pub capability: Capability,
    /// Its state according to the log.
    pub expected: Standing,
    /// Its state on the platform.
    pub found: Standing,
    /// The log position of the expected state.
    pub compared_at: u64,
    /// Is the drift repaired? Then `found` becomes the applied state, and the sweep corrects it.
    pub repair: bool,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Open drift disappeared without an action of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftSettled {
    /// The capability that differed.
    pub capability: Capability,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// A comparison of the platform with the log completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftChecked {
    /// The occurrence of the plan's cron expression; `None` if an operator started the comparison.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// Is the drift it found repaired?
    pub repair: bool,
    /// The log position at its start.
    pub from_position: u64,
    /// The log position at its end.
    pub to_position: u64,
    /// Number of registry mailboxes compared.
    pub mailboxes: u64,
    /// What was compared, by capability.
    pub capabilities: Vec<Compared>,
    /// Number of mailboxes on the platform.
    pub known: u64,
    /// Mailboxes on the platform that are not in the registry.
    pub unknown_to_registry: MailboxSet,
    /// Number of further mailboxes on the platform, which have no number of ours.
    pub numberless: u64,
    /// Registry mailboxes that are not on the platform.
    pub unknown_to_platform: MailboxSet,
}

/// What was compared of one capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The capability.
    pub capability: Capability,
    /// Mailboxes compared.
    pub compared: u64,
    /// Mailboxes skipped because work on them is in flight, waits for a retry or failed
    /// permanently.
    pub left_out: u64,
    /// Mailboxes that drifted.
    pub drifting: u64,
}

impl DriftChecked {
    /// Number of drifted rights: one per mailbox and capability.
    pub fn drifting(&self) -> u64 {
        self.capabilities.iter().map(|compared| compared.drifting).sum()
    }
}

impl fmt::Display for Standing {
    /// The standing as a predicate, e.g. `allowed until 2027-07-17T22:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Until(end) => write!(f, "allowed until {}", utc(*end)),
            Self::Gone => f.write_str("gone"),
        }
    }
}

fn action(repair: bool) -> &'static str {
    if repair { "repair scheduled" } else { "reported only" }
}

payloads! {
    DriftFound { capability, expected, found, repair, mailboxes, .. }: alike {
        all: "{capability} of {mailboxes}: expected {expected}, found {found}; {}", action(*repair);
        each: "drift: {capability} on the platform was {found} instead of {expected}; {}",
            action(*repair);
    }
    DriftSettled { capability, mailboxes }: alike {
        all: "{capability} of {mailboxes} no longer drifts";
        each: "{capability} on the platform agrees with the log again";
    }
}

impl Payload for DriftChecked {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Various(Cow::Owned(&*self.unknown_to_registry | &*self.unknown_to_platform))
    }

    fn describe(&self, mailbox: Option<u32>) -> String {
        match mailbox {
            None => format!(
                "{} compared with the platform: {} rights drifted, {} unknown to the registry, {} \
                 unknown to the platform",
                mailboxes(self.mailboxes),
                self.drifting(),
                self.unknown_to_registry.len().saturating_add(self.numberless),
                self.unknown_to_platform.len()
            ),
            Some(number) if self.unknown_to_platform.contains(number) => {
                "mailbox missing on the platform".to_owned()
            }
            Some(_) => "mailbox on the platform but not in the registry".to_owned(),
        }
    }
}
