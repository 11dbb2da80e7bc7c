//! The port to mail platforms and its adapters; the port to issuers of vouchers.
//!
//! A call names a set of mailboxes and one right for all of them, so that 65,536 mailboxes cost one
//! statement or one request; the answer has an outcome for every one of them. Calls are idempotent:
//! a mailbox that needs no change is reported as such. Deliberately absent: any notion of phases or
//! due dates. A platform handles rights and instants.

mod answer;
mod columns;
mod counted;
mod directory;
mod error;
mod faults;
mod faulty;
mod fence;
mod layer;
mod measured;
mod mode;
mod outcome;
mod pace;
mod paced;
mod part;
mod right;
mod view;
mod vouchers;
pub mod webhook;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};

pub use answer::{Actual, Answer, Ends, Failure, Known};
pub use directory::{Directory, Waits};
pub use error::{Cause, Error};
pub use faults::{Chance, Faults};
pub use faulty::Faulty;
pub use layer::Layer;
pub use measured::Measured;
pub use mode::Mode;
pub use pace::{Limits, Pace, UnderWay};
pub use paced::Paced;
pub use right::{EffectKey, Right, SetRights};
pub use view::{Identifier, Renamed, RightsView};
pub use vouchers::IssueVouchers;
pub use webhook::Webhook;

/// A mail platform: sets and reads the rights of mailboxes.
#[async_trait]
pub trait Platform: Send + Sync {
    /// The capabilities it enforces.
    fn controls(&self) -> Capabilities;

    /// Can it be armed: does it end a right by itself at a future instant?
    ///
    /// A platform that cannot refuses a [`Right::Until`] in the future.
    fn arms(&self) -> bool;

    /// Sets one right for a set of mailboxes. An error means that the whole call failed; it may
    /// have taken effect all the same, and retrying it is harmless.
    async fn set(&self, call: &SetRights) -> Result<Answer, Error>;

    /// Reads the current rights of these mailboxes.
    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error>;

    /// The mailboxes that it knows, ascending, in pages: up to `limit` of those numbered `from` and
    /// above. The next page starts above the last number of this one; a page with fewer than
    /// `limit` is the last.
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
