//! One Ed25519 key: what is public of it, and what is not.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};

use crate::jws;

/// The half that signs. It is wiped when dropped, and never shown.
pub(crate) struct Private(EncodingKey);

impl Private {
    /// From the 32 bytes that RFC 8032 calls the private key.
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
    /// Its thumbprint (RFC 7638): a `kid` that nobody has to hand out.
    pub(crate) id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) public: [u8; 32],
    /// `None` once it was forgotten, because another signs.
    pub(crate) private: Option<Private>,
    pub(crate) retired: Option<Retired>,
}

/// When a key stops signing, and until when what it signed is good.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retired {
    pub(crate) at: DateTime<Utc>,
    /// `None` for good without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verifies_until: Option<DateTime<Utc>>,
}

/// What may be known of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigningKeyInfo {
    /// Its `kid` in tokens and in the published set: the thumbprint of RFC 7638.
    pub kid: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// What it is used for.
    #[serde(flatten)]
    pub standing: KeyStanding,
}

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum KeyStanding {
    /// It is published and does not sign yet.
    Next {
        /// From this instant on it does.
        signs_from: DateTime<Utc>,
    },
    /// It signs.
    Active {
        /// From this instant on another signs, where one was made.
        #[serde(skip_serializing_if = "Option::is_none")]
        signs_until: Option<DateTime<Utc>>,
        /// From this instant on it verifies nothing, where an end is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        verifies_until: Option<DateTime<Utc>>,
    },
    /// Another signs; what this one signed is good until an instant, or without end.
    Retired {
        /// Since when another signs.
        at: DateTime<Utc>,
        /// From this instant on it verifies nothing, and it is published no more.
        #[serde(skip_serializing_if = "Option::is_none")]
        verifies_until: Option<DateTime<Utc>>,
    },
}

/// How the next key takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// From this instant on it signs; one that is past means at once.
    pub signs_from: DateTime<Utc>,
    /// From this instant on the one before verifies nothing; `None` for no end.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// One key takes another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The one that signs since.
    pub kid: String,
    /// The one that signed before.
    pub retired: String,
    /// When that is.
    pub at: DateTime<Utc>,
    /// From this instant on the old one verifies nothing; `None` where it has no end.
    pub verifies_until: Option<DateTime<Utc>>,
}

impl Key {
    /// The key of a seed.
    pub(crate) fn made(seed: [u8; 32], created_at: DateTime<Utc>) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| error.to_string())?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        let private = Some(Private::new(seed));
        Ok(Self { id: thumbprint(public)?, created_at, public, private, retired: None })
    }

    /// Do its parts belong together?
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what} of key {} is not its own", self.id));
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

    /// Is its time to sign not over at an instant?
    pub(crate) fn may_sign(&self, now: DateTime<Utc>) -> bool {
        self.retired.is_none_or(|retired| now < retired.at)
    }

    /// Does what it signed count at an instant? Always while it may sign.
    pub(crate) fn verifies(&self, now: DateTime<Utc>) -> bool {
        let end = self.retired.and_then(|retired| retired.verifies_until);
        self.may_sign(now) || end.is_none_or(|end| now < end)
    }

    pub(crate) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_ed_der(&self.public)
    }

    /// As it is published (RFC 8037).
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
