//! What became of the notices by which holders are told of a phase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{MailboxSet, PhaseId};

/// An occurrence of a notice's cron expression let a batch go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesReleased {
    /// The notice.
    pub notice: PhaseId,
    /// The phase that it announces.
    pub announces: PhaseId,
    /// The plan's revision in force.
    pub revision: u32,
    /// The occurrence.
    pub scheduled_for: DateTime<Utc>,
    /// To whom the notice may go now.
    pub mailboxes: MailboxSet,
}

/// A sender is about to hand notices to the mail relay.
///
/// Recorded before the first of them leaves, so that a crash never makes anyone's second notice: of whom no
/// outcome follows, nobody knows whether the relay took it, and that is recorded too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesClaimed {
    /// The notice.
    pub notice: PhaseId,
    /// This claim.
    pub claim: Uuid,
    /// The sender hands over none of them after this instant.
    pub until: DateTime<Utc>,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The relay took notices over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesSent {
    /// The notice.
    pub notice: PhaseId,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The relay did not take notices this time; they are handed over again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesDeferred {
    /// The notice.
    pub notice: PhaseId,
    /// Why, as a short code.
    pub cause: String,
    /// Attempts made so far.
    pub attempts: u32,
    /// Not before this instant.
    pub retry_at: DateTime<Utc>,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// The relay will not take notices, or did not in as many attempts as the plan allows; or there is no address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesFailed {
    /// The notice.
    pub notice: PhaseId,
    /// Why, as a short code.
    pub cause: String,
    /// Attempts made.
    pub attempts: u32,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Nobody knows whether the relay took notices: the sender, or the connection, was lost in between.
///
/// They are not handed over again unless an operator says so, for nobody is to be told twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesInDoubt {
    /// The notice.
    pub notice: PhaseId,
    /// Why nobody knows, as a short code.
    pub cause: String,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// An operator has notices that failed, or are in doubt, handed over again, with the same Message-ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesRetried {
    /// The notice.
    pub notice: PhaseId,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Notices that the relay took came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesBounced {
    /// The notice.
    pub notice: PhaseId,
    /// Why, as a short code: the enhanced status code that the report gives.
    pub cause: String,
    /// Whose.
    pub mailboxes: MailboxSet,
}
