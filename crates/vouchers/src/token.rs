//! The signed token that a provider of certified mail verifies without asking us.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Plan, ProgrammeId, last_instant_of};
use keyring::KeyedHash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a token's header says it is good for (RFC 8725, 3.11).
pub const TYP: &str = "voucher+jwt";

/// What the bearer is given for it.
const GOOD_FOR: &str = "pec-free-for-a-year";

/// What the names of vouchers are made with.
pub(crate) const NAMES: &str = "voucher-name";
/// So many bytes of a name are its tag; the number follows.
const TAG: usize = 12;

/// A voucher's name to providers: a UUID of version 8 in which the number of the mailbox is sealed.
///
/// It is the same for ever, and only who has the programme's keys can tell whose it is: the tag is a keyed hash of the
/// number, and the number is hidden under a keyed hash of the tag (a synthetic initialisation vector, as in RFC 5297).
/// So a provider who sees many vouchers learns nothing of the mailboxes' own names, which count upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoucherId(Uuid);

impl VoucherId {
    /// The id of a holder's voucher, by the programme's keys.
    pub(crate) fn new(names: &KeyedHash, number: u32) -> Self {
        let mut bytes = [0; 16];
        let (head, _) = bytes.split_at_mut(TAG);
        head.copy_from_slice(&names.truncated::<TAG>(&number.to_be_bytes()));
        // With its version in place, which is in the tag.
        let mut bytes = Uuid::new_v8(bytes).into_bytes();
        let (tag, sealed) = bytes.split_at_mut(TAG);
        sealed.copy_from_slice(&(number ^ mask(names, tag)).to_be_bytes());
        Self(Uuid::from_bytes(bytes))
    }

    /// The number of the mailbox, if this is a voucher of the programme.
    pub(crate) fn number(self, names: &KeyedHash) -> Option<u32> {
        let (tag, sealed) = self.0.as_bytes().split_at(TAG);
        let sealed = sealed.try_into().map(u32::from_be_bytes).ok()?;
        let number = sealed ^ mask(names, tag);
        (Self::new(names, number) == self).then_some(number)
    }
}

/// What hides a number. The tag is longer than a number, so that neither hash is ever the other's.
fn mask(names: &KeyedHash, tag: &[u8]) -> u32 {
    u32::from_be_bytes(names.truncated(tag))
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
        voucher: VoucherId,
        issue: u32,
        now: DateTime<Utc>,
    ) -> Self {
        let redeem_by = plan.vouchers.as_ref().and_then(|rules| rules.redeem_by);
        // The instant after the last one on which it counts, in whole seconds.
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
