//! Where the programme's keys are: in a folder that is the engine's own, or given, to be read and never written.
//!
//! A secret that is mounted as a file, or set as a variable, holds what `keyring.json` in a folder of keys
//! holds: keys are made and rotated in a folder, and handed to services that need no folder. Whoever opens a folder
//! forgets what nobody signs with any more.

use std::path::PathBuf;

use eventstore::Clock;
use keyring::Keyring;
use secrecy::{ExposeSecret, SecretString};

use crate::RealClock;
use crate::cli::Global;

/// The keys themselves, where neither a flag nor another variable names a place.
const GIVEN: &str = "TRAMONTO_KEYRING";

/// Where the keys are.
#[derive(Debug, Clone)]
pub(crate) enum KeyPlace {
    /// In a folder, where they can be rotated.
    Folder(PathBuf),
    /// In a file that somebody else keeps.
    File(PathBuf),
    /// In the environment of this process.
    Environment(SecretString),
}

impl KeyPlace {
    /// The place that flags or the environment name; `None` leaves it to the store.
    pub(crate) fn named(global: &Global) -> Option<Self> {
        if let Some(folder) = &global.keys {
            return Some(Self::Folder(folder.clone()));
        }
        if let Some(file) = &global.keyring_file {
            return Some(Self::File(file.clone()));
        }
        let given = std::env::var(GIVEN).ok().filter(|text| !text.trim().is_empty());
        given.map(|text| Self::Environment(text.into()))
    }

    /// The keys, which must be there.
    pub(crate) fn open(&self) -> Result<Keyring, keyring::Error> {
        match self {
            Self::Folder(folder) => Keyring::open(folder).map(tidied),
            Self::File(file) => Keyring::open_file(file),
            Self::Environment(text) => Keyring::given(text.expose_secret(), GIVEN),
        }
    }
}

/// These keys, without the private halves of those that sign no more. Who may not write there leaves it to the next one.
pub(crate) fn tidied(keyring: Keyring) -> Keyring {
    if let Err(error) = keyring.forget(RealClock.now()) {
        tracing::warn!("a key that signs no more has its private half still: {error}");
    }
    keyring
}
