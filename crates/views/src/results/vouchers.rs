//! Results of actions on vouchers.

use std::fmt;

use domain::MailboxId;
use serde::Serialize;
use vouchers::Redemption;

use crate::words::count;

/// How many of the named holders an action concerned.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersRequested {
    /// Vouchers it was done for.
    pub vouchers: u64,
    /// Holders for whom it was done before, or who are not eligible.
    pub left_as_they_were: u64,
}

/// Requests were verified.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersVerified {
    /// Vouchers it was done for.
    pub vouchers: u64,
    /// Holders for whom it was done before, or who are not eligible.
    pub left_as_they_were: u64,
}

impl fmt::Display for VouchersRequested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        counted(f, "requested", self.vouchers, self.left_as_they_were)
    }
}

impl fmt::Display for VouchersVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        counted(f, "verified", self.vouchers, self.left_as_they_were)
    }
}

fn counted(f: &mut fmt::Formatter<'_>, done: &str, now: u64, rest: u64) -> fmt::Result {
    write!(f, "{} {done}", count(now))?;
    match rest {
        0 => Ok(()),
        rest => write!(f, "; {} skipped: {done} before, or not eligible", count(rest)),
    }
}

/// A request was refused.
#[derive(Debug, Clone, Serialize)]
pub struct VoucherRefused {
    /// Whose.
    pub mailbox: MailboxId,
    /// Why, as a short code.
    pub cause: String,
}

impl fmt::Display for VoucherRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request of mailbox {} is refused: {}", self.mailbox, self.cause)
    }
}

/// A voucher was revoked.
#[derive(Debug, Clone, Serialize)]
pub struct VoucherRevoked {
    /// Whose.
    pub mailbox: MailboxId,
}

impl fmt::Display for VoucherRevoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the voucher of mailbox {} is revoked", self.mailbox)
    }
}

/// A voucher was redeemed, now or before by the same provider.
#[derive(Debug, Clone, Serialize)]
pub struct VoucherRedeemed {
    /// The redemption.
    pub redemption: Redemption,
}

impl fmt::Display for VoucherRedeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Redemption { voucher, provider, on, free_through, .. } = &self.redemption;
        write!(
            f,
            "voucher {voucher} was redeemed by {provider} on {on}; its mailbox is free through \
             {free_through}"
        )
    }
}

/// Vouchers that were not redeemed in time ended.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersExpired {
    /// How many.
    pub vouchers: u64,
}

impl fmt::Display for VouchersExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vouchers expired", count(self.vouchers))
    }
}

/// A batch of reminders was claimed.
#[derive(Debug, Clone, Serialize)]
pub struct RemindersClaimed {
    /// How many.
    pub vouchers: u64,
}

impl fmt::Display for RemindersClaimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vouchers {
            0 => f.write_str("no holder is due a reminder"),
            many => write!(
                f,
                "{} reminders are claimed; `tramonto service intake` sends them through its relay",
                count(many)
            ),
        }
    }
}
