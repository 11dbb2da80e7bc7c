use std::sync::Arc;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};

use super::{Actual, Answer, Ends, Error, Known, Platform, SetRights};

/// A platform around another one: it can and does the same, with something around every call.
#[async_trait]
pub trait Layer: Send + Sync {
    /// The wrapped platform.
    type Inner: Platform + ?Sized;

    /// The wrapped platform.
    fn inner(&self) -> &Self::Inner;

    /// Makes a call of the wrapped platform, which concerns these capabilities.
    async fn around<T: Send>(
        &self,
        _name: &'static str,
        _capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        call.await
    }

    /// Sets a right through the wrapped platform.
    async fn change(&self, call: &SetRights) -> Result<Answer, Error> {
        self.around("set", call.capabilities, self.inner().set(call)).await
    }
}

/// A shared platform is a platform.
impl<P: Platform + ?Sized> Layer for Arc<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        self
    }
}

#[async_trait]
impl<L: Layer> Platform for L {
    fn controls(&self) -> Capabilities {
        self.inner().controls()
    }

    fn arms(&self) -> bool {
        self.inner().arms()
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        self.change(call).await
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        self.around("read", capabilities, self.inner().read(mailboxes, capabilities)).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        self.around("known", self.controls(), self.inner().known(from, limit)).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        self.around("ends", capabilities, self.inner().ends(mailboxes, capabilities)).await
    }
}
