//! Erasure of personal data. The log itself knows holders by mailbox number only.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

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

impl fmt::Display for ErasureGround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "the programme has ended",
            Self::Demand => "on request",
        })
    }
}

payloads! {
    ErasureOrdered { ground, mailboxes }: alike {
        all: "erasure of the personal data of {mailboxes} ordered ({ground})";
        each: "erasure of the holder's personal data ordered ({ground})";
    }
    HoldersErased { mailboxes, .. }: alike {
        all: "personal data of {mailboxes} erased";
        each: "the holder's personal data were erased";
    }
}
