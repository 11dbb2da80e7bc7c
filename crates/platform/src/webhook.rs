//! The adapter of a provider's HTTPS API, as described by `deploy/webhook/openapi.json`.
//!
//! A call is sent as signed requests of hundreds or thousands of mailboxes, and each mailbox has
//! its own outcome. The provider knows a mailbox by its number, its id and its address; addresses
//! are looked up for each request and never appear in logs, metrics or errors. Invariants:
//! redirects are never followed, and private networks are never connected to unless allowed; every
//! wait and every response size is bounded; a mailbox missing from a response was not processed; a
//! problem of a whole request (a password, a path, an outage) makes no mailbox fail permanently.
//! Deliberately absent: provisioning, since the mailboxes are the provider's, and retries, which
//! are the caller's. A circuit breaker holds calls back while the provider is down.

mod answer;
mod batch;
mod breaker;
mod client;
mod inner;
mod key;
mod retry_after;
mod secret;
mod settings;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet, ProgrammeId};
use eventstore::Clock;
use futures::{StreamExt, TryStreamExt, stream};
use roaring::RoaringBitmap;
use tokio::time::Instant;

use super::outcome::Outcomes;
use super::{Actual, Answer, Cause, Ends, Error, Known, Platform, SetRights, columns};
use batch::batches;
use client::Client;

pub use secret::Secrets;
pub use settings::{Endpoint, Settings, Waits};

/// Looks up the addresses of mailboxes: the registry, which alone stores personal data.
#[async_trait]
pub trait Addresses: Send + Sync {
    /// Number and address of these mailboxes; erased ones are left out.
    async fn addresses(&self, mailboxes: &RoaringBitmap) -> Result<Vec<(u32, String)>, Error>;
}

/// A provider that implements `deploy/webhook/openapi.json`.
pub struct Webhook {
    programme: ProgrammeId,
    settings: Settings,
    client: Client,
    addresses: Arc<dyn Addresses>,
}

impl Webhook {
    /// A programme's mailboxes at the provider. Nothing is sent yet. The clock is the real one, in
    /// a rehearsal too: the provider compares the timestamp of a request with its own clock.
    pub fn new(
        programme: ProgrammeId,
        settings: Settings,
        addresses: Arc<dyn Addresses>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let client = Client::new(&settings, clock)?;
        Ok(Self { programme, settings, client, addresses })
    }

    /// The instant until which a call that starts now waits for a provider that is down.
    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.waits.recovery
    }

    async fn set_batch(
        &self,
        call: &SetRights,
        batch: RoaringBitmap,
        deadline: Instant,
    ) -> (RoaringBitmap, Result<Outcomes, Error>) {
        let answered = async {
            let addresses = self.addresses.addresses(&batch).await?;
            let request = wire::SetRequest::new(call, &batch, &addresses);
            let key = key::of(call, &batch);
            self.client.set(&request, &key, deadline).await
        };
        let outcomes = answered.await.map(|answer| answer::outcomes(answer.results, &batch));
        (batch, outcomes)
    }

    /// Reads the rights of every one of the mailboxes.
    async fn rights(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Vec<wire::Rights>, Error> {
        columns::controlled(capabilities)?;
        let deadline = self.deadline();
        let pages: Vec<Vec<wire::Rights>> = stream::iter(batches(mailboxes, self.settings.batch))
            .map(|batch| self.read_batch(batch, capabilities, deadline))
            .buffer_unordered(self.settings.requests)
            .try_collect()
            .await?;
        Ok(pages.into_iter().flatten().collect())
    }

    async fn read_batch(
        &self,
        batch: RoaringBitmap,
        capabilities: Capabilities,
        deadline: Instant,
    ) -> Result<Vec<wire::Rights>, Error> {
        let addresses = self.addresses.addresses(&batch).await?;
        let (programme, mailboxes) =
            (&self.programme, wire::mailboxes(&self.programme, &batch, &addresses));
        let request = wire::ReadRequest { programme, capabilities, mailboxes };
        let answer = self.client.read(&request, deadline).await?;
        answer::complete(answer.mailboxes, &batch)
    }
}

#[async_trait]
impl Platform for Webhook {
    fn controls(&self) -> Capabilities {
        Capabilities::OF_PLATFORM
    }

    fn arms(&self) -> bool {
        self.settings.arms
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        columns::controlled(call.capabilities)?;
        let deadline = self.deadline();
        let mut answered = stream::iter(batches(&call.mailboxes, self.settings.batch))
            .map(|batch| self.set_batch(call, batch, deadline))
            .buffer_unordered(self.settings.requests);
        let mut all = Outcomes::default();
        let mut trouble = None;
        let mut reached = call.mailboxes.is_empty();
        while let Some((batch, outcomes)) = answered.next().await {
            match outcomes {
                Ok(outcomes) => {
                    reached = true;
                    all.add(outcomes);
                }
                Err(error) => {
                    // It says nothing about these mailboxes: none of them uses up an attempt.
                    let retried = error.may_retry();
                    let cause = if retried { Cause::UNAVAILABLE } else { error.cause().clone() };
                    *all.failed(cause, retried) |= batch;
                    trouble.get_or_insert(error);
                }
            }
        }
        match trouble {
            Some(error) if !reached => Err(error),
            _ => Ok(all.answer()),
        }
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        let rights = self.rights(mailboxes, capabilities).await?;
        Ok(answer::actual(&rights, capabilities))
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let request = wire::ListRequest { programme: &self.programme, from, limit };
        self.client.list(&request, self.deadline()).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        if !self.arms() {
            columns::controlled(capabilities)?;
            return Ok(Ends::new());
        }
        let rights = self.rights(mailboxes, capabilities).await?;
        Ok(answer::ends(&rights, capabilities))
    }
}
