//! Mailboxes on their way into the mail directory: nobody is given up for not being there yet.
//!
//! The log knows of a registration before the directory does. The sweep waits until the directory has read
//! all that the registry said; and where a registration slips in between, a mailbox that the directory does
//! not know is tried again later and not given up.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use eventstore::{EventStore, Filter};
use platform::{self, Actual, Answer, Cause, Ends, Known, Platform, SetRights};

use crate::Error;
use engine::provision::Provisioned;

/// What the registry has said and the directory has not read.
#[derive(Clone)]
pub(crate) struct Arrivals {
    log: Arc<dyn EventStore>,
    directory: Arc<dyn Provisioned>,
}

impl Arrivals {
    /// Those between this log and this directory.
    pub(crate) fn new(log: Arc<dyn EventStore>, directory: Arc<dyn Provisioned>) -> Self {
        Self { log, directory }
    }

    /// Is there any?
    pub(crate) async fn any(&self) -> Result<bool, Error> {
        let read_to = self.directory.checkpoint().await?;
        let registry = Filter { categories: vec!["registry".to_owned()] };
        Ok(!self.log.read_all(read_to, &registry, 1).await?.events.is_empty())
    }
}

/// A platform on which a mailbox that it does not know may still be on its way.
pub(crate) struct Awaiting<P> {
    /// The platform.
    pub(crate) platform: P,
    /// What is on its way.
    pub(crate) arrivals: Arrivals,
}

#[async_trait]
impl<P: Platform> Platform for Awaiting<P> {
    fn controls(&self) -> Capabilities {
        self.platform.controls()
    }

    fn arms(&self) -> bool {
        self.platform.arms()
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, platform::Error> {
        let mut answer = self.platform.set(call).await?;
        let unknown = |cause: &Cause| *cause == Cause::UNKNOWN_MAILBOX;
        if answer.failed.iter().any(|failure| unknown(&failure.cause)) {
            // Where that can't be found out either, to try again is what does no harm.
            let on_their_way = self.arrivals.any().await.unwrap_or(true);
            for failure in answer.failed.iter_mut().filter(|failure| unknown(&failure.cause)) {
                failure.transient = on_their_way;
            }
        }
        Ok(answer)
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, platform::Error> {
        self.platform.read(mailboxes, capabilities).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, platform::Error> {
        self.platform.known(from, limit).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, platform::Error> {
        self.platform.ends(mailboxes, capabilities).await
    }
}
