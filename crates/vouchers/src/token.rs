//! The signed token that a provider of certified mail verifies without asking us.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Plan, ProgrammeId, last_instant_of};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a token's header says it is good for (RFC 8725, 3.11).
pub const TYP: &str = "voucher+jwt";

/// What the bearer is given for it.
const GOOD_FOR: &str = "pec-free-for-a-year";

/// A voucher's name to providers: a UUID of version 8 that is worked out from the programme and the number of
/// the mailbox, and is none of the mailbox's own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoucherId(Uuid);

impl VoucherId {
    /// The id of a holder's voucher.
    pub fn new(programme: &ProgrammeId, number: u32) -> Self {
        let name = format!("voucher:{programme}");
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        let mut bytes = [0; 16];
        let (head, tail) = bytes.split_at_mut(12);
        for (byte, of_digest) in head.iter_mut().zip(digest.as_bytes()).take(6) {
            *byte = *of_digest;
        }
        tail.copy_from_slice(&number.to_be_bytes());
        Self(Uuid::new_v8(bytes))
    }

    /// The number of the mailbox, if this is a voucher of the programme.
    pub fn number(self, programme: &ProgrammeId) -> Option<u32> {
        let [.., w, x, y, z] = *self.0.as_bytes();
        let number = u32::from_be_bytes([w, x, y, z]);
        (Self::new(programme, number) == self).then_some(number)
    }
}

impl fmt::Display for VoucherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for VoucherId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// What a token says (RFC 7519): no more than a provider needs, and nothing of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The programme.
    pub iss: String,
    /// The voucher.
    pub sub: VoucherId,
    /// Which code of it: a token of one that was replaced is worth nothing.
    pub issue: u32,
    /// When it was signed, in seconds from 1970.
    pub iat: i64,
    /// From when on it is worth nothing, in seconds from 1970; absent where vouchers do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The last civil day on which it can be redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_by: Option<NaiveDate>,
    /// What the bearer is given for it.
    pub good_for: String,
}

impl Token {
    /// What is signed for one code of a voucher.
    pub(crate) fn new(
        programme: &ProgrammeId,
        plan: &Plan,
        number: u32,
        issue: u32,
        now: DateTime<Utc>,
    ) -> Self {
        let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
        // The instant after the last one on which it counts, in whole seconds.
        let end = |day| last_instant_of(day, plan.zone).timestamp().saturating_add(1);
        Self {
            iss: programme.to_string(),
            sub: VoucherId::new(programme, number),
            issue,
            iat: now.timestamp(),
            exp: redeem_by.map(end),
            redeem_by,
            good_for: GOOD_FOR.to_owned(),
        }
    }
}
