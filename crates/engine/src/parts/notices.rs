//! Sends the plan's notices to holders, through a mail relay.
//!
//! The lease keeps the rate: two senders would notify nobody twice, but send twice as fast.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{MailboxSet, State};
use mail::Relay;
use registry::Registry;
use workers::notices::{Contact, ContactLookup, Mailer, RelayMailer, RelaySettings, Sender, Sink};

use super::{Context, Part, Progress};
use crate::Error;

/// How notices leave a process.
#[derive(Clone, Default)]
pub enum NoticeDelivery {
    /// They stay: the plan's notices wait, and the log shows it.
    #[default]
    Disabled,
    /// Through a mailer that exists already: rehearsals and tests.
    Mailer(Arc<dyn Mailer>),
    /// Through a relay, to the addresses of the registry.
    Relay(RelayDelivery),
}

/// A relay and its limits.
#[derive(Clone)]
pub struct RelayDelivery {
    /// The relay.
    pub relay: Relay,
    /// Sender address and limits.
    pub settings: RelaySettings,
}

impl NoticeDelivery {
    /// Accepts every notice and delivers none, for a rehearsal.
    pub fn sink() -> Self {
        Self::Mailer(Arc::new(Sink))
    }
}

impl RelayDelivery {
    /// A mailer through this relay, with the addresses of a registry.
    pub fn mailer(&self, registry: Arc<Registry>) -> Arc<dyn Mailer> {
        let addresses = Arc::new(RegistryAddresses(registry));
        Arc::new(RelayMailer::new(&self.relay, self.settings.clone(), addresses))
    }
}

impl fmt::Debug for NoticeDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("Disabled"),
            Self::Mailer(_) => f.write_str("Mailer"),
            Self::Relay(delivery) => write!(f, "Relay({:?})", delivery.settings),
        }
    }
}

pub(super) async fn build(context: &Context) -> Result<Option<Sender>, Error> {
    let mailer = match &context.settings.notices {
        NoticeDelivery::Disabled => {
            warn_of_undelivered(&*context.journal().state().await?);
            return Ok(None);
        }
        NoticeDelivery::Mailer(mailer) => Arc::clone(mailer),
        NoticeDelivery::Relay(relay) => relay.mailer(Arc::clone(context.store.registry().await?)),
    };
    let (journal, stop) = (Arc::clone(context.journal()), context.stop.clone());
    Ok(Some(Sender::new(journal, mailer, stop, context.settings.seed)))
}

fn warn_of_undelivered(state: &State) {
    if state.plan().is_some_and(|plan| !plan.notices.is_empty()) {
        tracing::warn!(
            "the plan has notices but no mail relay is configured: they are not sent; set \
             --smtp-url and --notices-from"
        );
    }
}

#[async_trait]
impl Part for Sender {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(Self::tick(self).await?.into())
    }
}

/// The addresses of a registry.
struct RegistryAddresses(Arc<Registry>);

#[async_trait]
impl ContactLookup for RegistryAddresses {
    async fn contacts(&self, mailboxes: &MailboxSet) -> Result<Vec<Contact>, String> {
        let contacts = self.0.contacts(mailboxes).await.map_err(|error| error.to_string())?;
        let contact = |(number, address, notify)| Contact { number, address, notify };
        Ok(contacts.into_iter().map(contact).collect())
    }
}
