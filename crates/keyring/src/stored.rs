//! What the file of the keys holds, as JSON: the one place that knows its format.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::key::{Key, Private, Retired};

const FORMAT: u32 = 1;

/// Everything in the file.
pub(crate) struct Keys {
    /// For keyed hashes.
    pub(crate) secret: [u8; 32],
    /// Those that sign or once signed, the oldest first; the last one signs.
    pub(crate) signing: Vec<Key>,
}

impl Keys {
    /// The one that signs now.
    pub(crate) fn active(&self) -> Option<(&Key, &Private)> {
        self.signing.iter().find_map(|key| key.private.as_ref().map(|private| (key, private)))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    secret: String,
    signing: Vec<Signing>,
}

/// A private half is kept as long as its key signs, and no longer.
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
    let active = keys.signing.iter().filter(|key| key.private.is_some()).count();
    if active != 1 {
        return Err(format!("{active} keys sign, and it must be one"));
    }
    Ok(keys)
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
