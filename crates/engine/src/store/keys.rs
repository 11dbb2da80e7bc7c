//! Where the programme's keys are: in a folder of the engine, or given, to be read and never
//! written.
//!
//! A secret that is mounted as a file, or set as a variable, holds what `keyring.json` in a folder
//! of keys holds: keys are made and rotated in a folder, and handed to services that need no
//! folder. Opening a folder deletes the private halves of keys that no longer sign.

use std::path::PathBuf;

use eventstore::Clock;
use keyring::Keyring;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};

use super::StoreSettings;
use crate::{Error, RealClock, StoreUrl};

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// In a folder, where they can be rotated.
    Folder(PathBuf),
    /// In a file that another program maintains.
    File(PathBuf),
    /// In the environment of this process.
    Given {
        /// The variable.
        name: &'static str,
        /// The keys, in the form of `keyring.json`.
        keyring: SecretString,
    },
}

impl KeySource {
    /// Opens the keys, which must exist.
    pub fn open(&self) -> Result<Keyring, keyring::Error> {
        match self {
            Self::Folder(folder) => Keyring::open(folder).map(tidied),
            Self::File(file) => Keyring::open_file(file),
            Self::Given { name, keyring } => Keyring::given(keyring.expose_secret(), name),
        }
    }
}

impl StoreSettings {
    /// The programme's keys. Keys in the store's own folder are made where they are missing; keys
    /// elsewhere must exist, because others may have them already.
    pub fn keyring(&self) -> Result<Keyring, Error> {
        match (&self.keys, &self.url) {
            (Some(source), _) => Ok(source.open()?),
            (None, StoreUrl::Folder(_)) => self.make_keys(),
            (None, StoreUrl::Postgres(_)) => Err(unnamed()),
        }
    }

    /// Opens the keys in their folder and makes them where they are missing.
    pub fn make_keys(&self) -> Result<Keyring, Error> {
        let folder = self.key_folder()?;
        Ok(tidied(Keyring::open_or_make(&folder, RealClock.now(), &mut SysRng)?))
    }

    fn key_folder(&self) -> Result<PathBuf, Error> {
        match (&self.keys, &self.url) {
            (Some(KeySource::Folder(folder)), _) => Ok(folder.clone()),
            (Some(KeySource::File(_) | KeySource::Given { .. }), _) => Err(Error::Invalid(
                "keys that are given are read-only; name the folder to make them in with --keys"
                    .to_owned(),
            )),
            (None, StoreUrl::Folder(_)) => {
                let home = self.home()?;
                home.expect_store()?;
                Ok(home.keys())
            }
            (None, StoreUrl::Postgres(_)) => Err(unnamed()),
        }
    }
}

fn unnamed() -> Error {
    Error::Refused(
        "keys are never kept in a database; name their folder with --keys, or make them there \
         first with `tramonto key create --keys DIR`"
            .to_owned(),
    )
}

/// Deletes the private halves of keys that no longer sign; a process without write permission
/// leaves it to the next.
fn tidied(keyring: Keyring) -> Keyring {
    if let Err(error) = keyring.forget(RealClock.now()) {
        tracing::warn!(%error, "the private half of a retired key could not be deleted");
    }
    keyring
}
