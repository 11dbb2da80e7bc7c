use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};

use super::{Actual, Answer, Ends, Error, Known, Pace, Platform, SetRights};

/// A platform whose calls wait for the rate limits of their effects.
#[derive(Debug)]
pub struct Paced<P> {
    inner: P,
    pace: Pace,
}

impl<P> Paced<P> {
    /// Wraps a platform with these limits, which can be changed through any clone of them.
    pub fn new(inner: P, pace: Pace) -> Self {
        Self { inner, pace }
    }

    /// The wrapped platform.
    pub fn inner(&self) -> &P {
        &self.inner
    }
}

#[async_trait]
impl<P: Platform> Platform for Paced<P> {
    fn controls(&self) -> Capabilities {
        self.inner.controls()
    }

    fn arms(&self) -> bool {
        self.inner.arms()
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        let _under_way = self.pace.begin(call.capabilities).await;
        self.inner.set(call).await
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        let _under_way = self.pace.begin(capabilities).await;
        self.inner.read(mailboxes, capabilities).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let _under_way = self.pace.begin(self.inner.controls()).await;
        self.inner.known(from, limit).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        let _under_way = self.pace.begin(capabilities).await;
        self.inner.ends(mailboxes, capabilities).await
    }
}
