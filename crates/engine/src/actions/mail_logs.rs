//! The index of mail logs: filling it, and destroying it with every export.

use std::path::PathBuf;

use archive::{Domains, IndexRequest, Indexed};
use chrono::{DateTime, Utc};
use eventstore::Origin;
use views::MailLogsDestroyed;

use super::{At, Convergent};
use crate::Error;
use crate::store::Store;

/// Reads mail servers' logs into the index; each line counts once.
pub struct IndexMailLogs<P> {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The domains whose messages are indexed; empty for that of the registry.
    pub domains: Vec<String>,
    /// The latest instant of any line; `None` for each file's modification time.
    pub not_after: Option<DateTime<Utc>>,
    /// Takes the number of lines read so far.
    pub progress: P,
}

/// Destroys the index and all exports, but for the messages that a hold keeps.
pub struct DestroyMailLogs;

impl<P: FnMut(u64) + Send> Convergent for IndexMailLogs<P> {
    const DONE: &'static str = "indexed";
    type Result = Indexed;

    async fn run(self, store: &Store, _by: &Origin) -> Result<At<Indexed>, Error> {
        let Self { files, domains, not_after, progress } = self;
        let zone = {
            let state = store.journal().state().await?;
            state.may_index_logs(store.journal().now())?;
            state.plan().map_or(chrono_tz::Europe::Rome, |plan| plan.zone)
        };
        let domains =
            if domains.is_empty() { vec![registry_domain(store).await?] } else { domains };
        let request = IndexRequest { files, domains: Domains::new(domains), zone, not_after };
        let indexed = store.archive().await?.read_logs(request, progress).await?;
        store.at_end(indexed).await
    }
}

impl Convergent for DestroyMailLogs {
    const DONE: &'static str = "destroyed";
    type Result = MailLogsDestroyed;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<MailLogsDestroyed>, Error> {
        let archive = store.archive().await?;
        archive.expire(by).await?;
        let destroyed = archive.destroy(&store.logs_under_hold().await?, by).await?;
        store.at_end(MailLogsDestroyed::from(destroyed)).await
    }
}

/// The domain of the first address that the registry still has: all are of one service.
async fn registry_domain(store: &Store) -> Result<String, Error> {
    let known = {
        let state = store.journal().state().await?;
        &state.rights.registered - &state.erasure.erased
    };
    let first = match known.min() {
        Some(number) => store.registry().await?.find(number).await?,
        None => None,
    };
    let address = first.map(|entry| entry.registration.address);
    let domain = address.as_deref().and_then(|address| address.rsplit_once('@'));
    domain.map(|(_, domain)| domain.to_owned()).ok_or_else(|| {
        Error::NotFound("the registry is empty; name the service's domain with --domain".to_owned())
    })
}
