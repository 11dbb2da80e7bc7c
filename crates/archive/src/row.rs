//! What is known of a message, entry by entry, and the port it comes through.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{first_instant, last_instant_of};
use serde::{Serialize, Serializer};

use crate::Error;

/// One entry of the log of messages, with the fields that the technical rules of certified mail ask a
/// provider's log for (decree of 2 November 2005).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The message's unique identifier: its `Message-ID`, or the queue's where it has none.
    pub message_id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who sent the message; empty for a report of a mail server, `None` where the log does not say.
    pub sender: Option<String>,
    /// To whom it was going, as far as this entry is about them.
    pub recipients: Vec<String>,
    /// What it was about, where the log says.
    pub subject: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// Identifiers of related messages: its place in the queue, the next server's, a report of it.
    pub related: Vec<String>,
    /// The sending provider: the server that it came from.
    pub provider: Option<String>,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Taken from a user of this service (*accettazione*).
    Accepted,
    /// Taken over from another provider (*presa in carico*).
    TakenInCharge,
    /// Turned away before it was taken.
    Refused,
    /// Handed to another provider.
    Forwarded,
    /// Handed to the mailbox's server (*consegna*).
    Delivered,
    /// Put into the mailbox.
    Stored,
    /// Could not be delivered yet; told once for each recipient.
    Delayed,
    /// Could not be delivered (*mancata consegna*).
    Failed,
    /// Its sender was sent a report of what became of it.
    Reported,
}

impl Kind {
    /// All of them; the place is the code they are stored under.
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

    /// Its name in extracts.
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

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A stretch of time: from an instant on, up to another that does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
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

/// Where a mail platform's log of messages can be asked for one mailbox.
#[async_trait]
pub trait LogArchive: Send + Sync {
    /// All entries that are about messages from or to the address, the oldest first. Of a message to
    /// several, those about the address alone: whom else a message went to is its sender's to know.
    async fn messages(&self, address: &str, period: Period) -> Result<Vec<Entry>, Error>;
}
