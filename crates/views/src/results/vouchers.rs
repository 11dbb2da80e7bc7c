//! Results of actions on vouchers.

use std::fmt;

use domain::MailboxId;
use serde::Serialize;
use vouchers::Redemption;

use crate::words::count;

/// Vouchers were requested, or requests verified.
#[derive(Debug, Clone, Serialize)]
pub struct VouchersMarked {
    /// `requested` or `verified`.
    #[serde(skip)]
    pub mark: &'static str,
    /// Affected vouchers.
    pub vouchers: u64,
    /// Holders for whom it was done before, or who are not eligible.
    pub left_as_they_were: u64,
}

impl fmt::Display for VouchersMarked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mark, vouchers, left_as_they_were } = *self;
        write!(f, "{} {mark}", count(vouchers))?;
        match left_as_they_were {
            0 => Ok(()),
            rest => write!(f, "; {} skipped: {mark} before, or not eligible", count(rest)),
        }
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

sentence!(
    VoucherRedeemed { redemption },
    "voucher {} was redeemed by {} on {}; its mailbox is free through {}",
    redemption.voucher,
    redemption.provider,
    redemption.on,
    redemption.free_through
);

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
