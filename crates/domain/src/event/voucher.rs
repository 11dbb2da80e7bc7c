//! What happens to vouchers. A voucher's code is never in the log, nor who holds it: a mailbox is a number.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{MailboxSet, ProviderId};

/// How it was made sure that a request came from the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// A confirmation that only the holder could give, at an address on record.
    Confirmation,
    /// An officer looked.
    Officer,
}

/// Holders asked for their voucher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersRequested {
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// It is sure who asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersVerified {
    /// How that was made sure.
    pub proof: Proof,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Requests were turned down; who can may ask again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersRefused {
    /// Why, as a short code.
    pub cause: String,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Holders were granted their voucher: one each, ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersIssued {
    /// The plan's revision in force.
    pub revision: u32,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Codes were handed to their holders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersDelivered {
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// A provider opened the free mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRedeemed {
    /// Whose voucher.
    pub number: u32,
    /// Which code of it: 1 for the first, one more with each that replaced it.
    pub issue: u32,
    /// Who opened the mailbox.
    pub provider: ProviderId,
    /// The civil day, in the plan's zone.
    pub on: NaiveDate,
    /// The last day of the free year.
    pub free_through: NaiveDate,
}

/// Vouchers were not redeemed in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersExpired {
    /// The last day on which they could have been.
    pub redeem_by: NaiveDate,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// Holders who have a voucher and did not use it are to be reminded. This is the claim that comes before any
/// letter: each of them gets one letter by it at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoucherRemindersClaimed {
    /// The instant of the round, at the plan's cron expression or when an operator asked for one.
    pub scheduled_for: DateTime<Utc>,
    /// Whose.
    pub mailboxes: MailboxSet,
}

/// An operator took a voucher back; its holder gets no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRevoked {
    /// Whose.
    pub number: u32,
}

/// A lost code was replaced; the one before is worth nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherReissued {
    /// Whose.
    pub number: u32,
    /// Which code it is now; 2 for the first that replaced one.
    pub issue: u32,
}
