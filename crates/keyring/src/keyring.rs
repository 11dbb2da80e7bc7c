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
use crate::{Error, Rotation, SigningKeyInfo};

/// The keys of a programme, as they lie in a folder or a file, or were given. What another process changes
/// there counts from the next use on.
pub struct Keyring {
    source: Source,
    known: Mutex<(Option<Stamp>, Arc<Keys>)>,
}

impl Keyring {
    /// The keys in a folder. That there are none is an error: somebody else made them, and they are
    /// looked for in the wrong place.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::from(Source::Folder(Folder::new(folder)))
    }

    /// The keys in a file that somebody else keeps, as a folder of keys holds it: a secret that is mounted into
    /// a container. It is never written, and read again once another has taken its place. Its group may read it.
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        Self::from(Source::File(path.to_owned()))
    }

    /// The keys in a text, as a folder of keys holds it in its file. `name` says where the text came from, e.g.
    /// a variable of the environment.
    pub fn given(text: &str, name: &str) -> Result<Self, Error> {
        let source = Source::Given(name.to_owned());
        let keys = source.parse(text.as_bytes())?;
        Ok(Self { source, known: Mutex::new((None, Arc::new(keys))) })
    }

    fn from(source: Source) -> Result<Self, Error> {
        let known = source.load()?;
        Ok(Self { source, known: Mutex::new(known) })
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
        let (empty, source) = (place.read()?.is_none(), Source::Folder(place));
        if empty {
            let key = made(&source, fresh(random)?, now)?;
            let keys = Keys { secret: fresh(random)?, signing: vec![key] };
            source.writable()?.write_first(&written(&source, &keys)?)?;
        }
        Self::from(source)
    }

    /// The file that holds them, or the name under which they were given.
    pub fn file(&self) -> PathBuf {
        self.source.name()
    }

    /// A compact JWS (RFC 7515) over these claims by the key that signs now. `typ` names the one use it is
    /// good for, e.g. `voucher+jwt`.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, Error> {
        let keys = self.current()?;
        let (key, private) = active(&self.source, &keys)?;
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
        Ok(JwkSet { keys: keys.map_err(|problem| self.source.damaged(problem))? })
    }

    /// What may be known of each signing key, the oldest first.
    pub fn list(&self) -> Result<Vec<SigningKeyInfo>, Error> {
        Ok(self.current()?.signing.iter().map(Key::info).collect())
    }

    /// A new key signs from now on. What the one before signed is good until `verifies_until`; its private half is
    /// forgotten. Keys that are only read here are refused.
    pub fn rotate(
        &self,
        now: DateTime<Utc>,
        verifies_until: DateTime<Utc>,
        random: &mut impl TryCryptoRng,
    ) -> Result<Rotation, Error> {
        let folder = self.source.writable()?;
        let _lock = folder.lock()?;
        let (_, keys) = self.source.load()?;
        let retired = active(&self.source, &keys)?.0.id.clone();
        let signing = keys.signing.iter().map(|key| Key {
            id: key.id.clone(),
            created_at: key.created_at,
            public: key.public,
            private: None,
            retired: key.retired.or(Some(Retired { at: now, verifies_until })),
        });
        let next = made(&self.source, fresh(random)?, now)?;
        let rotation = Rotation { kid: next.id.clone(), retired, at: now, verifies_until };
        let keys = Keys { secret: keys.secret, signing: signing.chain([next]).collect() };
        folder.write_next(&written(&self.source, &keys)?)?;
        Ok(rotation)
    }

    /// Every rotation there ever was, the oldest first: the keys themselves remember.
    pub fn rotations(&self) -> Result<Vec<Rotation>, Error> {
        let keys = self.current()?;
        let pairs = keys.signing.iter().zip(keys.signing.iter().skip(1));
        let of = |(old, new): (&Key, &Key)| {
            let Retired { at, verifies_until } = old.retired?;
            Some(Rotation { kid: new.id.clone(), retired: old.id.clone(), at, verifies_until })
        };
        Ok(pairs.filter_map(of).collect())
    }

    /// The hash for one purpose, e.g. `voucher-code`. It is the same for as long as the keys are: it does
    /// not change with rotation.
    pub fn keyed_hash(&self, purpose: &str) -> KeyedHash {
        KeyedHash::new(&self.known().1.secret, purpose)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, (Option<Stamp>, Arc<Keys>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Result<Arc<Keys>, Error> {
        let stamp = self.source.stamp()?;
        let mut known = self.known();
        if known.0 != stamp {
            *known = self.source.load()?;
        }
        Ok(Arc::clone(&known.1))
    }
}

fn active<'a>(
    source: &Source,
    keys: &'a Keys,
) -> Result<(&'a Key, &'a crate::key::Private), Error> {
    keys.active().ok_or_else(|| source.damaged("no key signs".to_owned()))
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
