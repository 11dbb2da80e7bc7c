//! Vouchers. Events hold neither codes nor names: a mailbox is a number.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::describe::{mailboxes, utc};
use super::{Payload, Subjects, one};
use crate::{MailboxSet, ProviderId};

/// How a requester was verified as the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// Through a confirmation link sent to an address in the registry.
    Confirmation,
    /// By an officer.
    Officer,
}

/// Holders requested their voucher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersRequested {
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Requesters were verified as the holders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersVerified {
    /// How they were verified.
    pub proof: Verification,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Requests were refused; an eligible holder may request again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersRefused {
    /// Why, as a short code.
    pub cause: String,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Vouchers were issued: at most one per holder, ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersIssued {
    /// The plan revision in force.
    pub revision: u32,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// Codes were delivered to their holders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersDelivered {
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// A provider opened the free mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRedeemed {
    /// The mailbox of the voucher.
    pub number: u32,
    /// The code's number: 1 for the first, one more for each reissue.
    pub issue: u32,
    /// The provider that opened the mailbox.
    pub provider: ProviderId,
    /// The civil day, in the plan's zone.
    pub on: NaiveDate,
    /// The last day of the free year.
    pub free_through: NaiveDate,
}

/// Vouchers expired unredeemed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VouchersExpired {
    /// The last day on which they could be redeemed.
    pub redeem_by: NaiveDate,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// A round of reminders was claimed for holders of unredeemed vouchers.
///
/// The claim precedes every letter; each holder receives at most one letter per claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoucherRemindersClaimed {
    /// The occurrence of the plan's cron expression, or the instant of an operator's request.
    pub scheduled_for: DateTime<Utc>,
    /// The mailboxes.
    pub mailboxes: MailboxSet,
}

/// An operator revoked a voucher; its holder gets no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRevoked {
    /// The mailbox.
    pub number: u32,
}

/// A lost code was replaced and became invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherReissued {
    /// The mailbox.
    pub number: u32,
    /// The number of the new code; 2 for the first replacement.
    pub issue: u32,
}

impl Verification {
    /// How, as the end of a sentence about a verification.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Confirmation => "by confirmation link",
            Self::Officer => "by an officer",
        }
    }
}

impl Payload for VouchersRequested {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} requested", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        "voucher requested by the holder".to_owned()
    }
}

impl Payload for VouchersVerified {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} verified {}", mailboxes(self.mailboxes.len()), self.proof.describe())
    }

    fn describe_for(&self, _: u32) -> String {
        format!("voucher requester verified {}", self.proof.describe())
    }
}

impl Payload for VouchersRefused {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} refused ({})", mailboxes(self.mailboxes.len()), self.cause)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("voucher request refused ({})", self.cause)
    }
}

impl Payload for VouchersIssued {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{} issued", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        "voucher issued".to_owned()
    }
}

impl Payload for VouchersDelivered {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        format!("{}: code delivered", mailboxes(self.mailboxes.len()))
    }

    fn describe_for(&self, _: u32) -> String {
        "voucher code delivered".to_owned()
    }
}

impl Payload for VoucherRedeemed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        format!("mailbox {}: redeemed by {}", self.number, self.provider)
    }

    fn describe_for(&self, _: u32) -> String {
        let (provider, last) = (&self.provider, self.free_through);
        format!("voucher redeemed by {provider}: certified mailbox, free through {last}")
    }
}

impl Payload for VouchersExpired {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("{count} expired, not redeemed by {}", self.redeem_by)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("voucher expired: not redeemed by {}", self.redeem_by)
    }
}

impl Payload for VoucherRemindersClaimed {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::Alike(&self.mailboxes)
    }

    fn describe(&self) -> String {
        let count = mailboxes(self.mailboxes.len());
        format!("{count} to remind in the round of {}", utc(self.scheduled_for))
    }

    fn describe_for(&self, _: u32) -> String {
        "reminder of the voucher claimed for a letter".to_owned()
    }
}

impl Payload for VoucherRevoked {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        "voucher revoked".to_owned()
    }
}

impl Payload for VoucherReissued {
    fn subjects(&self) -> Subjects<'_> {
        Subjects::One(self.number)
    }

    fn describe(&self) -> String {
        one(self, self.number)
    }

    fn describe_for(&self, _: u32) -> String {
        format!("voucher code replaced by code {}", self.issue)
    }
}
