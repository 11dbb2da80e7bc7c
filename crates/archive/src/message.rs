//! A message as it is put together from the lines that name its place in the queue.

use chrono::{DateTime, Utc};

use crate::Kind;

/// What is known of a message so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its row in the index, if it has one.
    pub id: Option<i64>,
    /// The name of its place in the queue; empty where it never had one.
    pub queue: String,
    /// Its `Message-ID`.
    pub identifier: Option<String>,
    /// Who sent it; empty for a report of a mail server.
    pub sender: Option<String>,
    /// What it is about, where the log says.
    pub subject: Option<String>,
    /// The server that it came from.
    pub provider: Option<String>,
    /// Did a user of this service log in to send it?
    pub login: bool,
    /// What happened to it, as the log tells it.
    pub happened: Vec<Happened>,
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: Kind,
    /// To whom it was going; `None` for what concerns the whole message.
    pub recipient: Option<String>,
    /// What it is called elsewhere: at the next server, or its report.
    pub related: Option<String>,
}

impl Message {
    /// All addresses that it was sent by or to.
    pub(crate) fn parties(&self) -> impl Iterator<Item = &str> {
        let recipients = self.happened.iter().filter_map(|event| event.recipient.as_deref());
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

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is the address, in small letters, in one of them?
    pub(crate) fn own(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| self.0.iter().any(|own| own == domain))
    }
}
