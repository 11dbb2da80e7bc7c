//! Log requests: requests for the message log of a mailbox.
//!
//! No address, subject or link is recorded: a mailbox is a number, an export its hash.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Payload, Subjects, Verification, utc};
use crate::MailboxSet;

/// Who requests the message log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requester {
    /// The mailbox's holder.
    Holder,
    /// An authority; the event's reason names the legal basis.
    Authority,
}

/// The message log of a mailbox was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequested {
    /// The request's id.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
    /// Who requests it.
    pub by: Requester,
    /// The first civil day; `None` for no lower bound.
    #[serde(deserialize_with = "Option::deserialize")]
    pub from: Option<NaiveDate>,
    /// The last civil day; `None` for no upper bound.
    #[serde(deserialize_with = "Option::deserialize")]
    pub through: Option<NaiveDate>,
    /// The civil day on which the request arrived, if it was entered later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_on: Option<NaiveDate>,
}

/// The requester's identity was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequesterVerified {
    /// The request.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
    /// How the requester was verified.
    pub proof: Verification,
}

/// The export is ready and its link exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExportPrepared {
    /// The request.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
    /// Number of files, the manifest included.
    pub files: u32,
    /// Number of log entries.
    pub rows: u64,
    /// The instant of the first entry; `None` without entries.
    #[serde(deserialize_with = "Option::deserialize")]
    pub first: Option<DateTime<Utc>>,
    /// The instant of the last entry; `None` without entries.
    #[serde(deserialize_with = "Option::deserialize")]
    pub last: Option<DateTime<Utc>>,
    /// SHA-256 of the delivered archive, in hexadecimal.
    pub sha256: String,
    /// When the link expires.
    pub expires_at: DateTime<Utc>,
}

/// The result of opening the link of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportAccess {
    /// The page was shown; nothing was delivered.
    Viewed,
    /// The export was delivered.
    Delivered,
    /// The link had expired.
    Expired,
    /// The visitor could not name the mailbox's holder.
    NotTheHolder,
    /// The file was missing or not the prepared one.
    Missing,
}

/// The link of an export was opened, with or without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExportAccessed {
    /// The request.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
    /// The result.
    pub outcome: ExportAccess,
}

/// The link of an export expired; the export is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExportExpired {
    /// The request.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
}

/// A log request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequestRefused {
    /// The request.
    pub request: Uuid,
    /// The mailbox.
    pub number: u32,
    /// Why, as a short code.
    pub cause: String,
}

/// The message logs and all exports were destroyed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogsDestroyed {
    /// Messages removed from the index.
    pub messages: u64,
    /// Addresses removed from the index.
    pub addresses: u64,
    /// Exports deleted.
    pub extracts: u64,
    /// SHA-256 over the whole index, in hexadecimal; proves that a copy is a copy of this index.
    pub digest: String,
    /// Mailboxes whose message log was kept because of a hold.
    pub kept: MailboxSet,
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holder => "the holder",
            Self::Authority => "an authority",
        })
    }
}

impl fmt::Display for ExportAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewed => "page of the message-log export opened",
            Self::Delivered => "message-log export delivered",
            Self::Expired => "link of the message-log export opened after it expired",
            Self::NotTheHolder => {
                "link of the message-log export opened without the holder's codice fiscale"
            }
            Self::Missing => "link of the message-log export opened, but the file is missing",
        })
    }
}

fn kept_by_holds(kept: &MailboxSet) -> String {
    if kept.is_empty() { String::new() } else { format!(", logs of {kept} kept by holds") }
}

payloads! {
    LogRequested { by, .. }: one {
        each: "message log requested by {by}";
    }
    LogRequesterVerified { proof, .. }: one {
        each: "log requester verified {proof}";
    }
    LogExportPrepared { rows, expires_at, .. }: one {
        each: "message-log export prepared: {rows} entries, link valid until {}", utc(*expires_at);
    }
    LogExportAccessed { outcome, .. }: one {
        each: "{outcome}";
    }
    LogExportExpired { .. }: one {
        each: "link of the message-log export expired; export deleted";
    }
    LogRequestRefused { cause, .. }: one {
        each: "log request refused ({cause})";
    }
    LogsDestroyed { messages, addresses, extracts, kept, .. }: programme {
        all: "{messages} messages, {addresses} addresses and {extracts} exports destroyed{}",
            kept_by_holds(kept);
    }
}
