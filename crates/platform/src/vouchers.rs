//! The port to whatever issues vouchers.
//!
//! A call names a set of mailboxes; the answer says for each of them whether a voucher was issued.
//! Invariant: whoever implements it records what it issues, each holder's voucher once, ever,
//! whoever else issues at the same moment. Deliberately absent: codes. A voucher is issued by a
//! worker; its code is made by whoever delivers it.

use async_trait::async_trait;
use domain::MailboxSet;

use crate::{Answer, Error};

/// Issues vouchers: the effect of [`domain::Change::Issue`].
#[async_trait]
pub trait IssueVouchers: Send + Sync {
    /// Issues a voucher to each of these mailboxes that may have one now. `applied` are those that
    /// it was issued to, and recorded; `already_so` those for whom nothing is left to do: they have
    /// had one, their request is not open any more, or the plan has none left. An error means that
    /// the whole call failed; vouchers may have been issued all the same, and making it again does
    /// no harm.
    async fn issue(&self, mailboxes: &MailboxSet) -> Result<Answer, Error>;
}
