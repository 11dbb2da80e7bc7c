use std::fmt;

use ring::hmac::{HMAC_SHA256, Key, sign};

/// A keyed hash for one purpose: HMAC-SHA-256 (RFC 2104) with a key derived for the purpose, so
/// that hashes for different purposes never match.
#[derive(Clone)]
pub struct KeyedHash(Key);

impl KeyedHash {
    pub(crate) fn new(secret: &[u8; 32], purpose: &str) -> Self {
        let own = sign(&Key::new(HMAC_SHA256, secret), purpose.as_bytes());
        Self(Key::new(HMAC_SHA256, own.as_ref()))
    }

    /// The hash of some bytes: 32 bytes that reveal nothing without the keys.
    pub fn of(&self, bytes: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(sign(&self.0, bytes).as_ref());
        hash
    }

    /// Seals a number: its tag (a keyed hash of it), and the number masked with a keyed hash of the
    /// tag (a synthetic initialisation vector, as in RFC 5297). `shape` may set bits of the tag.
    ///
    /// Numbers are shorter than tags, so that the two hashes never have equal inputs.
    pub fn seal<const TAG: usize, const N: usize>(
        &self,
        number: [u8; N],
        shape: impl Fn([u8; TAG]) -> [u8; TAG],
    ) -> Vec<u8> {
        const { assert!(N < TAG && TAG <= 32, "a tag is longer than its number") };
        let tag = shape(self.truncated(&number));
        [&tag[..], &self.masked(&tag, number)].concat()
    }

    /// The number in some bytes; `None` if this key did not seal it in this shape.
    pub fn open<const TAG: usize, const N: usize>(
        &self,
        sealed: &[u8],
        shape: impl Fn([u8; TAG]) -> [u8; TAG],
    ) -> Option<[u8; N]> {
        let (tag, masked) = sealed.split_at_checked(TAG)?;
        let number = self.masked(tag, masked.try_into().ok()?);
        (self.seal(number, shape) == sealed).then_some(number)
    }

    fn masked<const N: usize>(&self, tag: &[u8], mut bytes: [u8; N]) -> [u8; N] {
        for (byte, mask) in bytes.iter_mut().zip(self.of(tag)) {
            *byte ^= mask;
        }
        bytes
    }

    fn truncated<const N: usize>(&self, bytes: &[u8]) -> [u8; N] {
        let hash = self.of(bytes);
        std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(***)")
    }
}
