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

    /// The first bytes of the hash.
    pub fn truncated<const N: usize>(&self, bytes: &[u8]) -> [u8; N] {
        const { assert!(N <= 32, "the hash has 32 bytes") };
        let hash = self.of(bytes);
        std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(***)")
    }
}
