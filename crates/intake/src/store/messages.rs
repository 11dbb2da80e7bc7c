//! Messages: kept as they came, each with how it stands.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sql::Given;

use super::{Store, instant, micros, number};
use crate::Error;
use crate::reading::digest;

/// A message to be kept.
pub struct Kept {
    /// Who sent it, by the envelope; `None` where that is not known.
    pub sender: Option<String>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A message that is kept. Its `Debug` form is its number.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// By what it is named.
    pub number: i64,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Who sent it, by the envelope; empty for a bounce.
    pub sender: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// Why, as a short code.
    pub reason: Option<String>,
    /// Whose request it is; of one that was not looked at yet, by an operator's word.
    pub mailbox: Option<u32>,
    /// Did an operator say that a person wrote it?
    pub released: bool,
}

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was not looked at yet.
    New,
    /// It waits in quarantine for an operator.
    Held,
    /// What was to be done about it is done, or in the outbox.
    Done,
    /// An operator turned it down.
    Refused,
}

impl Standing {
    /// As it is stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Held => "held",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    fn read(code: &str) -> Result<Self, String> {
        let all = [Self::New, Self::Held, Self::Done, Self::Refused];
        let found = all.into_iter().find(|standing| standing.code() == code);
        found.ok_or_else(|| "a message stands in no way that this program knows".to_owned())
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|_unknown| "write new, held, done or refused".to_owned())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {})", self.number, self.standing.code())
    }
}

type Row = (i64, i64, Option<String>, String, Option<String>, Option<i64>, i64);

fn message(row: Row) -> Result<Message, String> {
    let (id, received_at, sender, standing, reason, mailbox, asks) = row;
    Ok(Message {
        number: id,
        received_at: instant(received_at)?,
        sender,
        standing: Standing::read(&standing)?,
        reason,
        mailbox: mailbox.map(number).transpose()?,
        released: asks > 0,
    })
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT number, received_at, sender, standing, reason, mailbox, asks FROM message ",
            $which
        )
    };
}

impl Store {
    /// Keeps messages, all of them or none, so that a power cut takes none of them back. One that is here
    /// already is left as it is.
    pub async fn keep(&self, messages: &[Kept]) -> Result<(), Error> {
        // Of one that came twice there is one: that is what the conflict is for.
        const KEEP: &str = "
            INSERT INTO message (digest, received_at, sender, content, standing)
            VALUES ($1, $2, $3, $4, 'new') ON CONFLICT (digest) DO NOTHING";
        let mut writing = self.tables.begin().await?;
        for message in messages {
            let given = vec![
                Given::Bytes(digest(&message.content).to_vec()),
                Given::Number(micros(message.received_at)),
                // By whom it is known again, however a sender writes their own address.
                Given::Perhaps(message.sender.clone()),
                Given::Bytes(message.content.clone()),
            ];
            writing.run(KEEP, given).await?;
        }
        Ok(writing.commit().await?)
    }

    /// Keeps one message, and tells its number: that of the first, where it came before.
    pub async fn keep_one(&self, message: Kept) -> Result<i64, Error> {
        const NUMBER: &str = "SELECT number FROM message WHERE digest = $1";
        let digest = digest(&message.content).to_vec();
        self.keep(&[message]).await?;
        let read = |(number,): (i64,)| Ok(number);
        let found = self.tables.all(NUMBER, vec![Given::Bytes(digest)], read).await?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// Messages of a standing, the oldest first, from behind a number on.
    pub async fn messages(
        &self,
        standing: Standing,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        const PAGE: &str = select!("WHERE standing = $1 AND number > $2 ORDER BY number LIMIT $3");
        let given = vec![
            Given::Text(standing.code().to_owned()),
            Given::Number(after),
            Given::Number(limit.into()),
        ];
        Ok(self.tables.all(PAGE, given, message).await?)
    }

    /// One message; `None` where there is none of that number.
    pub async fn message(&self, number: i64) -> Result<Option<Message>, Error> {
        const ONE: &str = select!("WHERE number = $1");
        Ok(self.tables.all(ONE, vec![Given::Number(number)], message).await?.pop())
    }

    /// The bytes of a message.
    pub async fn content(&self, number: i64) -> Result<Option<Vec<u8>>, Error> {
        const ONE: &str = "SELECT content FROM message WHERE number = $1";
        let read = |(content,): (Vec<u8>,)| Ok(content);
        Ok(self.tables.all(ONE, vec![Given::Number(number)], read).await?.pop())
    }

    /// How many messages there are, by standing and reason.
    pub async fn counts(&self) -> Result<Vec<(Standing, Option<String>, u64)>, Error> {
        const COUNTS: &str = "
            SELECT standing, reason, count(*) FROM message GROUP BY standing, reason
            ORDER BY standing, reason";
        let read = |(standing, reason, count): (String, Option<String>, i64)| {
            let count = u64::try_from(count).map_err(|error| error.to_string())?;
            Ok((Standing::read(&standing)?, reason, count))
        };
        Ok(self.tables.all(COUNTS, Vec::new(), read).await?)
    }

    /// How many messages wait for an operator: a count that an index answers.
    pub async fn held(&self) -> Result<u64, Error> {
        const HELD: &str = "SELECT count(*) FROM message WHERE standing = 'held'";
        let read = |(count,): (i64,)| u64::try_from(count).map_err(|error| error.to_string());
        Ok(self.tables.all(HELD, Vec::new(), read).await?.pop().unwrap_or(0))
    }

    /// Turns a message down that waits in quarantine; false where none waits there.
    pub async fn refuse(
        &self,
        number: i64,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const REFUSE: &str = "
            UPDATE message SET standing = 'refused', reason = $2, decided_at = $3
            WHERE number = $1 AND standing = 'held'";
        let given =
            vec![Given::Number(number), Given::Text(reason.to_owned()), Given::Number(micros(now))];
        self.change(REFUSE, given).await
    }

    /// Has a message in quarantine looked at again, as one that a person wrote, or as the request of this holder,
    /// whatever it says. One message may ask for several: it can be released for another holder once it was looked
    /// at for one. False where there is none to be released.
    pub async fn release(&self, number: i64, holder: Option<u32>) -> Result<bool, Error> {
        const RELEASE: &str = "
            UPDATE message SET standing = 'new', reason = NULL, mailbox = $2, decided_at = NULL,
                asks = asks + 1
            WHERE number = $1 AND (standing = 'held' OR standing = 'done' AND $2 IS NOT NULL)";
        let given = vec![Given::Number(number), Given::PerhapsNumber(holder.map(i64::from))];
        self.change(RELEASE, given).await
    }

    /// Puts a message that was not looked at yet into quarantine, with its reason; false where it was.
    pub async fn hold(
        &self,
        number: i64,
        reason: &str,
        mailbox: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const HOLD: &str = "
            UPDATE message SET standing = 'held', reason = $2, mailbox = $3, decided_at = $4
            WHERE number = $1 AND standing = 'new'";
        let given = vec![
            Given::Number(number),
            Given::Text(reason.to_owned()),
            Given::PerhapsNumber(mailbox.map(i64::from)),
            Given::Number(micros(now)),
        ];
        self.change(HOLD, given).await
    }

    pub(super) async fn change(
        &self,
        statement: &'static str,
        given: Vec<Given>,
    ) -> Result<bool, Error> {
        let mut writing = self.tables.begin().await?;
        let changed = writing.run(statement, given).await?;
        writing.commit().await?;
        Ok(changed > 0)
    }
}
