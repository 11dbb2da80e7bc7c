//! The programme's keys: signing keys, and a secret for keyed hashes.
//!
//! Invariants: the keys are in one file of a folder that only its owner can enter, and the file is
//! rejected if others can read it; keys kept elsewhere (a mounted secret, an environment variable)
//! are read-only; two processes that create the keys at once get the same; which key signs follows
//! from the file and the time alone, so that a key can be published before it signs; signatures are
//! `EdDSA` with Ed25519, whatever a token claims; a token is valid only for the use that its `typ`
//! names (RFC 8725, 3.11); neither `Debug` nor an error shows a key. Deliberately absent: what is
//! signed or hashed, and the clock.

mod error;
mod folder;
mod jws;
mod key;
mod keyed;
mod keyring;
mod link_secret;
mod source;
mod stored;

pub use error::Error;
pub use jsonwebtoken::jwk::JwkSet;
pub use jws::Refused;
pub use key::{KeyStanding, Rotation, SigningKeyInfo, Turn};
pub use keyed::KeyedHash;
pub use keyring::Keyring;
pub use link_secret::{link_secret, random_bytes};
