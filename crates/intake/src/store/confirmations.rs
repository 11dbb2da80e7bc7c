//! Requests for confirmation, and confirmations.
//!
//! Deliberately absent: links, which exist in the letters alone.

use chrono::{DateTime, Utc};
use sql::{Transaction, params};

use super::letters::{NewLetter, Route, write};
use super::outbox::DueLetter;
use super::{Store, micros, number};
use crate::Error;

/// A request for confirmation, as stored.
pub(crate) struct Confirmation {
    /// The keyed hash of the link's token.
    pub(crate) token: [u8; 32],
    /// The keyed hash of the letter's recipient.
    pub(crate) address: [u8; 32],
    pub(crate) expires_at: DateTime<Utc>,
}

/// A confirmation that is not processed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) letter: i64,
    pub(crate) mailbox: u32,
    pub(crate) message: i64,
    pub(crate) route: Route,
}

/// Stores a letter's request for confirmation; a retry of the letter replaces its link.
pub(super) async fn insert(
    writing: &mut Transaction<'_>,
    letter: &DueLetter,
    mailbox: u32,
    confirmation: &Confirmation,
) -> Result<(), Error> {
    const INSERT: &str = "
        INSERT INTO confirmation (letter, token, address, mailbox, message, route, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (letter) DO UPDATE SET token = excluded.token, address = excluded.address,
            expires_at = excluded.expires_at";
    let Confirmation { token, address, expires_at } = *confirmation;
    let (number, message, route) = (letter.number, letter.message, letter.route.code());
    let given = params![number, token, address, mailbox, message, route, micros(expires_at)];
    writing.run(INSERT, given).await?;
    Ok(())
}

impl Store {
    /// Uses a link once; false if it is used, expired or unknown.
    pub(crate) async fn confirm(&self, token: [u8; 32], now: DateTime<Utc>) -> Result<bool, Error> {
        const CONFIRM: &str = "
            UPDATE confirmation SET used_at = $2
            WHERE token = $1 AND used_at IS NULL AND expires_at > $2";
        Ok(self.tables.run(CONFIRM, params![token, micros(now)]).await? > 0)
    }

    /// Confirmations that are not processed yet, oldest first.
    pub(crate) async fn confirmed(&self, limit: u32) -> Result<Vec<Confirmed>, Error> {
        const CONFIRMED: &str = "
            SELECT letter, mailbox, message, route FROM confirmation
            WHERE used_at IS NOT NULL AND settled_at IS NULL ORDER BY used_at LIMIT $1";
        let read = |(letter, mailbox, message, route): (i64, i64, i64, String)| {
            let (mailbox, route) = (number(mailbox)?, Route::read(&route)?);
            Ok(Confirmed { letter, mailbox, message, route })
        };
        Ok(self.tables.all(CONFIRMED, params![limit], read).await?)
    }

    /// Marks a confirmation as processed and queues its letter.
    pub(crate) async fn settle_confirmation(
        &self,
        confirmed: &Confirmed,
        letter: NewLetter<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SETTLE: &str = "
            UPDATE confirmation SET settled_at = $2 WHERE letter = $1 AND settled_at IS NULL";
        let mut writing = self.tables.begin().await?;
        if writing.run(SETTLE, params![confirmed.letter, micros(now)]).await? > 0 {
            write(&mut writing, letter, now).await?;
        }
        Ok(writing.commit().await?)
    }

    /// The keyed hash of the address at which a holder confirmed this message's request.
    pub(crate) async fn confirmed_address(
        &self,
        message: i64,
        mailbox: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        const ADDRESS_OF: &str = "
            SELECT address FROM confirmation
            WHERE message = $1 AND mailbox = $2 AND used_at IS NOT NULL ORDER BY used_at";
        let read = |(address,): (Vec<u8>,)| Ok(address);
        Ok(self.tables.all(ADDRESS_OF, params![message, mailbox], read).await?.pop())
    }
}
