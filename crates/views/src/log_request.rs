use chrono::{DateTime, Utc};
use domain::{LogRequest, LogStanding, MailboxId, Requester};
use serde::Serialize;
use uuid::Uuid;

/// An open log request.
#[derive(Debug, Clone, Serialize)]
pub struct LogRequestView {
    /// The request.
    pub request: Uuid,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The requester.
    pub by: Requester,
    /// When it was recorded.
    pub received_at: DateTime<Utc>,
    /// Its progress.
    pub standing: &'static str,
    /// When the link of its export expires; `None` before it is prepared.
    pub expires_at: Option<DateTime<Utc>>,
}

impl LogRequestView {
    /// The view of an open request for the log of this mailbox.
    pub fn of(request: Uuid, open: &LogRequest, mailbox: MailboxId) -> Self {
        let expires_at = match &open.standing {
            LogStanding::Prepared { expires_at, .. } => Some(*expires_at),
            LogStanding::Requested | LogStanding::Verified => None,
        };
        let (by, received_at, standing) = (open.by, open.received_at, open.standing.name());
        Self { request, mailbox, by, received_at, standing, expires_at }
    }
}
