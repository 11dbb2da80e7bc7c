//! The port to whatever carries notices.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{MailboxSet, NoticeWords, PhaseId, ProgrammeId};
use roaring::RoaringBitmap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Carries notices: a mail relay, or what stands in for one.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// How many mailboxes it is handed at a time. A crash leaves at most so many in doubt.
    fn handful(&self) -> u32;

    /// How long it may take over a handful before it stops by itself.
    fn patience(&self) -> Duration;

    /// Would it take anything now? The error is a short code. Asked before anything is claimed, so that an
    /// outage of the relay claims nothing.
    async fn ready(&self) -> Result<(), String>;

    /// Hands the notices over, one by one, until the errand's deadline. Every mailbox of it is in exactly
    /// one of the answers.
    async fn post(&self, errand: &Errand<'_>) -> Vec<Posted>;
}

/// What is to be handed over.
pub struct Errand<'a> {
    /// The programme that tells.
    pub programme: &'a ProgrammeId,
    /// The notice.
    pub notice: &'a PhaseId,
    /// What it says.
    pub wording: &'a NoticeWords,
    /// Whom.
    pub mailboxes: &'a MailboxSet,
    /// Those among them whose own mailbox still receives.
    pub receiving: &'a MailboxSet,
    /// The time it is now, for the letters' date.
    pub dated: DateTime<Utc>,
    /// Nothing is handed over after this.
    pub deadline: Instant,
    /// Nothing more is handed over once this is cancelled.
    pub stop: &'a CancellationToken,
}

/// What became of some of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// What.
    pub answer: Answer,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// What became of a notice that was to be handed over. A cause is a short code and holds no address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The relay took it over.
    Accepted,
    /// It did not take it this time.
    Deferred {
        /// Why.
        cause: String,
    },
    /// It will not take it.
    Refused {
        /// Why.
        cause: String,
    },
    /// There is no address to write to.
    Unreachable {
        /// Why.
        cause: String,
    },
    /// The connection was lost after the letter was under way and before the relay answered.
    InDoubt {
        /// How.
        cause: String,
    },
    /// It was not come to: no attempt was made.
    NotTried {
        /// Why.
        cause: String,
    },
}

/// Where addresses are looked up, at the moment a letter is written.
#[async_trait]
pub trait AddressBook: Send + Sync {
    /// The addresses of these mailboxes; those that are not in the registry are left out. The error is a
    /// sentence without personal data.
    async fn contacts(&self, mailboxes: &MailboxSet) -> Result<Vec<Contact>, String>;
}

/// How the holder of a mailbox is reached. It has no `Debug` form: an address belongs in no log.
#[derive(Clone)]
pub struct Contact {
    /// The mailbox's number.
    pub number: u32,
    /// The mailbox's own address.
    pub address: String,
    /// The address that the holder named for notices.
    pub notify: Option<String>,
}

/// Collects answers by mailbox into answers by set.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<Answer, RoaringBitmap>);

impl Tally {
    pub(super) fn add(&mut self, answer: Answer, number: u32) {
        self.0.entry(answer).or_default().insert(number);
    }

    pub(super) fn posted(self) -> Vec<Posted> {
        let posted = |(answer, set)| Posted { answer, mailboxes: MailboxSet::from(set) };
        self.0.into_iter().map(posted).collect()
    }
}
