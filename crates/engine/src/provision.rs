//! Gives the mail directory its mailboxes: follows the log, takes addresses from the registry. And its words:
//! what the plan in force has the mail servers say.
//!
//! Invariant: the directory's own checkpoint moves in the same transaction as its rows, so a restart
//! goes on where it stopped. Deliberately absent: rights. A mailbox comes with all of them, and the
//! sweep takes away what the plan does not allow.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Event, Refusals, Tick};
use eventstore::{EventStore, Filter};
use platform::{self, Directory, PostgresDirectory};
use registry::Registry;

use crate::Error;

/// How many events it reads at a time; a registration event speaks of thousands of mailboxes.
const PAGE: usize = 16;

/// A mail directory that mailboxes can be put into.
#[async_trait]
pub trait Provisioned: Send + Sync {
    /// How far the log was read.
    async fn checkpoint(&self) -> Result<u64, platform::Error>;

    /// Adds mailboxes or changes their addresses, and moves the checkpoint, in one transaction.
    async fn provision(&self, rows: &[(u32, String)], to: u64) -> Result<(), platform::Error>;

    /// Has the mail servers say this where a right has ended; were other words there before?
    async fn say(&self, refusals: &Refusals) -> Result<bool, platform::Error>;
}

#[async_trait]
impl Provisioned for Directory {
    async fn checkpoint(&self) -> Result<u64, platform::Error> {
        Self::checkpoint(self).await
    }

    async fn provision(&self, rows: &[(u32, String)], to: u64) -> Result<(), platform::Error> {
        Self::provision(self, rows, to).await
    }

    async fn say(&self, refusals: &Refusals) -> Result<bool, platform::Error> {
        Self::say(self, refusals).await
    }
}

#[async_trait]
impl Provisioned for PostgresDirectory {
    async fn checkpoint(&self) -> Result<u64, platform::Error> {
        Self::checkpoint(self).await
    }

    async fn provision(&self, rows: &[(u32, String)], to: u64) -> Result<(), platform::Error> {
        Self::provision(self, rows, to).await
    }

    async fn say(&self, refusals: &Refusals) -> Result<bool, platform::Error> {
        Self::say(self, refusals).await
    }
}

/// Follows the log into the directory.
pub struct Provisioner {
    store: Arc<dyn EventStore>,
    registry: Arc<Registry>,
    directory: Arc<dyn Provisioned>,
    /// What the mail servers were last told to say.
    said: Option<Refusals>,
}

impl Provisioner {
    /// From where the directory stopped.
    pub fn new(
        store: Arc<dyn EventStore>,
        registry: Arc<Registry>,
        directory: Arc<dyn Provisioned>,
    ) -> Self {
        Self { store, registry, directory, said: None }
    }

    /// One pass: what was registered, activated or corrected since.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let mut progress = 0;
        let filter = Filter { categories: vec!["registry".to_owned()] };
        loop {
            let checkpoint = self.directory.checkpoint().await?;
            let page = self.store.read_all(checkpoint, &filter, PAGE).await?;
            if page.events.is_empty() {
                // Nothing of ours: the checkpoint is not written for every event of others.
                return Ok(Tick { progress, next_wake: None });
            }
            let mut rows = Vec::new();
            for event in &page.events {
                rows.extend(self.mailboxes(event.fact()?.event).await?);
            }
            rows.sort_unstable();
            rows.dedup();
            progress += u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.directory.provision(&rows, page.read_to).await?;
        }
    }

    /// Has the mail servers say what the plan in force says, where they were not told yet.
    pub async fn say(&mut self, refusals: Option<Refusals>) -> Result<(), Error> {
        let Some(refusals) = refusals.filter(|refusals| self.said.as_ref() != Some(refusals))
        else {
            return Ok(());
        };
        if self.directory.say(&refusals).await? {
            tracing::info!("the mail servers answer in the words of the plan in force");
        }
        self.said = Some(refusals);
        Ok(())
    }

    /// Number and address of the working mailboxes that an event speaks of.
    async fn mailboxes(&self, event: Event) -> Result<Vec<(u32, String)>, Error> {
        let found = if let Event::MailboxesRegistered(event) = event {
            let count = u32::try_from(event.requested_on.len()).unwrap_or(u32::MAX);
            let Some(last) = count.checked_sub(1) else { return Ok(Vec::new()) };
            self.registry.addresses(event.first..=event.first.saturating_add(last)).await?
        } else if let Event::MailboxesActivated(event) = event {
            self.registry.addresses_of(&event.mailboxes).await?
        } else if let Event::RegistrationsCorrected(event) = event {
            self.registry.addresses_of(&event.mailboxes).await?
        } else {
            return Ok(Vec::new());
        };
        let activated = found.into_iter().filter(|(_, _, activated)| *activated);
        Ok(activated.map(|(number, address, _)| (number, address)).collect())
    }
}
