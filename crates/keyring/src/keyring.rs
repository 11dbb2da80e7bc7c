use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::JwkSet;
use rand::TryCryptoRng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::{Folder, Stamp};
use crate::jws::{self, Refused};
use crate::key::{Key, Retired};
use crate::keyed::KeyedHash;
use crate::stored::{self, Keys};
use crate::{Error, SigningKeyInfo};

/// The keys of a programme, as they lie in a folder. What another process changes there counts from the
/// next use on.
pub struct Keyring {
    folder: Folder,
    known: Mutex<(Stamp, Arc<Keys>)>,
}

impl Keyring {
    /// The keys in a folder. That there are none is an error: somebody else made them, and they are
    /// looked for in the wrong place.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let folder = Folder::new(folder);
        let known = load(&folder)?;
        Ok(Self { folder, known: Mutex::new(known) })
    }

    /// The keys in a folder; made, and the folder too, where there are none. `random` is the operating
    /// system's (`rand::rngs::SysRng`). However many do this at once, all get the same.
    pub fn open_or_make(
        folder: &Path,
        now: DateTime<Utc>,
        random: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        let place = Folder::new(folder);
        place.make()?;
        if place.read()?.is_none() {
            let key = made(&place, fresh(random)?, now)?;
            let keys = Keys { secret: fresh(random)?, signing: vec![key] };
            place.write_first(&written(&place, &keys)?)?;
        }
        Self::open(folder)
    }

    /// The file that holds them.
    pub fn file(&self) -> PathBuf {
        self.folder.file()
    }

    /// A compact JWS (RFC 7515) over these claims by the key that signs now. `typ` names the one use it is
    /// good for, e.g. `voucher+jwt`.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, Error> {
        let keys = self.current()?;
        let (key, private) = active(&self.folder, &keys)?;
        jws::sign(key, private, typ, claims).map_err(Error::Unsignable)
    }

    /// What a token says, if it is for this use and signed by a key of ours that counts now. Whether the
    /// claims' own times are over is for the caller to see.
    pub fn verify<T: DeserializeOwned>(
        &self,
        typ: &str,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<T, Refused> {
        let kid = jws::kid(token, typ)?;
        let keys = self.current()?;
        let found = keys.signing.iter().find(|key| key.id == kid && key.verifies(now));
        jws::verify(found.ok_or(Refused::UnknownKey)?, token)
    }

    /// The public keys that count now (RFC 7517), for those who verify without asking us.
    pub fn jwks(&self, now: DateTime<Utc>) -> Result<JwkSet, Error> {
        let keys = self.current()?;
        let counting = keys.signing.iter().filter(|key| key.verifies(now));
        let keys: Result<Vec<_>, String> = counting.map(Key::jwk).collect();
        Ok(JwkSet { keys: keys.map_err(|problem| damaged(&self.folder, problem))? })
    }

    /// What may be known of each signing key, the oldest first.
    pub fn list(&self) -> Result<Vec<SigningKeyInfo>, Error> {
        Ok(self.current()?.signing.iter().map(Key::info).collect())
    }

    /// A new key signs from now on, and its `kid` is told. What the one before signed is good until
    /// `verifies_until`; its private half is forgotten.
    pub fn rotate(
        &self,
        now: DateTime<Utc>,
        verifies_until: DateTime<Utc>,
        random: &mut impl TryCryptoRng,
    ) -> Result<String, Error> {
        let _lock = self.folder.lock()?;
        let (_, keys) = load(&self.folder)?;
        let signing = keys.signing.iter().map(|key| Key {
            id: key.id.clone(),
            created_at: key.created_at,
            public: key.public,
            private: None,
            retired: key.retired.or(Some(Retired { at: now, verifies_until })),
        });
        let next = made(&self.folder, fresh(random)?, now)?;
        let kid = next.id.clone();
        let keys = Keys { secret: keys.secret, signing: signing.chain([next]).collect() };
        self.folder.write_next(&written(&self.folder, &keys)?)?;
        Ok(kid)
    }

    /// The hash for one purpose, e.g. `voucher-code`. It is the same for as long as the keys are: it does
    /// not change with rotation.
    pub fn keyed_hash(&self, purpose: &str) -> KeyedHash {
        KeyedHash::new(&self.known().1.secret, purpose)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, (Stamp, Arc<Keys>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Result<Arc<Keys>, Error> {
        let stamp = self.folder.stamp()?;
        let mut known = self.known();
        if known.0 != stamp {
            *known = load(&self.folder)?;
        }
        Ok(Arc::clone(&known.1))
    }
}

fn load(folder: &Folder) -> Result<(Stamp, Arc<Keys>), Error> {
    let Some((bytes, stamp)) = folder.read()? else {
        return Err(Error::Missing { path: folder.file() });
    };
    let keys = stored::read(&bytes).map_err(|problem| damaged(folder, problem))?;
    Ok((stamp, Arc::new(keys)))
}

fn active<'a>(
    folder: &Folder,
    keys: &'a Keys,
) -> Result<(&'a Key, &'a crate::key::Private), Error> {
    keys.active().ok_or_else(|| damaged(folder, "no key signs".to_owned()))
}

fn made(folder: &Folder, seed: [u8; 32], now: DateTime<Utc>) -> Result<Key, Error> {
    Key::made(seed, now).map_err(|problem| damaged(folder, problem))
}

fn written(folder: &Folder, keys: &Keys) -> Result<Vec<u8>, Error> {
    stored::write(keys).map_err(|problem| damaged(folder, problem))
}

fn damaged(folder: &Folder, problem: String) -> Error {
    Error::Damaged { path: folder.file(), problem }
}

fn fresh(random: &mut impl TryCryptoRng) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    random.try_fill_bytes(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("file", &self.file()).finish_non_exhaustive()
    }
}
