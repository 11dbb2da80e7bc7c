//! Signing and verifying (RFC 7515, RFC 8037), with Ed25519 by ring.
//!
//! `jsonwebtoken` reads and writes the tokens with the cryptography that is defined here: one
//! algorithm.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind, Result as JwtResult};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::{Key, Private};

/// Why a token is rejected. It does not repeat the token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not a signed token, or of another algorithm or use.
    #[error("not a token of this kind; compare it with the one that was sent")]
    Malformed,
    /// No key that verifies now has this `kid`.
    #[error("not signed by a valid key; request a new one")]
    UnknownKey,
    /// It was changed, or signed with another key.
    #[error("its signature is invalid; ask its holder for the token as it was sent")]
    Signature,
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] crate::Error),
}

/// Signs a token for one use.
pub(crate) fn sign<T: Serialize>(
    key: &Key,
    private: &Private,
    typ: &str,
    claims: &T,
) -> JwtResult<String> {
    use_ring();
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, claims, private.encoding())
}

/// The `kid` of a token for one use; nothing in it is verified yet.
pub(crate) fn kid(token: &str, typ: &str) -> Result<String, Refused> {
    let header = jsonwebtoken::decode_header(token).map_err(|_what| Refused::Malformed)?;
    // A critical extension (RFC 7515, 4.1.11) is one that is not supported here.
    let extended = header.crit.is_some();
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(typ) || extended {
        return Err(Refused::Malformed);
    }
    header.kid.ok_or(Refused::Malformed)
}

/// The claims of a token with a valid signature of this key. The caller checks the claims' times.
pub(crate) fn verify<T: DeserializeOwned>(key: &Key, token: &str) -> Result<T, Refused> {
    use_ring();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode(token, &key.decoding(), &validation) {
        Ok(token) => Ok(token.claims),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
            Err(Refused::Signature)
        }
        Err(_) => Err(Refused::Malformed),
    }
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| signer(*algorithm, key),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| unsupported(),
        rsa_pub_components_from_public_key: |_| unsupported(),
        ec_pub_components_from_private_key: |_, _| unsupported(),
        ed_pub_components_from_private_key: |_, _| unsupported(),
        compute_digest: |bytes, hash| {
            if hash != ThumbprintHash::SHA256 {
                return unsupported();
            }
            Ok(digest(&SHA256, bytes).as_ref().to_vec())
        },
    },
};

/// Installs ring as the cryptography of `jsonwebtoken`, once per process.
pub(crate) fn use_ring() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // A concurrent caller installed the same: nothing else in this program uses that crate.
    ONCE.call_once(|| RING.install_default().unwrap_or(()));
}

fn unsupported<T>() -> JwtResult<T> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

struct Ed25519Signer(Ed25519KeyPair);

fn signer(algorithm: Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    if algorithm != Algorithm::EdDSA {
        return unsupported();
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes());
    let pair = pair.map_err(|_rejected| JwtError::from(ErrorKind::InvalidEddsaKey))?;
    Ok(Box::new(Ed25519Signer(pair)))
}

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(UnparsedPublicKey<Vec<u8>>);

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    if algorithm != Algorithm::EdDSA {
        return unsupported();
    }
    let public = UnparsedPublicKey::new(&ED25519, key.try_get_as_bytes()?.to_vec());
    Ok(Box::new(Ed25519Verifier(public)))
}

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        // No reason is reported: a signature is valid or not.
        let verified = self.0.verify(message, signature);
        verified.map_err(|wrong| SignatureError::from_source(wrong.to_string()))
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
