//! What letters ask to be confirmed, and who has.
//!
//! Deliberately absent: links, which are in the letters alone.

use chrono::{DateTime, Utc};
use sql::{Given, Writing};

use super::letters::{New, Route, write};
use super::outbox::Waiting;
use super::{Store, micros, number};
use crate::Error;

/// What a letter asks to be confirmed.
pub(crate) struct Asked {
    pub(crate) token: [u8; 32],
    /// The keyed hash of the address that it goes to.
    pub(crate) address: [u8; 32],
    pub(crate) expires_at: DateTime<Utc>,
}

/// A confirmation that was given and not acted upon yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) letter: i64,
    pub(crate) mailbox: u32,
    pub(crate) message: i64,
    pub(crate) route: Route,
}

/// Has a letter ask, under another link than before where it is tried again.
pub(super) async fn ask(
    writing: &mut Writing<'_>,
    letter: &Waiting,
    mailbox: u32,
    asked: &Asked,
) -> Result<(), Error> {
    const ASK: &str = "
        INSERT INTO confirmation (letter, token, address, mailbox, message, route, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (letter) DO UPDATE SET token = excluded.token, address = excluded.address,
            expires_at = excluded.expires_at";
    let given = vec![
        Given::Number(letter.number),
        Given::Bytes(asked.token.to_vec()),
        Given::Bytes(asked.address.to_vec()),
        Given::Number(mailbox.into()),
        Given::Number(letter.message),
        Given::Text(letter.route.code().to_owned()),
        Given::Number(micros(asked.expires_at)),
    ];
    writing.run(ASK, given).await?;
    Ok(())
}

impl Store {
    /// Uses a link, once; false where it was used, has expired, or never was.
    pub(crate) async fn confirm(&self, token: [u8; 32], now: DateTime<Utc>) -> Result<bool, Error> {
        const CONFIRM: &str = "
            UPDATE confirmation SET used_at = $2
            WHERE token = $1 AND used_at IS NULL AND expires_at > $2";
        self.change(CONFIRM, vec![Given::Bytes(token.to_vec()), Given::Number(micros(now))]).await
    }

    /// What was confirmed and is not acted upon yet.
    pub(crate) async fn confirmed(&self, limit: u32) -> Result<Vec<Confirmed>, Error> {
        const CONFIRMED: &str = "
            SELECT letter, mailbox, message, route FROM confirmation
            WHERE used_at IS NOT NULL AND settled_at IS NULL ORDER BY used_at LIMIT $1";
        let read = |(letter, mailbox, message, route): (i64, i64, i64, String)| {
            let (mailbox, route) = (number(mailbox)?, Route::read(&route)?);
            Ok(Confirmed { letter, mailbox, message, route })
        };
        Ok(self.tables.all(CONFIRMED, vec![Given::Number(limit.into())], read).await?)
    }

    /// A confirmation was acted upon; its holder gets a letter.
    pub(crate) async fn settled(
        &self,
        confirmed: &Confirmed,
        letter: New<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SETTLE: &str = "
            UPDATE confirmation SET settled_at = $2 WHERE letter = $1 AND settled_at IS NULL";
        let given = vec![Given::Number(confirmed.letter), Given::Number(micros(now))];
        let mut writing = self.tables.begin().await?;
        if writing.run(SETTLE, given).await? > 0 {
            write(&mut writing, letter, now).await?;
        }
        Ok(writing.commit().await?)
    }

    /// The keyed hash of the address that a holder confirmed from, for a message that asks for theirs.
    pub(crate) async fn proven(
        &self,
        message: i64,
        mailbox: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        const PROVEN: &str = "
            SELECT address FROM confirmation
            WHERE message = $1 AND mailbox = $2 AND used_at IS NOT NULL ORDER BY used_at";
        let read = |(address,): (Vec<u8>,)| Ok(address);
        let given = vec![Given::Number(message), Given::Number(mailbox.into())];
        Ok(self.tables.all(PROVEN, given, read).await?.pop())
    }
}
