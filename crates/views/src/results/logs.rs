//! Results of actions on log requests and on the mail logs.

use chrono::{DateTime, Utc};
use domain::{Event, LogsDestroyed, MailboxId};
use serde::Serialize;
use uuid::Uuid;

use crate::words::{count, utc};

/// A request was recorded.
#[derive(Debug, Clone, Serialize)]
pub struct LogRequestCreated {
    /// The request.
    pub request: Uuid,
    /// Its mailbox.
    pub mailbox: MailboxId,
}

sentence!(
    LogRequestCreated { request },
    "request {request}: verify the requester, then run `tramonto log-request verify {request} \
     --reason TEXT`"
);

/// A requester was verified.
#[derive(Debug, Clone, Serialize)]
pub struct LogRequestVerified {
    /// The request.
    pub request: Uuid,
}

sentence!(
    LogRequestVerified { request },
    "{request}: requester verified; run `tramonto log-request prepare {request} --reason TEXT`"
);

/// A request was refused.
#[derive(Debug, Clone, Serialize)]
pub struct LogRequestRefused {
    /// The request.
    pub request: Uuid,
}

sentence!(LogRequestRefused { request }, "{request}: the request is refused");

/// Links expired, and their exports were deleted.
#[derive(Debug, Clone, Serialize)]
pub struct LinksExpired {
    /// The number of links.
    pub links: u64,
}

sentence!(LinksExpired { links }, "{} links expired; their exports are deleted", count(*links));

/// An export is ready.
#[derive(Debug, Clone, Serialize)]
pub struct ExportPrepared {
    /// The request.
    pub request: Uuid,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// Number of log entries.
    pub rows: u64,
    /// SHA-256 of the export, in hexadecimal.
    pub sha256: String,
    /// When its link expires.
    pub expires_at: DateTime<Utc>,
    /// Its link, a secret; `None` if a letter delivers it to the holder.
    pub link: Option<String>,
}

sentence!(
    ExportPrepared { request, rows, expires_at, link },
    "request {request}: {} entries, until {}\n  {}",
    count(*rows),
    utc(*expires_at),
    link.as_deref()
        .unwrap_or("its letter to the holder is queued; `tramonto service intake` sends it")
);

/// Exports were prepared.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ExportsPrepared {
    /// Exports that are ready.
    pub prepared: u64,
    /// Requests that could not be served.
    pub failed: u64,
}

/// The mail logs were destroyed.
#[derive(Debug, Clone, Serialize)]
pub struct MailLogsDestroyed {
    /// Messages of the index.
    pub messages: u64,
    /// Addresses of the index.
    pub addresses: u64,
    /// Exports.
    pub exports: u64,
    /// SHA-256 of the destroyed data, in hexadecimal.
    pub digest: String,
    /// The record in one line.
    #[serde(skip)]
    summary: String,
}

impl From<LogsDestroyed> for MailLogsDestroyed {
    fn from(destroyed: LogsDestroyed) -> Self {
        let summary = Event::LogsDestroyed(destroyed.clone()).describe();
        let LogsDestroyed { messages, addresses, extracts: exports, digest, .. } = destroyed;
        Self { messages, addresses, exports, digest, summary }
    }
}

sentence!(MailLogsDestroyed { summary, digest }, "{summary}; sha256 {digest}");
