//! Links to exports: 256 random bits each, stored as a keyed hash.
//!
//! Invariants: a request has at most one link, and a new one replaces it; no link can be derived
//! from the database.

use chrono::{DateTime, Utc};
use sql::{Param, params};
use uuid::Uuid;

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
        expires_at: DateTime::from_timestamp_millis(expires_at)
            .ok_or("link expiry is not an instant")?,
        shown,
    })
}

impl Index {
    /// Finds a link by its hash.
    pub(crate) async fn link(&self, hash: Vec<u8>) -> Result<Option<Link>, Error> {
        const FIND: &str = "
            SELECT hash, request, number, holder, wrong, expires_at, shown FROM link
            WHERE hash = $1";
        Ok(self.tables.all(FIND, params![hash], link).await?.pop())
    }

    /// Was the request's link shown to an operator?
    pub(crate) async fn is_shown(&self, request: Uuid) -> Result<bool, Error> {
        const SHOWN: &str = "SELECT shown FROM link WHERE request = $1";
        let given = params![&request.as_bytes()[..]];
        let shown = self.tables.all(SHOWN, given, |(shown,): (bool,)| Ok(shown)).await?;
        Ok(shown.contains(&true))
    }

    /// Stores a link and deletes the request's previous one.
    pub(crate) async fn put_link(&self, link: &Link) -> Result<(), Error> {
        let request = &link.request.as_bytes()[..];
        let mut writing = self.tables.begin().await?;
        writing.run("DELETE FROM link WHERE request = $1", params![request]).await?;
        let given = params![
            link.hash.as_slice(),
            request,
            link.number,
            link.holder.clone().map_or(Param::OptionalText(None), Param::Bytes),
            link.wrong,
            link.expires_at.timestamp_millis(),
            link.shown,
        ];
        writing.run("INSERT INTO link VALUES ($1, $2, $3, $4, $5, $6, $7)", given).await?;
        Ok(writing.commit().await?)
    }

    /// Counts a failed attempt in advance; false if none is left.
    pub(crate) async fn take_attempt(&self, link: &Link) -> Result<bool, Error> {
        const TAKE: &str = "UPDATE link SET wrong = wrong + 1 WHERE hash = $1 AND wrong < $2";
        Ok(self.tables.run(TAKE, params![link.hash.as_slice(), MOST_ATTEMPTS]).await? > 0)
    }

    /// Takes the attempt back: it was correct.
    pub(crate) async fn return_attempt(&self, link: &Link) -> Result<(), Error> {
        const GIVE: &str = "UPDATE link SET wrong = wrong - 1 WHERE hash = $1 AND wrong > 0";
        self.tables.run(GIVE, params![link.hash.as_slice()]).await?;
        Ok(())
    }
}
