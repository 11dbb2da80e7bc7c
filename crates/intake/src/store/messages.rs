//! Messages: stored as received, each with its status.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sql::{Param, params};

use super::{Store, instant, micros, number};
use crate::Error;
use crate::reading::digest;

/// A received message.
pub struct NewMessage {
    /// The envelope sender; `None` if unknown.
    pub sender: Option<String>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// The whole message.
    pub content: Vec<u8>,
}

/// A stored message. Its `Debug` form shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub number: i64,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// The envelope sender; empty for a bounce.
    pub sender: Option<String>,
    /// Its status.
    pub status: MessageStatus,
    /// The reason for the status, as a short code.
    pub reason: Option<String>,
    /// The mailbox of the request; of a new message, the one an operator named.
    pub mailbox: Option<u32>,
    /// Did an operator release it from quarantine?
    pub released: bool,
}

/// The status of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStatus {
    /// Not processed yet.
    New,
    /// In quarantine, waiting for an operator.
    Held,
    /// Processed: its letters are queued or sent.
    Done,
    /// Refused by an operator.
    Refused,
}

codes!(MessageStatus { New = "new", Held = "held", Done = "done", Refused = "refused" });

impl FromStr for MessageStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|_unknown| "expected new, held, done or refused".to_owned())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {})", self.number, self.status.code())
    }
}

type Row = (i64, i64, Option<String>, String, Option<String>, Option<i64>, i64);

fn message(row: Row) -> Result<Message, String> {
    let (id, received_at, sender, status, reason, mailbox, releases) = row;
    Ok(Message {
        number: id,
        received_at: instant(received_at)?,
        sender,
        status: MessageStatus::read(&status)?,
        reason,
        mailbox: mailbox.map(number).transpose()?,
        released: releases > 0,
    })
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT number, received_at, sender, status, reason, mailbox, releases FROM message ",
            $which
        )
    };
}

impl Store {
    /// Stores messages in one durable transaction. A message that is already stored is left
    /// unchanged.
    pub async fn insert(&self, messages: &[NewMessage]) -> Result<(), Error> {
        const INSERT: &str = "
            INSERT INTO message (digest, received_at, sender, content, status)
            VALUES ($1, $2, $3, $4, 'new') ON CONFLICT (digest) DO NOTHING";
        let mut writing = self.tables.begin().await?;
        for message in messages {
            let NewMessage { sender, received_at, content } = message;
            let (digest, received_at) = (digest(content), micros(*received_at));
            let given = params![digest, received_at, sender.clone(), content.clone()];
            writing.run(INSERT, given).await?;
        }
        Ok(writing.commit().await?)
    }

    /// Stores one message and returns its number, old or new.
    pub async fn insert_one(&self, message: NewMessage) -> Result<i64, Error> {
        const NUMBER: &str = "SELECT number FROM message WHERE digest = $1";
        let digest = digest(&message.content);
        self.insert(&[message]).await?;
        let read = |(number,): (i64,)| Ok(number);
        Ok(self.tables.all(NUMBER, params![digest], read).await?.pop().unwrap_or_default())
    }

    /// Messages of a status after a number, oldest first.
    pub async fn messages(
        &self,
        status: MessageStatus,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        const PAGE: &str = select!("WHERE status = $1 AND number > $2 ORDER BY number LIMIT $3");
        Ok(self.tables.all(PAGE, params![status.code(), after, limit], message).await?)
    }

    /// One message; `None` if there is none with this number.
    pub async fn message(&self, number: i64) -> Result<Option<Message>, Error> {
        const ONE: &str = select!("WHERE number = $1");
        Ok(self.tables.all(ONE, params![number], message).await?.pop())
    }

    /// The content of a message.
    pub async fn content(&self, number: i64) -> Result<Option<Vec<u8>>, Error> {
        const ONE: &str = "SELECT content FROM message WHERE number = $1";
        let read = |(content,): (Vec<u8>,)| Ok(content);
        Ok(self.tables.all(ONE, params![number], read).await?.pop())
    }

    /// The number of messages by status and reason.
    pub async fn message_counts(&self) -> Result<Vec<(MessageStatus, Option<String>, u64)>, Error> {
        const COUNTS: &str = "
            SELECT status, reason, count(*) FROM message GROUP BY status, reason
            ORDER BY status, reason";
        let read = |(status, reason, count): (String, Option<String>, i64)| {
            let count = u64::try_from(count).map_err(|error| error.to_string())?;
            Ok((MessageStatus::read(&status)?, reason, count))
        };
        Ok(self.tables.all(COUNTS, Vec::new(), read).await?)
    }

    /// The number of messages in quarantine; an index-only count.
    pub async fn held_count(&self) -> Result<u64, Error> {
        const HELD: &str = "SELECT count(*) FROM message WHERE status = 'held'";
        let read = |(count,): (i64,)| u64::try_from(count).map_err(|error| error.to_string());
        Ok(self.tables.all(HELD, Vec::new(), read).await?.pop().unwrap_or(0))
    }

    /// Refuses a message in quarantine; false if it is not there.
    pub async fn refuse(
        &self,
        number: i64,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const REFUSE: &str = "
            UPDATE message SET status = 'refused', reason = $2, decided_at = $3
            WHERE number = $1 AND status = 'held'";
        Ok(self.tables.run(REFUSE, params![number, reason, micros(now)]).await? > 0)
    }

    /// Releases a message from quarantine, to be processed as written by a person, or as this
    /// holder's request. A message that asks for several holders can be released for each in turn,
    /// once it was in quarantine. False if it can't be released.
    pub async fn release(&self, number: i64, holder: Option<u32>) -> Result<bool, Error> {
        const RELEASE: &str = "
            UPDATE message SET status = 'new', reason = NULL, mailbox = $2, decided_at = NULL,
                releases = releases + 1
            WHERE number = $1 AND (status = 'held' OR status = 'done' AND $2 IS NOT NULL
                AND releases > 0)";
        Ok(self.tables.run(RELEASE, params![number, holder]).await? > 0)
    }

    /// Puts a new message in quarantine; false if it is not new.
    pub async fn hold(
        &self,
        number: i64,
        reason: &str,
        mailbox: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const HOLD: &str = "
            UPDATE message SET status = 'held', reason = $2, mailbox = $3, decided_at = $4
            WHERE number = $1 AND status = 'new'";
        Ok(self.tables.run(HOLD, params![number, reason, mailbox, micros(now)]).await? > 0)
    }

    /// Has a statement, with the number of a message or letter in each row, any rows?
    pub(super) async fn any(
        &self,
        statement: &'static str,
        given: Vec<Param>,
    ) -> Result<bool, Error> {
        let found = self.tables.all(statement, given, |(number,): (i64,)| Ok(number));
        Ok(!found.await?.is_empty())
    }
}
