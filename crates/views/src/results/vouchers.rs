//! Results of actions on vouchers.

use std::fmt;

use domain::MailboxId;
use serde::Serialize;
use vouchers::Redemption;

use crate::words::count;

/// The number of the named holders that an action affected.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersRequested {
    /// Affected vouchers.
    pub vouchers: u64,
    /// Holders for whom it was done before, or who are not eligible.
    pub left_as_they_were: u64,
}

/// Requests were verified.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersVerified {
    /// Affected vouchers.
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
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The cause, as a short code.
    pub cause: String,
}

sentence!(
    VoucherRefused { mailbox, cause },
    "the request of mailbox {mailbox} is refused: {cause}"
);

/// A voucher was revoked.
#[derive(Debug, Clone, Serialize)]
pub struct VoucherRevoked {
    /// Its mailbox.
    pub mailbox: MailboxId,
}

sentence!(VoucherRevoked { mailbox }, "the voucher of mailbox {mailbox} is revoked");

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

/// Vouchers that were not redeemed in time expired.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersExpired {
    /// The number of vouchers.
    pub vouchers: u64,
}

sentence!(VouchersExpired { vouchers }, "{} vouchers expired", count(*vouchers));

/// A batch of reminders was claimed.
#[derive(Debug, Clone, Serialize)]
pub struct RemindersClaimed {
    /// The number of vouchers.
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
