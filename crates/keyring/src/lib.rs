//! The programme's keys: one that signs what leaves the programme, and a secret for hashes of what must be
//! found again and never read.
//!
//! Invariants: the keys lie in one file of a folder that only its owner can enter, and the file is refused
//! where others can read it; keys that somebody else keeps, a mounted secret or a text, are only read; two
//! processes that make the keys at once end with the same; which key signs follows from the file and the time
//! alone, so that a key can be published before it signs; the algorithm of a signature is `EdDSA` with
//! Ed25519 and never what a token says; a token is good only for the use that its `typ` names (RFC 8725,
//! 3.11); neither `Debug` nor an error shows a key. Deliberately absent: what is signed or hashed, and the
//! clock.

mod error;
mod folder;
mod jws;
mod key;
mod keyed;
mod keyring;
mod source;
mod stored;

pub use error::Error;
pub use jsonwebtoken::jwk::JwkSet;
pub use jws::Refused;
pub use key::{KeyStanding, Rotation, SigningKeyInfo, Turn};
pub use keyed::KeyedHash;
pub use keyring::Keyring;
