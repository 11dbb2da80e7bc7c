//! What happens to requests for the log of a mailbox's messages. No address, subject or link is in the
//! log: a mailbox is a number, an extract its hash.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{MailboxSet, Proof};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requester {
    /// The mailbox's holder.
    Holder,
    /// An authority; the event's reason tells on what grounds.
    Authority,
}

/// Somebody asked for the log of a mailbox's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequested {
    /// The request's id.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
    /// Who asks.
    pub by: Requester,
    /// The first civil day asked for; `None` for all there is.
    #[serde(deserialize_with = "Option::deserialize")]
    pub from: Option<NaiveDate>,
    /// The last civil day asked for; `None` for all there is.
    #[serde(deserialize_with = "Option::deserialize")]
    pub through: Option<NaiveDate>,
    /// The civil day on which it came, where it was entered later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_on: Option<NaiveDate>,
}

/// It is sure who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequesterVerified {
    /// The request.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
    /// How that was made sure.
    pub proof: Proof,
}

/// The extract lies ready, and its link was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExtractPrepared {
    /// The request.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
    /// How many files are in it, the manifest among them.
    pub files: u32,
    /// How many entries of the log.
    pub rows: u64,
    /// The instant of the first entry; `None` where there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub first: Option<DateTime<Utc>>,
    /// The instant of the last entry.
    #[serde(deserialize_with = "Option::deserialize")]
    pub last: Option<DateTime<Utc>>,
    /// SHA-256 of the archive that is handed out, in hexadecimal.
    pub sha256: String,
    /// From when on the link opens nothing any more.
    pub expires_at: DateTime<Utc>,
}

/// What came of an attempt to open an extract by its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtractAccess {
    /// Its page was looked at; nothing was handed out.
    Looked,
    /// It was handed out.
    Delivered,
    /// Too late.
    Expired,
    /// Whoever had the link could not say whose mailbox it is.
    NotTheHolder,
    /// The file was not there, or not the one that was prepared.
    Missing,
}

/// Somebody opened an extract's link, with or without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExtractAccessed {
    /// The request.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
    /// What came of it.
    pub outcome: ExtractAccess,
}

/// The time of an extract's link is over; the extract is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExtractExpired {
    /// The request.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
}

/// A request was turned down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequestRefused {
    /// The request.
    pub request: Uuid,
    /// Of which mailbox.
    pub number: u32,
    /// Why, as a short code.
    pub cause: String,
}

/// The logs and their extracts were destroyed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogsDestroyed {
    /// How many messages the index held of those that went.
    pub messages: u64,
    /// How many addresses.
    pub addresses: u64,
    /// How many extracts were still there.
    pub extracts: u64,
    /// SHA-256 over all that the index held, in hexadecimal: who has a copy can prove that it was this.
    pub digest: String,
    /// Whose log was kept, for a hold was in force.
    pub kept: MailboxSet,
}
