//! The programme's keys: their states, and their public halves.

use eventstore::Clock;
use keyring::{JwkSet, SigningKeyInfo};

use crate::store::StoreSettings;
use crate::{Error, RealClock};

/// The signing keys and the state of each.
pub fn keys(settings: &StoreSettings) -> Result<Vec<SigningKeyInfo>, Error> {
    Ok(settings.keyring()?.list(RealClock.now())?)
}

/// The public keys as a JWK Set (RFC 7517).
pub fn published_keys(settings: &StoreSettings) -> Result<JwkSet, Error> {
    Ok(settings.keyring()?.jwks(RealClock.now())?)
}
