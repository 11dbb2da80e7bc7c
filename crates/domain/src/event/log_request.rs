//! Log requests: requests for the message log of a mailbox.
//!
//! No address, subject or link is recorded: a mailbox is a number, an export its hash.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::describe::{mailboxes, utc};
use super::{Payload, Subjects, one};
use crate::{MailboxSet, Verification};

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

impl Payload for LogRequested {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        match self.by {
            Requester::Holder => "message log requested by the holder".to_owned(),
            Requester::Authority => "message log requested by an authority".to_owned(),
        }
    }
}

impl Payload for LogRequesterVerified {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("log requester verified {}", self.proof.describe())
    }
}

impl Payload for LogExportPrepared {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        let (rows, expires) = (self.rows, utc(self.expires_at));
        format!("message-log export prepared: {rows} entries, link valid until {expires}")
    }
}

impl Payload for LogExportAccessed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        let outcome = match self.outcome {
            ExportAccess::Viewed => "page of the message-log export opened",
            ExportAccess::Delivered => "message-log export delivered",
            ExportAccess::Expired => "link of the message-log export opened after it expired",
            ExportAccess::NotTheHolder => {
                "link of the message-log export opened without the holder's codice fiscale"
            }
            ExportAccess::Missing => {
                "link of the message-log export opened, but the file is missing"
            }
        };
        outcome.to_owned()
    }
}

impl Payload for LogExportExpired {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        "link of the message-log export expired; export deleted".to_owned()
    }
}

impl Payload for LogRequestRefused {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn log_request(&self) -> Option<Uuid> {
        Some(self.request)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("log request refused ({})", self.cause)
    }
}

impl Payload for LogsDestroyed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Programme
    }

    fn describe(&self) -> String {
        let kept = if self.kept.is_empty() {
            String::new()
        } else {
            format!(", logs of {} kept by holds", mailboxes(self.kept.len()))
        };
        format!(
            "{} messages, {} addresses and {} exports destroyed{kept}",
            self.messages, self.addresses, self.extracts
        )
    }
}
