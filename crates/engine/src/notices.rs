//! How notices leave this process: through a relay, into nothing in a rehearsal, or not at all.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{MailboxSet, State, Tick};
use mail::Relay;
use registry::Registry;
use workers::notices::{Contact, ContactLookup, Mailer, RelayMailer, RelaySettings, Sender, Sink};

use crate::Error;
use crate::runner::Passes;

/// How notices leave this process.
#[derive(Clone, Default)]
pub enum Post {
    /// They do not: the plan's notices wait, and the log says so.
    #[default]
    Nowhere,
    /// By a mailer that is there already: in tests.
    Through(Arc<dyn Mailer>),
    /// By a relay, with the addresses of the registry.
    Relay(Outbox),
}

/// A relay and how it is driven.
#[derive(Clone)]
pub struct Outbox {
    /// Where it is.
    pub relay: Relay,
    /// How it is driven.
    pub settings: RelaySettings,
}

impl Post {
    /// Takes everything and carries nothing, for a rehearsal.
    pub fn sink() -> Self {
        Self::Through(Arc::new(Sink))
    }

    /// The mailer; `None` where nothing leaves this process.
    pub fn mailer(&self, registry: &Arc<Registry>) -> Option<Arc<dyn Mailer>> {
        match self {
            Self::Nowhere => None,
            Self::Through(mailer) => Some(Arc::clone(mailer)),
            Self::Relay(outbox) => Some(outbox.mailer(Arc::clone(registry))),
        }
    }
}

impl Outbox {
    /// The mailer that sends through this relay.
    pub fn mailer(&self, registry: Arc<Registry>) -> Arc<dyn Mailer> {
        let contacts = Arc::new(Contacts(registry));
        Arc::new(RelayMailer::new(&self.relay, self.settings.clone(), contacts))
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "Nowhere",
            Self::Through(_) => "Through",
            Self::Relay(_) => "Relay",
        })
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({:?})", self.settings)
    }
}

/// Says once, at the start, that the plan's notices go nowhere.
pub fn warn_of_silence(state: &State) {
    if state.plan().is_some_and(|plan| !plan.notices.is_empty()) {
        tracing::warn!(
            "the plan has notices and no mail relay is configured: nobody is told; name one with \
             --smtp-url and --notices-from"
        );
    }
}

/// Looks addresses up in the registry.
struct Contacts(Arc<Registry>);

#[async_trait]
impl ContactLookup for Contacts {
    async fn contacts(&self, mailboxes: &MailboxSet) -> Result<Vec<Contact>, String> {
        let contacts = self.0.contacts(mailboxes).await.map_err(|error| error.to_string())?;
        let contact = |(number, address, notify)| Contact { number, address, notify };
        Ok(contacts.into_iter().map(contact).collect())
    }
}

/// A sender under the runner.
pub struct Sending(pub Sender);

#[async_trait]
impl Passes for Sending {
    async fn pass(&mut self) -> Result<Tick, Error> {
        Ok(self.0.tick().await?)
    }
}
