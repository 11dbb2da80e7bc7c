//! The port to whatever delivers notices.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{MailboxSet, NoticeWords, PhaseId, ProgrammeId};
use mail::Outcome;
use roaring::RoaringBitmap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Delivers notices: a mail relay, or a stand-in for one.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// The most mailboxes in a batch. A crash leaves at most this many in doubt.
    fn batch_size(&self) -> u32;

    /// How long it works on a batch before it stops by itself.
    fn time_limit(&self) -> Duration;

    /// Checks that notices would be accepted now. The error is a short code. Called before a batch
    /// is claimed, so that an outage of the relay claims nothing.
    async fn ready(&self) -> Result<(), String>;

    /// Delivers the notices one by one until the batch's deadline.
    async fn deliver(&self, batch: &Batch<'_>) -> Outcomes;
}

/// Notices to be delivered.
pub struct Batch<'a> {
    /// The programme.
    pub programme: &'a ProgrammeId,
    /// The notice.
    pub notice: &'a PhaseId,
    /// Its wording.
    pub wording: &'a NoticeWords,
    /// Whose holders are notified.
    pub mailboxes: &'a MailboxSet,
    /// Those of them that still receive.
    pub receiving: &'a MailboxSet,
    /// The time in the letters' `Date`.
    pub date: DateTime<Utc>,
    /// Nothing is delivered after this.
    pub deadline: Instant,
    /// Nothing more is delivered once this is cancelled.
    pub stop: &'a CancellationToken,
}

/// The mailboxes of a batch by outcome; each is in exactly one of the sets.
pub type Outcomes = BTreeMap<Outcome, RoaringBitmap>;

/// Looks up addresses at the moment a letter is written.
#[async_trait]
pub trait ContactLookup: Send + Sync {
    /// The contacts of these mailboxes; those that are not in the registry are left out. The error
    /// is a sentence without personal data.
    async fn contacts(&self, mailboxes: &MailboxSet) -> Result<Vec<Contact>, String>;
}

/// The addresses of a holder. It has no `Debug` form: an address must not be logged.
#[derive(Clone)]
pub struct Contact {
    /// The mailbox's number.
    pub number: u32,
    /// The mailbox's own address.
    pub address: String,
    /// The address that the holder named for notices.
    pub notify: Option<String>,
}
