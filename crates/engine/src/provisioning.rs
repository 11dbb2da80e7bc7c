//! Giving a mail directory its mailboxes and its refusal texts.
//!
//! Invariant: the directory's checkpoint moves in the same transaction as its rows, so a restart
//! continues where the last run stopped. Deliberately absent: rights. A mailbox starts with all of
//! them, and the sweep ends what the plan does not allow.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Event, Refusals};
use eventstore::{EventStore, Filter, Journal};
use platform::{Answer, Cause, Directory, Layer, Platform, SetRights};
use registry::Registry;

use crate::Error;

/// Events read at a time; one registration event covers thousands of mailboxes.
const PAGE: usize = 16;

/// Follows the log into the directory.
pub(crate) struct Provision {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    directory: Arc<Directory>,
    /// The texts that this process set last.
    refusals: Option<Refusals>,
    /// The position of the log at which this process last found every mailbox provisioned: until
    /// an append, a tick reads neither the directory nor the log.
    complete_at: Option<u64>,
}

impl Provision {
    /// From the directory's checkpoint.
    pub(crate) fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        directory: Arc<Directory>,
    ) -> Self {
        Self { journal, registry, directory, refusals: None, complete_at: None }
    }

    /// Provisions what was registered since the last tick; how many mailboxes.
    pub(crate) async fn tick(&mut self) -> Result<u64, Error> {
        let position = self.set_refusals().await?;
        if self.complete_at == Some(position) {
            return Ok(0);
        }
        let mut provisioned = 0;
        loop {
            let checkpoint = self.directory.checkpoint().await?;
            let page = self.journal.store().read_all(checkpoint, &of_registry(), PAGE).await?;
            if page.events.is_empty() {
                // The checkpoint is not written for every event of other kinds.
                self.complete_at = Some(position);
                return Ok(provisioned);
            }
            let mut rows = Vec::new();
            for event in &page.events {
                rows.extend(self.mailboxes(event.fact()?.event).await?);
            }
            rows.sort_unstable();
            rows.dedup();
            provisioned += u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.directory.provision(&rows, page.read_to).await?;
        }
    }

    /// Forgets what it found: another process may provision from now on.
    pub(crate) fn start_over(&mut self) {
        (self.refusals, self.complete_at) = (None, None);
    }

    /// Sets the refusal texts of the plan in force, unless this process has set them already.
    /// Returns the position of that plan's state.
    async fn set_refusals(&mut self) -> Result<u64, Error> {
        let state = self.journal.state().await?;
        let position = state.position();
        let refusals = state.plan().map(|plan| &plan.refusals);
        let Some(refusals) = refusals.filter(|refusals| self.refusals.as_ref() != Some(refusals))
        else {
            return Ok(position);
        };
        let refusals = refusals.clone();
        drop(state);
        if self.directory.set_refusals(&refusals).await? {
            tracing::info!("refusal texts of the mail servers updated to the plan in force");
        }
        self.refusals = Some(refusals);
        Ok(position)
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
pub(crate) struct RetryPending<P> {
    /// The platform.
    pub(crate) platform: P,
    /// What it has not been given yet.
    pub(crate) pending: PendingMailboxes,
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
