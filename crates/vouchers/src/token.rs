//! The signed token that a provider of certified mail verifies offline.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Plan, ProgrammeId, last_instant_of};
use keyring::KeyedHash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The type in a token's header (RFC 8725, section 3.11).
pub const TYP: &str = "voucher+jwt";

/// The benefit for the bearer.
const GOOD_FOR: &str = "pec-free-for-a-year";

/// The purpose of the key of voucher ids.
pub(crate) const NAMES: &str = "voucher-name";
/// The bytes of the tag in an id; the encrypted number follows.
const TAG: usize = 12;

/// The id of a voucher that providers see: a UUID of version 8 with the sealed mailbox number.
///
/// It never changes, and only the programme's keys reveal the mailbox. Ids of many vouchers reveal
/// nothing about mailbox numbers, which are consecutive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoucherId(Uuid);

impl VoucherId {
    /// Computes the id with the programme's key.
    pub(crate) fn new(names: &KeyedHash, number: u32) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&names.seal(number.to_be_bytes(), versioned));
        Self(Uuid::from_bytes(bytes))
    }

    /// The mailbox number; `None` for an id of another programme.
    pub(crate) fn number(self, names: &KeyedHash) -> Option<u32> {
        names.open(self.0.as_bytes(), versioned).map(u32::from_be_bytes)
    }
}

/// Sets the version bits of a UUID, which are within the tag.
fn versioned(tag: [u8; TAG]) -> [u8; TAG] {
    let mut bytes = [0; 16];
    let (head, _) = bytes.split_at_mut(TAG);
    head.copy_from_slice(&tag);
    let bytes = Uuid::new_v8(bytes).into_bytes();
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

impl fmt::Display for VoucherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The claims of a token (RFC 7519): what a provider needs, and no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The programme.
    pub iss: String,
    /// The voucher.
    pub sub: VoucherId,
    /// The number of the code; a token of a replaced code is invalid.
    pub issue: u32,
    /// The instant of the signature, in seconds since 1970.
    pub iat: i64,
    /// The instant of expiry, in seconds since 1970; absent if vouchers do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The last day for a redemption; absent if vouchers do not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_by: Option<NaiveDate>,
    /// The benefit for the bearer.
    pub good_for: String,
}

impl Token {
    /// The claims for one code of a voucher.
    pub(crate) fn new(
        programme: &ProgrammeId,
        plan: &Plan,
        voucher: VoucherId,
        issue: u32,
        now: DateTime<Utc>,
    ) -> Self {
        let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
        // The first instant after the last day, in whole seconds.
        let end = |day| last_instant_of(day, plan.zone).timestamp().saturating_add(1);
        Self {
            iss: programme.to_string(),
            sub: voucher,
            issue,
            iat: now.timestamp(),
            exp: redeem_by.map(end),
            redeem_by,
            good_for: GOOD_FOR.to_owned(),
        }
    }
}
