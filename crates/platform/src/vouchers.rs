//! The port to issuers of vouchers.
//!
//! A call names a set of mailboxes; the answer has an outcome for each of them. Invariant: an
//! implementation records what it issues, once per holder, ever, however many issue concurrently.
//! Deliberately absent: codes. A worker issues a voucher; whoever delivers it makes its code.

use async_trait::async_trait;
use domain::MailboxSet;

use crate::{Answer, Error};

/// Issues vouchers: the effect of [`domain::Change::Issue`].
#[async_trait]
pub trait IssueVouchers: Send + Sync {
    /// Issues a voucher to each of these mailboxes that is eligible now. `applied` are the
    /// mailboxes whose voucher was issued and recorded; `already_so` those with nothing left to do:
    /// they already had one, their request is closed, or the plan's vouchers are used up. An error
    /// means that the whole call failed; vouchers may have been issued all the same, and retrying
    /// it is harmless.
    async fn issue(&self, mailboxes: &MailboxSet) -> Result<Answer, Error>;
}
