//! Notices: e-mails that announce a phase to holders.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::describe::{mailboxes, utc};
use super::{Payload, Subjects};
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

impl Payload for NoticesReleased {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("{} released for {count}, due {}", self.notice, utc(self.scheduled_for))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} scheduled", self.notice)
    }
}

impl Payload for NoticesClaimed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} claimed for {}", self.notice, mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} claimed by a sender", self.notice)
    }
}

impl Payload for NoticesSent {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} sent for {}", self.notice, mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} sent to the holder", self.notice)
    }
}

impl Payload for NoticesDeferred {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!(
            "{} deferred for {} ({}), attempt {}, next attempt from {}",
            self.notice,
            mailboxes(self.mailboxes.len()),
            self.cause,
            self.attempts,
            utc(self.retry_at)
        )
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} deferred ({}); it will be retried", self.notice, self.cause)
    }
}

impl Payload for NoticesFailed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("{} failed permanently for {count} ({})", self.notice, self.cause)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} failed permanently ({})", self.notice, self.cause)
    }
}

impl Payload for NoticesInDoubt {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("delivery of {} to {count} in doubt ({})", self.notice, self.cause)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("delivery of notice {} in doubt ({})", self.notice, self.cause)
    }
}

impl Payload for NoticesRetried {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} retried for {}", self.notice, mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} retried by an operator", self.notice)
    }
}

impl Payload for NoticesBounced {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} bounced for {} ({})", self.notice, mailboxes(self.mailboxes.len()), self.cause)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("notice {} bounced ({})", self.notice, self.cause)
    }
}
