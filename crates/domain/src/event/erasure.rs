//! Erasure of personal data. The log itself knows holders by mailbox number only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::mailboxes;
use super::{Payload, Subjects};
use crate::MailboxSet;

/// Why personal data are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureGround {
    /// The programme has ended.
    End,
    /// The holder requested it before the end.
    Demand,
}

/// Erasure of these holders' personal data was decided; no new personal data are stored from now
/// on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErasureOrdered {
    /// Why.
    pub ground: ErasureGround,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Every store erased the personal data of these holders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldersErased {
    /// Erased records by store; a store that held none is listed with 0.
    pub places: BTreeMap<String, u64>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

impl ErasureGround {
    fn describe(self) -> &'static str {
        match self {
            Self::End => "the programme has ended",
            Self::Demand => "on request",
        }
    }
}

impl Payload for ErasureOrdered {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("erasure of the personal data of {count} ordered ({})", self.ground.describe())
    }

    fn describe_for(&self, _: u32) -> String {
        format!("erasure of the holder's personal data ordered ({})", self.ground.describe())
    }
}

impl Payload for HoldersErased {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("personal data of {} erased", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        "the holder's personal data were erased".to_owned()
    }
}
