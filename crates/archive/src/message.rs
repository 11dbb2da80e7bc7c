//! A message, assembled from log lines with its queue id.

use chrono::{DateTime, Utc};

use crate::Kind;

/// A message, as far as the log lines describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its row in the index, if it has one.
    pub id: Option<i64>,
    /// Its queue id; empty if it has none.
    pub queue: String,
    /// Its `Message-ID`.
    pub identifier: Option<String>,
    /// The sender; empty for a delivery report.
    pub sender: Option<String>,
    /// The subject, if logged.
    pub subject: Option<String>,
    /// The server it came from.
    pub provider: Option<String>,
    /// Did a user of this service submit it?
    pub login: bool,
    /// Its events.
    pub events: Vec<MessageEvent>,
}

/// An event of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Its kind.
    pub kind: Kind,
    /// The recipient; `None` for an event of the whole message.
    pub recipient: Option<String>,
    /// Its identifier elsewhere: at the next server, or of its report.
    pub related: Option<String>,
}

impl Message {
    /// The addresses of sender and recipients.
    pub(crate) fn parties(&self) -> impl Iterator<Item = &str> {
        let recipients = self.events.iter().filter_map(|event| event.recipient.as_deref());
        self.sender.as_deref().into_iter().chain(recipients).filter(|party| !party.is_empty())
    }
}

/// The domains of this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domains(Vec<String>);

impl Domains {
    /// These, e.g. `postacertificata.example`.
    pub fn new(domains: impl IntoIterator<Item = String>) -> Self {
        Self(domains.into_iter().map(|domain| domain.trim().to_lowercase()).collect())
    }

    /// Are there no domains?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is an address (in lower case) in one of them?
    pub(crate) fn own(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| self.0.iter().any(|own| own == domain))
    }
}
