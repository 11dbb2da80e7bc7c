//! The owners of personal data, and erasing holders from each of them.
//!
//! Invariants: erasing twice is erasing once, so that an interrupted erasure starts again from its
//! beginning; the registry, which knows whose addresses they are, comes last. Deliberately absent:
//! a provider's own platform, and backups.

mod message_logs;
mod owners;
mod residue;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Capability, Phase, State};
use registry::{Entry, Registry};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::store::{Store, StoreSettings};
use crate::{Error, Home, StoreUrl};
pub use message_logs::MessageLogs;
use owners::Owner;
pub use residue::residue;

/// Whose data are erased, and what identifies the holders.
pub(crate) struct Whose<'a> {
    /// The holders, and what the log states of them.
    pub(crate) pending: &'a Pending,
    /// The identities of the holders.
    registry: &'a Registry,
    /// Where the store is.
    settings: &'a StoreSettings,
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

/// Erases holders from every owner of a store's personal data, the registry last; how much there
/// was in each. `progress` takes the number of holders times that of the owners that are done, and
/// of all.
pub(crate) async fn erase(
    store: &Store,
    pending: &Pending,
    mail_logs: Option<&Home>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<BTreeMap<String, u64>, Error> {
    let settings = store.settings();
    // The lock keeps the engine of a folder from reading what is rewritten.
    let (_lock, has_messages, has_directory) = match &settings.url {
        StoreUrl::Folder(_) => {
            let home = settings.home()?;
            (Some(home.lock()?), home.intake().exists(), home.directory().exists())
        }
        StoreUrl::Postgres(_) => (None, true, true),
    };
    let whose = Whose { pending, registry: store.registry().await?, settings };
    let mut owners: Vec<Owner<'_>> = mail_logs.map(Owner::MailLogs).into_iter().collect();
    if has_messages {
        owners.push(Owner::Messages(store.messages().await?));
    }
    if has_directory {
        owners.push(Owner::Directory(store.directory().await?));
    }
    owners.push(Owner::Registry);
    let (holders, mut erased) = (pending.holders.len(), BTreeMap::new());
    let all = (1_u64..).zip(&owners).last().map_or(0, |(owners, _)| holders * owners);
    progress(0, all);
    for (done, owner) in (1_u64..).zip(&owners) {
        owner.erase(&whose, &mut erased).await?;
        progress(holders * done, all);
    }
    Ok(erased)
}
