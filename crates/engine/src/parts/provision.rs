//! Gives the mail directory its mailboxes and the refusal texts of the plan in force.
//!
//! Invariant: the directory's checkpoint moves in the same transaction as its rows, so a restart
//! continues where the last run stopped. Deliberately absent: rights. A mailbox starts with all of
//! them, and the sweep ends what the plan does not allow.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Event, Refusals};
use eventstore::{EventStore, Filter, Journal};
use platform::{Answer, Cause, Directory, Layer, Platform, SetRights};
use registry::Registry;

use super::{Context, Part, Progress};
use crate::Error;
use crate::platform_choice::PlatformChoice;

pub(super) const NAME: &str = "provisioner";
/// Events read at a time; one registration event covers thousands of mailboxes.
const PAGE: usize = 16;

pub(super) async fn build(context: &Context) -> Result<Option<Provision>, Error> {
    if let PlatformChoice::Webhook(_) = context.settings.platform {
        tracing::info!("the provider has its own mailboxes: nothing to provision");
        return Ok(None);
    }
    let (registry, directory) =
        (context.stores.registry().await?, context.stores.directory().await?);
    Ok(Some(Provision::new(Arc::clone(&context.journal), registry, directory)))
}

/// Follows the log into the directory.
pub struct Provision {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    directory: Arc<Directory>,
    /// The texts that this process set last.
    refusals: Option<Refusals>,
}

#[async_trait]
impl Part for Provision {
    fn name(&self) -> &'static str {
        NAME
    }

    fn lease(&self) -> Option<&'static str> {
        Some("directory")
    }

    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        self.set_refusals().await?;
        let mut progress = Progress::idle(None);
        loop {
            let checkpoint = self.directory.checkpoint().await?;
            let page = self.journal.store().read_all(checkpoint, &of_registry(), PAGE).await?;
            if page.events.is_empty() {
                // The checkpoint is not written for every event of other kinds.
                return Ok(progress);
            }
            let mut rows = Vec::new();
            for event in &page.events {
                rows.extend(self.mailboxes(event.fact()?.event).await?);
            }
            rows.sort_unstable();
            rows.dedup();
            progress.done += u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.directory.provision(&rows, page.read_to).await?;
        }
    }
}

impl Provision {
    /// From the directory's checkpoint.
    pub fn new(journal: Arc<Journal>, registry: Arc<Registry>, directory: Arc<Directory>) -> Self {
        Self { journal, registry, directory, refusals: None }
    }

    /// Sets the refusal texts of the plan in force, unless this process has set them already.
    async fn set_refusals(&mut self) -> Result<(), Error> {
        let state = self.journal.state().await?;
        let refusals = state.plan().map(|plan| &plan.refusals);
        let Some(refusals) = refusals.filter(|refusals| self.refusals.as_ref() != Some(refusals))
        else {
            return Ok(());
        };
        let refusals = refusals.clone();
        drop(state);
        if self.directory.set_refusals(&refusals).await? {
            tracing::info!("refusal texts of the mail servers updated to the plan in force");
        }
        self.refusals = Some(refusals);
        Ok(())
    }

    /// Number and address of the active mailboxes of an event.
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

fn of_registry() -> Filter {
    Filter { categories: vec!["registry".to_owned()] }
}

/// Mailboxes that are registered in the log and that the directory does not have yet.
#[derive(Clone)]
pub struct PendingMailboxes {
    log: Arc<dyn EventStore>,
    directory: Arc<Directory>,
}

impl PendingMailboxes {
    /// Between this log and this directory.
    pub fn new(log: Arc<dyn EventStore>, directory: Arc<Directory>) -> Self {
        Self { log, directory }
    }

    /// Is at least one mailbox pending?
    pub async fn any(&self) -> Result<bool, Error> {
        let checkpoint = self.directory.checkpoint().await?;
        Ok(!self.log.read_all(checkpoint, &of_registry(), 1).await?.events.is_empty())
    }
}

/// A platform on which an unknown mailbox may still be pending: the failure is then transient.
pub struct RetryPending<P> {
    /// The platform.
    pub platform: P,
    /// What it has not been given yet.
    pub pending: PendingMailboxes,
}

#[async_trait]
impl<P: Platform> Layer for RetryPending<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.platform
    }

    async fn change(&self, call: &SetRights) -> Result<Answer, platform::Error> {
        let mut answer = self.platform.set(call).await?;
        let unknown = |cause: &Cause| *cause == Cause::UNKNOWN_MAILBOX;
        if answer.failed.iter().any(|failure| unknown(&failure.cause)) {
            // Where that cannot be read either, a retry is harmless and an incident is not.
            let pending = self.pending.any().await.unwrap_or(true);
            for failure in answer.failed.iter_mut().filter(|failure| unknown(&failure.cause)) {
                failure.transient = pending;
            }
        }
        Ok(answer)
    }
}
