//! Vouchers. Events hold neither codes nor names: a mailbox is a number.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Payload, Subjects, utc};
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

impl fmt::Display for Verification {
    /// How, as the end of a sentence about a verification.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmation => "by confirmation link",
            Self::Officer => "by an officer",
        })
    }
}

payloads! {
    VouchersRequested { mailboxes }: alike {
        all: "{mailboxes} requested";
        each: "voucher requested by the holder";
    }
    VouchersVerified { proof, mailboxes }: alike {
        all: "{mailboxes} verified {proof}";
        each: "voucher requester verified {proof}";
    }
    VouchersRefused { cause, mailboxes }: alike {
        all: "{mailboxes} refused ({cause})";
        each: "voucher request refused ({cause})";
    }
    VouchersIssued { mailboxes, .. }: alike {
        all: "{mailboxes} issued";
        each: "voucher issued";
    }
    VouchersDelivered { mailboxes }: alike {
        all: "{mailboxes}: code delivered";
        each: "voucher code delivered";
    }
    VoucherRedeemed { number, provider, free_through, .. }: one {
        all: "mailbox {number}: redeemed by {provider}";
        each: "voucher redeemed by {provider}: certified mailbox, free through {free_through}";
    }
    VouchersExpired { redeem_by, mailboxes }: alike {
        all: "{mailboxes} expired, not redeemed by {redeem_by}";
        each: "voucher expired: not redeemed by {redeem_by}";
    }
    VoucherRemindersClaimed { scheduled_for, mailboxes }: alike {
        all: "{mailboxes} to remind in the round of {}", utc(*scheduled_for);
        each: "reminder of the voucher claimed for a letter";
    }
    VoucherRevoked { .. }: one {
        each: "voucher revoked";
    }
    VoucherReissued { issue, .. }: one {
        each: "voucher code replaced by code {issue}";
    }
}
