//! Notices: e-mails that announce a phase to holders.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Payload, Subjects, utc};
use crate::{MailboxSet, PhaseId};

/// An occurrence of a notice's cron expression released a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesReleased {
    /// The notice.
    pub notice: PhaseId,
    /// The phase that it announces.
    pub announces: PhaseId,
    /// The plan revision in force.
    pub revision: u32,
    /// The occurrence.
    pub scheduled_for: DateTime<Utc>,
    /// The mailboxes whose holders may now be notified.
    pub mailboxes: MailboxSet,
}

/// A sender is about to pass notices to the mail relay.
///
/// Recorded before the first notice leaves, so that a crash never sends a notice twice: a claimed
/// notice without an outcome may or may not have left, and is recorded as in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesClaimed {
    /// The notice.
    pub notice: PhaseId,
    /// The claim's id.
    pub claim: Uuid,
    /// The sender passes no notice of this claim to the relay after this instant.
    pub until: DateTime<Utc>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// The relay accepted notices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesSent {
    /// The notice.
    pub notice: PhaseId,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// The relay deferred notices; they are retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesDeferred {
    /// The notice.
    pub notice: PhaseId,
    /// Why, as a short code.
    pub cause: String,
    /// Attempts so far.
    pub attempts: u32,
    /// The earliest instant of the next attempt.
    pub retry_at: DateTime<Utc>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Notices failed permanently: refused, out of attempts, or without an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesFailed {
    /// The notice.
    pub notice: PhaseId,
    /// Why, as a short code.
    pub cause: String,
    /// Attempts made.
    pub attempts: u32,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// The outcome of notices is unknown: the sender or its connection was lost after the claim.
///
/// They are sent again only by an operator's decision, so that nobody is notified twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesInDoubt {
    /// The notice.
    pub notice: PhaseId,
    /// Why the outcome is unknown, as a short code.
    pub cause: String,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An operator retries notices that failed or are in doubt; they keep their Message-ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesRetried {
    /// The notice.
    pub notice: PhaseId,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Notices that the relay had accepted bounced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesBounced {
    /// The notice.
    pub notice: PhaseId,
    /// The enhanced status code of the delivery report (RFC 3463).
    pub cause: String,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

payloads! {
    NoticesReleased { notice, scheduled_for, mailboxes, .. }: alike {
        all: "{notice} released for {mailboxes}, due {}", utc(*scheduled_for);
        each: "notice {notice} scheduled";
    }
    NoticesClaimed { notice, mailboxes, .. }: alike {
        all: "{notice} claimed for {mailboxes}";
        each: "notice {notice} claimed by a sender";
    }
    NoticesSent { notice, mailboxes }: alike {
        all: "{notice} sent for {mailboxes}";
        each: "notice {notice} sent to the holder";
    }
    NoticesDeferred { notice, cause, attempts, retry_at, mailboxes }: alike {
        all: "{notice} deferred for {mailboxes} ({cause}), attempt {attempts}, \
              next attempt from {}", utc(*retry_at);
        each: "notice {notice} deferred ({cause}); it will be retried";
    }
    NoticesFailed { notice, cause, mailboxes, .. }: alike {
        all: "{notice} failed permanently for {mailboxes} ({cause})";
        each: "notice {notice} failed permanently ({cause})";
    }
    NoticesInDoubt { notice, cause, mailboxes }: alike {
        all: "delivery of {notice} to {mailboxes} in doubt ({cause})";
        each: "delivery of notice {notice} in doubt ({cause})";
    }
    NoticesRetried { notice, mailboxes }: alike {
        all: "{notice} retried for {mailboxes}";
        each: "notice {notice} retried by an operator";
    }
    NoticesBounced { notice, cause, mailboxes }: alike {
        all: "{notice} bounced for {mailboxes} ({cause})";
        each: "notice {notice} bounced ({cause})";
    }
}
