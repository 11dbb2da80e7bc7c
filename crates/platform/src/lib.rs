//! The port to a mail platform, and its adapters; the port to whatever issues vouchers.
//!
//! A call names a set of mailboxes and one right for all of them, so that 65,536 mailboxes cost one
//! statement or one request; the answer says for every one of them what became of it. Every call is
//! idempotent: what is already so is answered as already so. Deliberately absent: any notion of
//! phases or due dates. The platform is told rights and instants.

mod answer;
mod columns;
mod counted;
mod directory;
mod error;
mod faults;
mod faulty;
mod fence;
mod measured;
mod mode;
mod outcome;
mod pace;
mod paced;
mod part;
mod password;
mod postgres;
mod right;
mod said;
mod view;
mod vouchers;
pub mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};

pub use answer::{Actual, Answer, Ends, Failure, Known};
pub use directory::Directory;
pub use error::{Cause, Error};
pub use faults::{Chance, Faults};
pub use faulty::Faulty;
pub use measured::Measured;
pub use mode::Mode;
pub use pace::{Limits, Pace, UnderWay};
pub use paced::Paced;
pub use password::PasswordHash;
pub use postgres::{PostgresDirectory, Waits};
pub use right::{EffectKey, Right, SetRights};
pub use view::{Identifier, Renamed, RightsView};
pub use vouchers::IssueVouchers;
pub use webhook::Webhook;

/// A mail platform: it can be told who may do what, and asked who may.
#[async_trait]
pub trait Platform: Send + Sync {
    /// The capabilities it enforces.
    fn controls(&self) -> Capabilities;

    /// Can it be told an instant ahead, and then keep it by itself?
    ///
    /// One that can't refuses a [`Right::Until`] that lies in the future.
    fn arms(&self) -> bool;

    /// Sets one right for a set of mailboxes. An error means that the whole call failed; it may
    /// have taken effect all the same, and making it again does no harm.
    async fn set(&self, call: &SetRights) -> Result<Answer, Error>;

    /// Asks which of these mailboxes may do what, right now.
    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error>;

    /// The mailboxes that it knows, ascending, a page at a time: up to `limit` of those numbered
    /// `from` and above. The next page begins above the last number of this one; a page of fewer
    /// than `limit` is the last.
    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error>;

    /// Reads the future ends of rights, by the platform's own clock, whoever set them. A platform
    /// that cannot be armed has none.
    async fn ends(
        &self,
        _mailboxes: &MailboxSet,
        _capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        Ok(Ends::new())
    }
}

/// A shared platform is a platform.
#[async_trait]
impl<P: Platform + ?Sized> Platform for Arc<P> {
    fn controls(&self) -> Capabilities {
        P::controls(self)
    }

    fn arms(&self) -> bool {
        P::arms(self)
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        P::set(self, call).await
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        P::read(self, mailboxes, capabilities).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        P::known(self, from, limit).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        P::ends(self, mailboxes, capabilities).await
    }
}
