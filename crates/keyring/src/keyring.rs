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
use crate::source::Source;
use crate::stored::{self, Keys};
use crate::{Error, Rotation, SigningKeyInfo, Turn};

/// The keys of a programme, from a folder, a file or a text. Changes by another process take effect
/// on the next use.
pub struct Keyring {
    source: Source,
    cached: Mutex<(Option<Stamp>, Arc<Keys>)>,
}

impl Keyring {
    /// The keys in a folder. A folder without keys is an error: it is probably the wrong one.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::from(Source::Folder(Folder::new(folder)))
    }

    /// The keys in a file that is kept elsewhere, such as a secret mounted into a container, in the
    /// format of the file in a folder. It is never written, and read again when it is replaced. Its
    /// group may read it.
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        Self::from(Source::File(path.to_owned()))
    }

    /// The keys in a text, in the format of the file in a folder. `name` is its source, e.g. an
    /// environment variable.
    pub fn given(text: &str, name: &str) -> Result<Self, Error> {
        let source = Source::Given(name.to_owned());
        let keys = source.parse(text.as_bytes())?;
        Ok(Self { source, cached: Mutex::new((None, Arc::new(keys))) })
    }

    fn from(source: Source) -> Result<Self, Error> {
        let (stamp, keys) = source.load()?;
        Ok(Self { source, cached: Mutex::new((stamp, Arc::new(keys))) })
    }

    /// The keys in a folder; both are created where there are none. `random` is the operating
    /// system's (`rand::rngs::SysRng`). All processes that do this at once get the same keys.
    pub fn open_or_make(
        folder: &Path,
        now: DateTime<Utc>,
        random: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        let place = Folder::new(folder);
        place.make()?;
        let (empty, source) = (place.read()?.is_none(), Source::Folder(place));
        if empty {
            let key = made(&source, fresh(random)?, now)?;
            let keys = Keys { secret: fresh(random)?, signing: vec![key] };
            source.writable()?.write_first(&written(&source, &keys)?)?;
        }
        Self::from(source)
    }

    /// The file that holds them, or the name of their source.
    pub fn file(&self) -> PathBuf {
        self.source.name()
    }

    /// Signs claims with the active key as a compact JWS (RFC 7515). `typ` names its only valid
    /// use, e.g. `voucher+jwt`.
    pub fn sign<T: Serialize>(
        &self,
        typ: &str,
        claims: &T,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        let keys = self.current()?;
        let key = keys.active(now).and_then(|place| keys.signing.get(place));
        let both = key.and_then(|key| Some((key, key.private.as_ref()?)));
        let (key, private) = both.ok_or_else(|| self.no_key())?;
        jws::sign(key, private, typ, claims).map_err(Error::Unsignable)
    }

    /// The claims of a token, if it is for this use and signed by a key that verifies now. The
    /// caller checks the claims' own times.
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

    /// The public keys that verify now or sign next (RFC 7517), for verification by others.
    pub fn jwks(&self, now: DateTime<Utc>) -> Result<JwkSet, Error> {
        let keys = self.current()?;
        let counting = keys.signing.iter().filter(|key| key.verifies(now));
        let keys: Result<Vec<_>, String> = counting.map(Key::jwk).collect();
        Ok(JwkSet { keys: keys.map_err(|problem| self.source.damaged(problem))? })
    }

    /// Each signing key's public information, oldest first.
    pub fn list(&self, now: DateTime<Utc>) -> Result<Vec<SigningKeyInfo>, Error> {
        Ok(self.current()?.list(now))
    }

    /// Creates and publishes the key that signs next. The previous key signs until that instant,
    /// and its signatures verify until `turn.verifies_until`. While another key waits to sign, only
    /// a key that signs at once is accepted, and the waiting key then never signs. Read-only keys
    /// are rejected.
    pub fn rotate(
        &self,
        now: DateTime<Utc>,
        turn: Turn,
        random: &mut impl TryCryptoRng,
    ) -> Result<Rotation, Error> {
        self.change(now, |keys, active| {
            let at = turn.signs_from.max(now);
            if let Some(next) = keys.next(active).filter(|_| at > now) {
                return Err(Error::Waiting { kid: next.id.clone() });
            }
            let next = made(&self.source, fresh(random)?, now)?;
            let mut ends = Retired { at, verifies_until: turn.verifies_until };
            let mut retired = String::new();
            for key in keys.signing.iter_mut().skip(active) {
                key.retired = Some(ends);
                if retired.is_empty() {
                    retired.clone_from(&key.id);
                }
                // A key that was waiting to sign has signed nothing.
                ends.verifies_until = Some(at);
            }
            let verifies_until = turn.verifies_until;
            let rotation = Rotation { kid: next.id.clone(), retired, at, verifies_until };
            keys.signing.push(next);
            Ok(rotation)
        })
    }

    /// Ends the validity of a retired key's signatures at an instant, which may be now, and returns
    /// that instant. An end can be brought forward but not postponed.
    pub fn retire(
        &self,
        kid: &str,
        now: DateTime<Utc>,
        verifies_until: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Error> {
        self.change(now, |keys, active| {
            let until = verifies_until.max(now);
            let found = keys.signing.iter_mut().enumerate().find(|(_, key)| key.id == kid);
            let (place, key) = found.ok_or_else(|| Error::Unknown { kid: kid.to_owned() })?;
            let retired = key.retired.as_mut().filter(|_| place < active);
            let retired = retired.ok_or_else(|| Error::Signs { kid: kid.to_owned() })?;
            if let Some(verifies_until) = retired.verifies_until.filter(|end| *end <= until) {
                return Err(Error::Ended { kid: kid.to_owned(), verifies_until });
            }
            retired.verifies_until = Some(until);
            // A process whose clock is behind may still sign with it.
            retired.at = retired.at.min(until);
            Ok(until)
        })
    }

    /// Changes the keys under the lock of their folder, given the index of the active key, and
    /// deletes the private halves of retired keys.
    fn change<T>(
        &self,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Keys, usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let folder = self.source.writable()?;
        let _lock = folder.lock()?;
        let (_, mut keys) = self.source.load()?;
        let active = keys.active(now).ok_or_else(|| self.no_key())?;
        let changed = change(&mut keys, active)?;
        keys.forget(now);
        folder.write_next(&written(&self.source, &keys)?)?;
        Ok(changed)
    }

    fn no_key(&self) -> Error {
        self.source.damaged("no key signs".to_owned())
    }

    /// Deletes the private halves of retired keys from a folder; true if there were any.
    /// Idempotent.
    pub fn forget(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        let Source::Folder(_) = &self.source else { return Ok(false) };
        let spent = |key: &Key| key.private.is_some() && !key.may_sign(now);
        if !self.current()?.signing.iter().any(spent) {
            return Ok(false);
        }
        self.change(now, |keys, _| Ok(keys.signing.iter().any(spent)))
    }

    /// Every rotation so far and the next one, oldest first, from the keys themselves.
    pub fn rotations(&self) -> Result<Vec<Rotation>, Error> {
        Ok(self.current()?.rotations())
    }

    /// The hash for one purpose, e.g. `voucher-code`. Rotation does not change it.
    pub fn keyed_hash(&self, purpose: &str) -> KeyedHash {
        KeyedHash::new(&self.cached().1.secret, purpose)
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, (Option<Stamp>, Arc<Keys>)> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Result<Arc<Keys>, Error> {
        let stamp = self.source.stamp()?;
        let mut cached = self.cached();
        if cached.0 != stamp {
            let (stamp, keys) = self.source.load()?;
            *cached = (stamp, Arc::new(keys));
        }
        Ok(Arc::clone(&cached.1))
    }
}

fn made(source: &Source, seed: [u8; 32], now: DateTime<Utc>) -> Result<Key, Error> {
    Key::made(seed, now).map_err(|problem| source.damaged(problem))
}

fn written(source: &Source, keys: &Keys) -> Result<Vec<u8>, Error> {
    stored::write(keys).map_err(|problem| source.damaged(problem))
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
