//! Log entries, and the port to a platform's log archive.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{first_instant, last_instant_of};
use serde::Serialize;

use crate::Error;

/// A log entry, with the fields that the technical rules of certified mail require of a provider's
/// log (decree of 2 November 2005).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The Message-ID, or the queue id if there is none.
    pub message_id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The sender; empty for a delivery report, `None` if not logged.
    pub sender: Option<String>,
    /// The recipients that this entry concerns.
    pub recipients: Vec<String>,
    /// The subject, if logged.
    pub subject: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// Related identifiers: its queue id, the next server's, its delivery report.
    pub related: Vec<String>,
    /// The sending provider: the server that it came from.
    pub provider: Option<String>,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Accepted from a user of this service (*accettazione*).
    Accepted,
    /// Accepted from another provider (*presa in carico*).
    TakenInCharge,
    /// Refused.
    Refused,
    /// Forwarded to another provider.
    Forwarded,
    /// Delivered to the mailbox's server (*consegna*).
    Delivered,
    /// Stored in the mailbox.
    Stored,
    /// Deferred; one entry per recipient.
    Delayed,
    /// Failed permanently (*mancata consegna*).
    Failed,
    /// A delivery report was sent to its sender.
    Reported,
}

impl Kind {
    /// All kinds; the index is the stored code.
    pub const ALL: [Self; 9] = [
        Self::Accepted,
        Self::TakenInCharge,
        Self::Refused,
        Self::Forwarded,
        Self::Delivered,
        Self::Stored,
        Self::Delayed,
        Self::Failed,
        Self::Reported,
    ];

    /// Its name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::TakenInCharge => "taken-in-charge",
            Self::Refused => "refused",
            Self::Forwarded => "forwarded",
            Self::Delivered => "delivered",
            Self::Stored => "stored",
            Self::Delayed => "delayed",
            Self::Failed => "failed",
            Self::Reported => "reported",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A half-open interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The end, exclusive.
    pub until: DateTime<Utc>,
}

impl Period {
    /// All of time.
    pub const ALL: Self = Self { from: DateTime::<Utc>::MIN_UTC, until: DateTime::<Utc>::MAX_UTC };

    /// From the first instant of one civil day through the last of another.
    pub fn days(from: Option<NaiveDate>, through: Option<NaiveDate>, zone: Tz) -> Self {
        let nanosecond = chrono::TimeDelta::nanoseconds(1);
        let end = |day| last_instant_of(day, zone).checked_add_signed(nanosecond);
        Self {
            from: from.map_or(Self::ALL.from, |day| first_instant(day, zone)),
            until: through.and_then(end).unwrap_or(Self::ALL.until),
        }
    }

    /// Is the instant in it?
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until
    }
}

/// A source of log entries for one mailbox.
#[async_trait]
pub trait LogArchive: Send + Sync {
    /// All entries of messages from or to the address, oldest first. A recipient sees the entries
    /// about itself only: the other recipients are known to the sender alone.
    async fn messages(&self, address: &str, period: Period) -> Result<Vec<Entry>, Error>;
}
