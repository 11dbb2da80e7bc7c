//! One Ed25519 key: its public and its private half.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};

use crate::jws;

/// The private half. It is wiped when dropped, and never shown.
pub(crate) struct Private(EncodingKey);

impl Private {
    /// Takes the 32 bytes that RFC 8032 calls the private key.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(EncodingKey::from_ed_der(&seed))
    }

    pub(crate) fn seed(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn encoding(&self) -> &EncodingKey {
        &self.0
    }
}

/// One signing key.
pub(crate) struct Key {
    /// Its thumbprint (RFC 7638): a `kid` that needs no registry.
    pub(crate) id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) public: [u8; 32],
    /// `None` once it was deleted after rotation.
    pub(crate) private: Option<Private>,
    pub(crate) retired: Option<Retired>,
}

/// When a key stops signing, and until when its signatures verify.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retired {
    pub(crate) at: DateTime<Utc>,
    /// `None` for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verifies_until: Option<DateTime<Utc>>,
}

/// A signing key's public information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigningKeyInfo {
    /// Its `kid` in tokens and in the published set: the thumbprint of RFC 7638.
    pub kid: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Its state.
    #[serde(flatten)]
    pub standing: KeyStanding,
}

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum KeyStanding {
    /// It is published and does not sign yet.
    Next {
        /// When it starts to sign.
        signs_from: DateTime<Utc>,
    },
    /// It signs.
    Active {
        /// When the next key signs, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        signs_until: Option<DateTime<Utc>>,
        /// When its signatures stop verifying, if they do.
        #[serde(skip_serializing_if = "Option::is_none")]
        verifies_until: Option<DateTime<Utc>>,
    },
    /// Another key signs; signatures of this one verify until an instant, or without end.
    Retired {
        /// When the next key started to sign.
        at: DateTime<Utc>,
        /// When its signatures stop verifying and it is no longer published.
        #[serde(skip_serializing_if = "Option::is_none")]
        verifies_until: Option<DateTime<Utc>>,
    },
}

/// The instants of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When the new key starts to sign; an instant in the past means at once.
    pub signs_from: DateTime<Utc>,
    /// When the previous key's signatures stop verifying; `None` for no end.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// A rotation: one key replaces another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The new key.
    pub kid: String,
    /// The previous key.
    pub retired: String,
    /// When the new key signs.
    pub at: DateTime<Utc>,
    /// When the previous key's signatures stop verifying; `None` for no end.
    pub verifies_until: Option<DateTime<Utc>>,
}

impl Key {
    /// The key derived from a seed.
    pub(crate) fn made(seed: [u8; 32], created_at: DateTime<Utc>) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| error.to_string())?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        let private = Some(Private::new(seed));
        Ok(Self { id: thumbprint(public)?, created_at, public, private, retired: None })
    }

    /// Checks that its parts belong together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what} does not match key {}", self.id));
        if self.private.is_none() && self.retired.is_none() {
            return wrong("the state");
        }
        if thumbprint(self.public)? != self.id {
            return wrong("the kid");
        }
        match &self.private {
            Some(private) => Ed25519KeyPair::from_seed_and_public_key(private.seed(), &self.public)
                .map(|_| ())
                .or_else(|_| wrong("the private half")),
            None => Ok(()),
        }
    }

    /// Whether it is not retired at an instant.
    pub(crate) fn may_sign(&self, now: DateTime<Utc>) -> bool {
        self.retired.is_none_or(|retired| now < retired.at)
    }

    /// Whether its signatures verify at an instant; always while it may sign.
    pub(crate) fn verifies(&self, now: DateTime<Utc>) -> bool {
        let end = self.retired.and_then(|retired| retired.verifies_until);
        self.may_sign(now) || end.is_none_or(|end| now < end)
    }

    pub(crate) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_ed_der(&self.public)
    }

    /// Its published form (RFC 8037).
    pub(crate) fn jwk(&self) -> Result<Jwk, String> {
        let mut jwk = jwk(self.public)?;
        jwk.common.key_id = Some(self.id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_algorithm = Some(KeyAlgorithm::EdDSA);
        Ok(jwk)
    }

    pub(crate) fn info(&self, standing: KeyStanding) -> SigningKeyInfo {
        SigningKeyInfo { kid: self.id.clone(), created_at: self.created_at, standing }
    }
}

fn jwk(public: [u8; 32]) -> Result<Jwk, String> {
    let key = DecodingKey::from_ed_der(&public);
    Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).map_err(|error| error.to_string())
}

fn thumbprint(public: [u8; 32]) -> Result<String, String> {
    jws::use_ring();
    let print = jwk(public)?.thumbprint(ThumbprintHash::SHA256);
    print.map_err(|error| error.to_string())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id).finish()
    }
}
