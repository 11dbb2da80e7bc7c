//! Links to exports: 256 random bits each, stored as a keyed hash.
//!
//! Invariants: a request has at most one link, and a new one replaces it; no link can be derived
//! from the database.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use keyring::{KeyedHash, Keyring};
use sql::Param;
use uuid::Uuid;

use crate::index::{instant, millis};
use crate::{Error, Index};

/// Failed attempts after which a link is locked.
const MOST_ATTEMPTS: i64 = 5;

/// A stored link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) hash: Vec<u8>,
    pub(crate) request: Uuid,
    pub(crate) number: u32,
    /// The keyed hash of the holder's codice fiscale; `None` for an authority's request.
    pub(crate) holder: Option<Vec<u8>>,
    pub(crate) wrong: i64,
    pub(crate) expires_at: DateTime<Utc>,
    /// Was it shown to an operator? Then no letter replaces it.
    pub(crate) shown: bool,
}

/// Keyed hashes of links, holders and erased addresses.
#[derive(Debug)]
pub(crate) struct Hashes {
    link: KeyedHash,
    holder: KeyedHash,
    erased: KeyedHash,
}

/// Addresses of erased holders, as keyed hashes.
#[derive(Debug, Default)]
pub(crate) struct ErasedAddresses(Option<(KeyedHash, HashSet<Vec<u8>>)>);

impl ErasedAddresses {
    /// Is this the address of an erased holder?
    pub(crate) fn has(&self, address: &str) -> bool {
        let Some((erased, hashes)) = &self.0 else { return false };
        hashes.contains(hash_of_address(erased, address).as_slice())
    }
}

fn hash_of_address(erased: &KeyedHash, address: &str) -> Vec<u8> {
    erased.of(address.to_lowercase().as_bytes()).to_vec()
}

impl Hashes {
    pub(crate) fn new(keys: &Keyring) -> Self {
        let [link, holder, erased] =
            ["log-link", "log-holder", "log-erased"].map(|purpose| keys.keyed_hash(purpose));
        Self { link, holder, erased }
    }

    /// The hash of an erased holder's address, by which later logs are filtered.
    pub(crate) fn erased(&self, address: &str) -> Vec<u8> {
        hash_of_address(&self.erased, address)
    }

    /// The erased addresses that an index stores.
    pub(crate) async fn erased_addresses(&self, index: &Index) -> Result<ErasedAddresses, Error> {
        const ALL: &str = "SELECT hash FROM erased";
        let hashes = index.tables.all(ALL, Vec::new(), |(hash,): (Vec<u8>,)| Ok(hash)).await?;
        let hashes: HashSet<_> = hashes.into_iter().collect();
        Ok(ErasedAddresses((!hashes.is_empty()).then(|| (self.erased.clone(), hashes))))
    }

    /// The hash of a link's secret.
    pub(crate) fn link(&self, secret: &str) -> Vec<u8> {
        self.link.of(secret.as_bytes()).to_vec()
    }

    /// The hash of a codice fiscale for one request; case and punctuation do not matter.
    pub(crate) fn holder(&self, request: Uuid, answer: &str) -> Vec<u8> {
        let plain: String = answer.chars().filter(char::is_ascii_alphanumeric).collect();
        self.holder.of(format!("{request}/{}", plain.to_uppercase()).as_bytes()).to_vec()
    }
}

#[rustfmt::skip]
type LinkRow = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>, i64, i64, bool);

fn link(
    (hash, request, number, holder, wrong, expires_at, shown): LinkRow,
) -> Result<Link, String> {
    Ok(Link {
        hash,
        request: Uuid::from_slice(&request).map_err(|error| error.to_string())?,
        number: u32::try_from(number).map_err(|error| error.to_string())?,
        holder,
        wrong,
        expires_at: instant(expires_at).ok_or("link expiry is not an instant")?,
        shown,
    })
}

impl Index {
    /// Finds a link by its hash.
    pub(crate) async fn link(&self, hash: Vec<u8>) -> Result<Option<Link>, Error> {
        const FIND: &str = "
            SELECT hash, request, number, holder, wrong, expires_at, shown FROM link
            WHERE hash = $1";
        Ok(self.tables.all(FIND, vec![Param::Bytes(hash)], link).await?.pop())
    }

    /// Was the request's link shown to an operator?
    pub(crate) async fn is_shown(&self, request: Uuid) -> Result<bool, Error> {
        const SHOWN: &str = "SELECT shown FROM link WHERE request = $1";
        let given = vec![Param::Bytes(request.as_bytes().to_vec())];
        let shown = self.tables.all(SHOWN, given, |(shown,): (bool,)| Ok(shown)).await?;
        Ok(shown.contains(&true))
    }

    /// Stores a link and deletes the request's previous one.
    pub(crate) async fn put_link(&self, link: &Link) -> Result<(), Error> {
        let request = Param::Bytes(link.request.as_bytes().to_vec());
        let mut writing = self.tables.begin().await?;
        writing.run("DELETE FROM link WHERE request = $1", vec![request.clone()]).await?;
        let given = vec![
            Param::Bytes(link.hash.clone()),
            request,
            Param::Number(link.number.into()),
            link.holder.clone().map_or(Param::OptionalText(None), Param::Bytes),
            Param::Number(link.wrong),
            Param::Number(millis(link.expires_at)),
            Param::Flag(link.shown),
        ];
        writing.run("INSERT INTO link VALUES ($1, $2, $3, $4, $5, $6, $7)", given).await?;
        Ok(writing.commit().await?)
    }

    /// Counts a failed attempt in advance; false if none is left.
    pub(crate) async fn take_attempt(&self, link: &Link) -> Result<bool, Error> {
        const TAKE: &str = "UPDATE link SET wrong = wrong + 1 WHERE hash = $1 AND wrong < $2";
        let given = vec![Param::Bytes(link.hash.clone()), Param::Number(MOST_ATTEMPTS)];
        let mut writing = self.tables.begin().await?;
        let taken = writing.run(TAKE, given).await? > 0;
        writing.commit().await?;
        Ok(taken)
    }

    /// Takes the attempt back: it was correct.
    pub(crate) async fn return_attempt(&self, link: &Link) -> Result<(), Error> {
        const GIVE: &str = "UPDATE link SET wrong = wrong - 1 WHERE hash = $1 AND wrong > 0";
        let mut writing = self.tables.begin().await?;
        writing.run(GIVE, vec![Param::Bytes(link.hash.clone())]).await?;
        Ok(writing.commit().await?)
    }
}
