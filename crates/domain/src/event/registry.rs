//! What happens to registrations and to single mailboxes. No personal data: a mailbox is a number.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Capabilities, DateColumn, MailboxSet};

/// Mailboxes were asked for: consecutive numbers from `first`, one row a number in each column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxesRegistered {
    /// The first number.
    pub first: u32,
    /// The day on which each was asked for.
    pub requested_on: DateColumn,
    /// The day on which each was activated at the post office, where it was.
    pub activated_on: DateColumn,
}

/// Registrations became mailboxes, as a later registry file told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MailboxesActivated {
    /// Which.
    pub mailboxes: MailboxSet,
    /// The day of each, in the order of their numbers.
    pub activated_on: DateColumn,
}

/// A later registry file told other facts of registrations than an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationsCorrected {
    /// Whose.
    pub mailboxes: MailboxSet,
    /// The day on which each was asked for, as it is now known.
    pub requested_on: DateColumn,
    /// The names of the columns that changed; never what they hold.
    pub fields: Vec<String>,
}

/// A registry file was read to its end; `read = accepted + unchanged + changed + rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryImported {
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Rows read.
    pub read: u64,
    /// Rows that were new and good.
    pub accepted: u64,
    /// Rows already known as they are.
    pub unchanged: u64,
    /// Rows already known that told something new.
    pub changed: u64,
    /// Rows that were refused, each with its reason in the file of rejects.
    pub rejected: u64,
}

/// A holder gave the mailbox up early (*recesso*).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxWithdrawn {
    /// The mailbox.
    pub number: u32,
}

/// A court or the operator keeps capabilities of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// The hold.
    pub hold: Uuid,
    /// The mailbox.
    pub number: u32,
    /// What is kept.
    pub capabilities: Capabilities,
    /// The last day it is kept; `None` until released.
    pub until: Option<NaiveDate>,
}

/// A hold ended by command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReleased {
    /// The hold.
    pub hold: Uuid,
    /// The mailbox.
    pub number: u32,
}
