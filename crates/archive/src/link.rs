//! Links to extracts: 256 random bits each, kept as a keyed hash.
//!
//! Invariant: a request has one link at most; a new one takes the place of the one before. Who has read the
//! database can make no link of what it holds.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use keyring::{KeyedHash, Keyring};
use sql::Given;
use uuid::Uuid;

use crate::index::{instant, millis};
use crate::{Error, Index};

/// So often somebody may say wrongly whose mailbox it is; after that the link opens nothing.
const WRONG: i64 = 5;

/// What is behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) hash: Vec<u8>,
    pub(crate) request: Uuid,
    pub(crate) number: u32,
    /// The keyed hash of what its holder is asked for; `None` where an authority asked.
    pub(crate) holder: Option<Vec<u8>>,
    pub(crate) wrong: i64,
    pub(crate) expires_at: DateTime<Utc>,
    /// Was it shown to an operator? No letter takes its place.
    pub(crate) shown: bool,
}

/// The hashes of links and of what holders are asked for.
#[derive(Debug)]
pub(crate) struct Hashes {
    link: KeyedHash,
    holder: KeyedHash,
    erased: KeyedHash,
}

/// The addresses of those who were erased, known by their hashes alone.
#[derive(Debug, Default)]
pub(crate) struct Forgotten(Option<(KeyedHash, HashSet<Vec<u8>>)>);

impl Forgotten {
    /// Is it the address of somebody who was erased?
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

    /// Of the address of somebody who is erased, so that it is known where it comes again.
    pub(crate) fn erased(&self, address: &str) -> Vec<u8> {
        hash_of_address(&self.erased, address)
    }

    /// Who was erased, as an index remembers.
    pub(crate) async fn forgotten(&self, index: &Index) -> Result<Forgotten, Error> {
        const ALL: &str = "SELECT hash FROM erased";
        let hashes = index.tables.all(ALL, Vec::new(), |(hash,): (Vec<u8>,)| Ok(hash)).await?;
        let hashes: HashSet<_> = hashes.into_iter().collect();
        Ok(Forgotten((!hashes.is_empty()).then(|| (self.erased.clone(), hashes))))
    }

    /// Of a link's secret, as it stands in the link.
    pub(crate) fn link(&self, secret: &str) -> Vec<u8> {
        self.link.of(secret.as_bytes()).to_vec()
    }

    /// Of a codice fiscale, however it is written, for one request alone.
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
        expires_at: instant(expires_at).ok_or("a link's end is no instant")?,
        shown,
    })
}

impl Index {
    /// What is behind the link of that hash.
    pub(crate) async fn link(&self, hash: Vec<u8>) -> Result<Option<Link>, Error> {
        const FIND: &str = "
            SELECT hash, request, number, holder, wrong, expires_at, shown FROM link
            WHERE hash = $1";
        Ok(self.tables.all(FIND, vec![Given::Bytes(hash)], link).await?.pop())
    }

    /// Was the link of a request shown to an operator?
    pub(crate) async fn is_shown(&self, request: Uuid) -> Result<bool, Error> {
        const SHOWN: &str = "SELECT shown FROM link WHERE request = $1";
        let given = vec![Given::Bytes(request.as_bytes().to_vec())];
        let shown = self.tables.all(SHOWN, given, |(shown,): (bool,)| Ok(shown)).await?;
        Ok(shown.contains(&true))
    }

    /// Puts a link in the place of the request's former one.
    pub(crate) async fn put_link(&self, link: &Link) -> Result<(), Error> {
        let request = Given::Bytes(link.request.as_bytes().to_vec());
        let mut writing = self.tables.begin().await?;
        writing.run("DELETE FROM link WHERE request = $1", vec![request.clone()]).await?;
        let given = vec![
            Given::Bytes(link.hash.clone()),
            request,
            Given::Number(link.number.into()),
            link.holder.clone().map_or(Given::Perhaps(None), Given::Bytes),
            Given::Number(link.wrong),
            Given::Number(millis(link.expires_at)),
            Given::Flag(link.shown),
        ];
        writing.run("INSERT INTO link VALUES ($1, $2, $3, $4, $5, $6, $7)", given).await?;
        Ok(writing.commit().await?)
    }

    /// Takes one of the tries that a link has, as if the answer were wrong; false where none is left.
    pub(crate) async fn take_try(&self, link: &Link) -> Result<bool, Error> {
        const TAKE: &str = "UPDATE link SET wrong = wrong + 1 WHERE hash = $1 AND wrong < $2";
        let given = vec![Given::Bytes(link.hash.clone()), Given::Number(WRONG)];
        let mut writing = self.tables.begin().await?;
        let taken = writing.run(TAKE, given).await? > 0;
        writing.commit().await?;
        Ok(taken)
    }

    /// The answer was right.
    pub(crate) async fn give_back_try(&self, link: &Link) -> Result<(), Error> {
        const GIVE: &str = "UPDATE link SET wrong = wrong - 1 WHERE hash = $1 AND wrong > 0";
        let mut writing = self.tables.begin().await?;
        writing.run(GIVE, vec![Given::Bytes(link.hash.clone())]).await?;
        Ok(writing.commit().await?)
    }
}
