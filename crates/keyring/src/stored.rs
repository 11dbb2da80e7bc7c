//! The file of the keys as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::key::{Key, Private, Retired};
use crate::{KeyStanding, Rotation, SigningKeyInfo};

const FORMAT: u32 = 1;

/// The contents of the file.
pub(crate) struct Keys {
    /// For keyed hashes.
    pub(crate) secret: [u8; 32],
    /// Retired keys, the active key and the next key, in this order.
    pub(crate) signing: Vec<Key>,
}

impl Keys {
    /// The index of the active key at an instant: the oldest that is not retired. Where a clock
    /// that was ahead caused its private half to be deleted, it is the one after it.
    pub(crate) fn active(&self, now: DateTime<Utc>) -> Option<usize> {
        self.signing.iter().position(|key| key.may_sign(now) && key.private.is_some())
    }

    /// The key that signs after the one at this index.
    pub(crate) fn next(&self, active: usize) -> Option<&Key> {
        self.signing.get(active.saturating_add(1))
    }

    /// Deletes the private halves of retired keys.
    pub(crate) fn forget(&mut self, now: DateTime<Utc>) {
        for key in self.signing.iter_mut().filter(|key| !key.may_sign(now)) {
            key.private = None;
        }
    }

    /// Each key's public information at an instant.
    pub(crate) fn list(&self, now: DateTime<Utc>) -> Vec<SigningKeyInfo> {
        let active = self.active(now).unwrap_or(0);
        let mut signs_from = now;
        let mut listed = Vec::new();
        for (place, key) in self.signing.iter().enumerate() {
            let standing = match key.retired {
                Some(Retired { at, verifies_until }) if at <= now || place < active => {
                    KeyStanding::Retired { at, verifies_until }
                }
                _ if place > active => KeyStanding::Next { signs_from },
                retired => KeyStanding::Active {
                    signs_until: retired.map(|retired| retired.at),
                    verifies_until: retired.and_then(|retired| retired.verifies_until),
                },
            };
            signs_from = key.retired.map_or(signs_from, |retired| retired.at);
            listed.push(key.info(standing));
        }
        listed
    }

    /// All rotations, oldest first.
    pub(crate) fn rotations(&self) -> Vec<Rotation> {
        let pairs = self.signing.iter().zip(self.signing.iter().skip(1));
        let of = |(old, new): (&Key, &Key)| {
            let Retired { at, verifies_until } = old.retired?;
            Some(Rotation { kid: new.id.clone(), retired: old.id.clone(), at, verifies_until })
        };
        pairs.filter_map(of).collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    secret: String,
    signing: Vec<Signing>,
}

/// One key; its private half is kept until it is retired.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signing {
    kid: String,
    created_at: DateTime<Utc>,
    public: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired: Option<Retired>,
}

/// Serializes the keys.
pub(crate) fn write(keys: &Keys) -> Result<Vec<u8>, String> {
    let signing = keys.signing.iter().map(|key| Signing {
        kid: key.id.clone(),
        created_at: key.created_at,
        public: URL_SAFE_NO_PAD.encode(key.public),
        private: key.private.as_ref().map(|private| URL_SAFE_NO_PAD.encode(private.seed())),
        retired: key.retired,
    });
    let file = File {
        format: FORMAT,
        secret: URL_SAFE_NO_PAD.encode(keys.secret),
        signing: signing.collect(),
    };
    serde_json::to_vec_pretty(&file).map_err(|error| error.to_string())
}

/// Parses the keys and checks that their parts belong together. Errors name the position, not the
/// contents.
pub(crate) fn read(bytes: &[u8]) -> Result<Keys, String> {
    let file: File = serde_json::from_slice(bytes)
        .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
    if file.format != FORMAT {
        return Err(format!("their format is {}; this version supports {FORMAT}", file.format));
    }
    let signing: Result<Vec<Key>, String> = file.signing.into_iter().map(key).collect();
    let keys = Keys { secret: bytes_of(&file.secret, "the secret")?, signing: signing? };
    in_order(&keys.signing)?;
    Ok(keys)
}

/// Checks that only the last key has no end, and that at most the last two have a private half.
fn in_order(signing: &[Key]) -> Result<(), String> {
    let endless = signing.iter().filter(|key| key.retired.is_none()).count();
    if endless != 1 || signing.last().is_none_or(|last| last.retired.is_some()) {
        return Err(format!("{endless} keys have no end; exactly one may, the last"));
    }
    if signing.iter().rev().skip(2).any(|key| key.private.is_some()) {
        return Err("only the last two keys may have a private half".to_owned());
    }
    Ok(())
}

fn key(stored: Signing) -> Result<Key, String> {
    let Signing { kid, created_at, public, private, retired } = stored;
    let public = bytes_of(&public, "a public key")?;
    let private = match private {
        Some(seed) => Some(Private::new(bytes_of(&seed, "a private key")?)),
        None => None,
    };
    let key = Key { id: kid, created_at, public, private, retired };
    key.check()?;
    Ok(key)
}

fn bytes_of(text: &str, what: &str) -> Result<[u8; 32], String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("{what} is not 32 bytes in base64url"))
}
