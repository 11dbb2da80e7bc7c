//! What the file of the keys holds, as JSON: the one place that knows its format.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::key::{Key, Private, Retired};
use crate::{KeyStanding, Rotation, SigningKeyInfo};

const FORMAT: u32 = 1;

/// Everything in the file.
pub(crate) struct Keys {
    /// For keyed hashes.
    pub(crate) secret: [u8; 32],
    /// Those that signed, the one that signs, and the one that is to, in this order.
    pub(crate) signing: Vec<Key>,
}

impl Keys {
    /// The place of the one that signs at an instant: the oldest whose time is not over. Where a clock that was ahead
    /// had its private half forgotten, it is the one after it.
    pub(crate) fn active(&self, now: DateTime<Utc>) -> Option<usize> {
        self.signing.iter().position(|key| key.may_sign(now) && key.private.is_some())
    }

    /// The one that is to sign after the one at this place.
    pub(crate) fn next(&self, active: usize) -> Option<&Key> {
        self.signing.get(active.saturating_add(1))
    }

    /// Forgets the private halves of those that sign no more; were there any?
    pub(crate) fn forget(&mut self, now: DateTime<Utc>) -> bool {
        let mut any = false;
        for key in self.signing.iter_mut().filter(|key| !key.may_sign(now)) {
            any |= key.private.take().is_some();
        }
        any
    }

    /// What may be known of each at an instant.
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

    /// Who takes whose place, the oldest first.
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

/// A private half is kept until its key signs no more.
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

/// As it is written.
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

/// Reads it back, and makes sure that its parts belong together. What is wrong is told by its place.
pub(crate) fn read(bytes: &[u8]) -> Result<Keys, String> {
    let file: File = serde_json::from_slice(bytes)
        .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
    if file.format != FORMAT {
        return Err(format!("their format is {}, this program knows {FORMAT}", file.format));
    }
    let signing: Result<Vec<Key>, String> = file.signing.into_iter().map(key).collect();
    let keys = Keys { secret: bytes_of(&file.secret, "the secret")?, signing: signing? };
    in_order(&keys.signing)?;
    Ok(keys)
}

/// The last one signs without end, or is to; all before it end. Two halves that sign are the most that is needed.
fn in_order(signing: &[Key]) -> Result<(), String> {
    let endless = signing.iter().filter(|key| key.retired.is_none()).count();
    if endless != 1 || signing.last().is_none_or(|last| last.retired.is_some()) {
        return Err(format!("{endless} keys sign without end, and it must be the last one"));
    }
    if signing.iter().rev().skip(2).any(|key| key.private.is_some()) {
        return Err("more keys than the last two have their private half".to_owned());
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
    bytes.ok_or_else(|| format!("{what} is no 32 bytes in base64url"))
}
