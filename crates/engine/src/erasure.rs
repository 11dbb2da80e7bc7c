//! The owners of personal data, and erasing holders from each of them.
//!
//! Invariants: erasing twice is erasing once, so that an interrupted erasure starts again from its
//! beginning; the registry, which knows whose addresses they are, comes last. Deliberately absent:
//! a provider's own platform, and backups.

mod message_logs;
mod owners;
mod residue;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::{Capability, Phase, State};
use registry::{Entry, Registry};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::store::Store;
use crate::{EngineLock, Error, Home, StoreUrl};
pub use message_logs::MessageLogs;
pub use residue::residue;

/// An owner of personal data.
#[async_trait]
pub(crate) trait Erase: Send + Sync {
    /// Erases holders and adds to `erased` how much there was, by the name of what held it.
    async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error>;

    /// Closes it; the store closes what belongs to it.
    async fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Whose data are erased, and what identifies the holders.
pub(crate) struct Whose<'a> {
    /// The holders, and what the log states of them.
    pub(crate) pending: &'a Pending,
    /// The identities of the holders.
    registry: &'a Registry,
}

/// The holders whose erasure is ordered and not done.
pub(crate) struct Pending {
    /// The holders.
    pub(crate) holders: RoaringBitmap,
    /// Their open log requests: each may have an export.
    pub(crate) requests: BTreeSet<Uuid>,
    /// Whether the programme has ended.
    pub(crate) ended: bool,
    /// Whether mail logs may still be indexed that were not by now.
    pub(crate) logs_may_come: bool,
    /// Whether the destruction of the mail logs is recorded.
    pub(crate) logs_destroyed: bool,
}

impl Pending {
    pub(crate) fn of(state: &State) -> Self {
        let holders = state.erasure.pending();
        let requests = state.log_requests.open.iter();
        let theirs = requests.filter(|(_, request)| holders.contains(request.number));
        let requests = theirs.map(|(id, _)| *id).collect();
        let (ended, logs_destroyed) = (state.has_ended(), state.log_requests.destroyed.is_some());
        let with_logs = |phase: &Phase| phase.allows.contains(Capability::RequestLogs);
        let may_request = state.plan().is_some_and(|plan| plan.phases.iter().any(with_logs));
        let logs_may_come = may_request && !ended && !logs_destroyed;
        Self { holders, requests, ended, logs_may_come, logs_destroyed }
    }
}

impl Whose<'_> {
    async fn addresses(&self) -> Result<Vec<String>, Error> {
        let addresses = self.registry.addresses_of(&self.pending.holders).await?;
        Ok(addresses.into_iter().map(|(_, address, _)| address).collect())
    }

    /// The identifiers of holders in an e-mail: codice fiscale, mailbox, and address for notices.
    async fn identifiers(&self) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        for number in &self.pending.holders {
            if let Some(Entry { registration, .. }) = self.registry.find(number).await? {
                texts.push(registration.codice_fiscale.to_string());
                texts.push(registration.address);
                texts.extend(registration.notify_email);
            }
        }
        Ok(texts)
    }
}

/// The owners of a store's personal data, the registry last.
pub(crate) struct Owners {
    owners: Vec<Box<dyn Erase>>,
    /// Keeps the engine of a folder from reading what is rewritten.
    _lock: Option<EngineLock>,
}

impl Owners {
    pub(crate) async fn open(store: &Store, archive: Option<&Home>) -> Result<Self, Error> {
        let settings = store.settings();
        let lock = match &settings.url {
            StoreUrl::Folder(_) => Some(settings.home()?.lock()?),
            StoreUrl::Postgres(_) => None,
        };
        let mut owners: Vec<Box<dyn Erase>> = Vec::new();
        if let Some(home) = archive {
            owners.push(Box::new(owners::MailLogIndex::open(home, settings.keyring()?).await?));
        }
        if let Some(messages) = owners::Messages::open(settings).await? {
            owners.push(Box::new(messages));
        }
        if let Some(directory) = owners::Rights::open(settings).await? {
            owners.push(Box::new(directory));
        }
        owners.push(Box::new(owners::Holders));
        Ok(Self { owners, _lock: lock })
    }

    /// Erases holders from every owner; how much there was in each. `progress` takes the number of
    /// holders times that of the owners that are done, and of all.
    pub(crate) async fn erase(
        &self,
        pending: &Pending,
        registry: &Registry,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<BTreeMap<String, u64>, Error> {
        let (whose, mut erased) = (Whose { pending, registry }, BTreeMap::new());
        let holders = pending.holders.len();
        let all = (1_u64..).zip(&self.owners).last().map_or(0, |(owners, _)| holders * owners);
        progress(0, all);
        for (done, owner) in (1_u64..).zip(&self.owners) {
            owner.erase(&whose, &mut erased).await?;
            progress(holders * done, all);
        }
        Ok(erased)
    }

    /// Closes them.
    pub(crate) async fn close(self) {
        for owner in self.owners {
            if let Err(error) = owner.close().await {
                tracing::warn!(%error, "an owner of personal data could not be closed");
            }
        }
    }
}
