//! Links to extracts: 256 random bits each, kept as a keyed hash.
//!
//! Invariant: a request has one link at most; a new one takes the place of the one before. Who has read the
//! database can make no link of what it holds.

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
}

impl Link {
    /// Was it answered wrongly too often?
    pub(crate) fn is_locked(&self) -> bool {
        self.wrong >= WRONG
    }
}

/// The hashes of links and of what holders are asked for.
#[derive(Debug)]
pub(crate) struct Hashes {
    link: KeyedHash,
    holder: KeyedHash,
}

impl Hashes {
    pub(crate) fn new(keys: &Keyring) -> Self {
        Self { link: keys.keyed_hash("log-link"), holder: keys.keyed_hash("log-holder") }
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
type LinkRow = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>, i64, i64);

fn link((hash, request, number, holder, wrong, expires_at): LinkRow) -> Result<Link, String> {
    Ok(Link {
        hash,
        request: Uuid::from_slice(&request).map_err(|error| error.to_string())?,
        number: u32::try_from(number).map_err(|error| error.to_string())?,
        holder,
        wrong,
        expires_at: instant(expires_at).ok_or("a link's end is no instant")?,
    })
}

impl Index {
    /// What is behind the link of that hash.
    pub(crate) async fn link(&self, hash: Vec<u8>) -> Result<Option<Link>, Error> {
        const FIND: &str =
            "SELECT hash, request, number, holder, wrong, expires_at FROM link WHERE hash = $1";
        Ok(self.tables.all(FIND, vec![Given::Bytes(hash)], link).await?.pop())
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
        ];
        writing.run("INSERT INTO link VALUES ($1, $2, $3, $4, $5, $6)", given).await?;
        Ok(writing.commit().await?)
    }

    /// Counts a wrong answer.
    pub(crate) async fn count_wrong(&self, link: &Link) -> Result<(), Error> {
        const COUNT: &str = "UPDATE link SET wrong = wrong + 1 WHERE hash = $1";
        let mut writing = self.tables.begin().await?;
        writing.run(COUNT, vec![Given::Bytes(link.hash.clone())]).await?;
        Ok(writing.commit().await?)
    }
}
