//! What happens to what is known of holders as people, in the end. The log knows them as numbers only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::MailboxSet;

/// On what ground personal data are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// The programme has ended.
    End,
    /// Somebody asked for it, before the end.
    Demand,
}

/// It was decided that the personal data of these holders go. From here on nothing new is kept of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErasureOrdered {
    /// On what ground.
    pub ground: Ground,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The personal data of these holders are gone from every place where we keep any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldersErased {
    /// How much was erased, by place. A place that had nothing stands there too: it was looked at.
    pub places: BTreeMap<String, u64>,
    /// Whose.
    pub mailboxes: MailboxSet,
}
