use std::fmt;
use std::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roaring::RoaringBitmap;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of mailbox numbers.
///
/// JSON form of a small set: an ascending array of numbers, so that the log stays readable. JSON
/// form of a larger set: base64 (RFC 4648) of a Roaring bitmap in its portable format
/// (<https://github.com/RoaringBitmap/RoaringFormatSpec>), which many languages can read.
#[derive(Clone, PartialEq, Default)]
pub struct MailboxSet(RoaringBitmap);

/// The largest set that is encoded as an array of numbers.
const READABLE: u64 = 48;

impl MailboxSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The members within `first..=last`.
    #[must_use]
    pub fn between(&self, first: u32, last: u32) -> Self {
        let mut range = RoaringBitmap::new();
        range.insert_range(first..=last);
        Self(&self.0 & range)
    }

    /// The bitmap.
    pub fn into_inner(self) -> RoaringBitmap {
        self.0
    }

    pub(crate) fn inner_mut(&mut self) -> &mut RoaringBitmap {
        &mut self.0
    }

    /// The bitmap in Roaring's portable format, run-length encoded where that is shorter.
    #[expect(clippy::expect_used, reason = "writing into a Vec never fails")]
    pub fn to_portable(&self) -> Vec<u8> {
        let mut shortest = self.0.clone();
        shortest.optimize();
        let mut bytes = Vec::with_capacity(shortest.serialized_size());
        shortest.serialize_into(&mut bytes).expect("a Vec takes every byte");
        bytes
    }

    /// Decodes Roaring's portable format; the error names the defect.
    pub fn from_portable(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let bitmap = RoaringBitmap::deserialize_from(&mut rest)
            .map_err(|error| format!("not a Roaring bitmap in the portable format: {error}"))?;
        if rest.is_empty() {
            Ok(Self(bitmap))
        } else {
            Err("bytes after the Roaring bitmap".into())
        }
    }
}

impl Deref for MailboxSet {
    type Target = RoaringBitmap;

    fn deref(&self) -> &RoaringBitmap {
        &self.0
    }
}

impl From<RoaringBitmap> for MailboxSet {
    fn from(bitmap: RoaringBitmap) -> Self {
        Self(bitmap)
    }
}

impl FromIterator<u32> for MailboxSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        Self(numbers.into_iter().collect())
    }
}

impl From<u32> for MailboxSet {
    fn from(number: u32) -> Self {
        Self(RoaringBitmap::from_iter([number]))
    }
}

impl fmt::Debug for MailboxSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len() <= READABLE {
            f.debug_set().entries(self.iter()).finish()
        } else {
            write!(f, "{{{self}}}")
        }
    }
}

/// The size of the set, e.g. `1 mailbox`.
impl fmt::Display for MailboxSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mailboxes(self.len()))
    }
}

/// A number of mailboxes, e.g. `1 mailbox`.
pub fn mailboxes(count: u64) -> String {
    if count == 1 { "1 mailbox".to_owned() } else { format!("{count} mailboxes") }
}

impl Serialize for MailboxSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.len() <= READABLE {
            return serializer.collect_seq(self.iter());
        }
        serializer.serialize_str(&STANDARD.encode(self.to_portable()))
    }
}

impl<'de> Deserialize<'de> for MailboxSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

/// Accepts both forms without copying the text: a log holds thousands of large sets.
struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = MailboxSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ascending array of mailbox numbers or a base64 Roaring bitmap")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MailboxSet, E> {
        let bytes =
            STANDARD.decode(text).map_err(|error| E::custom(format!("not base64: {error}")))?;
        MailboxSet::from_portable(&bytes).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<MailboxSet, A::Error> {
        let mut bitmap = RoaringBitmap::new();
        while let Some(number) = numbers.next_element()? {
            bitmap.try_push(number).map_err(|error| {
                de::Error::custom(format!("mailbox {number} is out of order: {error}"))
            })?;
        }
        Ok(MailboxSet(bitmap))
    }
}
