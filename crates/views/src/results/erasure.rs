//! Results of erasing personal data.

use std::collections::BTreeMap;
use std::fmt;

use domain::MailboxId;
use serde::Serialize;

use crate::words::{count, mailboxes};

/// Personal data was erased.
#[derive(Debug, Clone, Serialize)]
pub struct HoldersErased {
    /// The mailbox; `None` for all erasable ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<MailboxId>,
    /// The number of erased records, by store; empty if nothing was left to erase.
    pub places: BTreeMap<String, u64>,
    /// Holders that are not erased: a hold keeps them, or they still have claims.
    pub kept: u64,
}

impl fmt::Display for HoldersErased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places.is_empty() {
            f.write_str("nothing to do: all erasures are complete")?;
        } else {
            let each = self.places.iter().map(|(place, rows)| format!("{place} {}", count(*rows)));
            let each = each.collect::<Vec<_>>().join(", ");
            match self.mailbox {
                Some(id) => write!(f, "erased the personal data of the holder of mailbox {id}")?,
                None => f.write_str("erased the personal data of all erasable holders")?,
            }
            write!(f, ": {each}; delete backups yourself")?;
        }
        if self.kept > 0 {
            let kept = mailboxes(self.kept);
            write!(f, "\nkept for {kept}: by a hold, or for open claims")?;
        }
        Ok(())
    }
}
