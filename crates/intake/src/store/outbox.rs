//! Letters on their way.
//!
//! Invariant: a letter is claimed, durably, before it leaves; of one whose claim has run out nobody knows whether
//! it left, and it is not sent again.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sql::{Given, Writing};
use uuid::Uuid;

use super::confirmations::{Asked, ask};
use super::letters::{LetterKind, NONE, New, Route, write};
use super::{Store, micros, number};
use crate::Error;
use crate::case::Decision;

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Taken,
    /// Not this time; again at this instant.
    Later(DateTime<Utc>),
    Failed,
    Doubtful,
    /// It did not leave, for it was not true any more.
    Moot,
}

/// A letter to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) number: i64,
    pub(crate) kind: LetterKind,
    pub(crate) message: i64,
    pub(crate) mailbox: Option<u32>,
    pub(crate) route: Route,
    pub(crate) why: Option<String>,
    pub(crate) attempts: i64,
}

type Row = (i64, String, i64, Option<i64>, String, Option<String>, i64);

fn waiting((id, kind, message, mailbox, route, why, attempts): Row) -> Result<Waiting, String> {
    Ok(Waiting {
        number: id,
        kind: LetterKind::read(&kind)?,
        message,
        mailbox: mailbox.map(number).transpose()?,
        route: Route::read(&route)?,
        why,
        attempts,
    })
}

/// Writes down what became of a letter that was claimed; false where nobody has it any more.
async fn settle(
    writing: &mut Writing<'_>,
    letter: i64,
    sent: Sent,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    const SENT: &str = "
        UPDATE letter SET standing = $2, due_at = $3, settled_at = $4
        WHERE number = $1 AND standing = 'claimed'";
    let (standing, due) = match sent {
        Sent::Taken => ("sent", now),
        Sent::Later(due) => ("waiting", due),
        Sent::Failed => ("failed", now),
        Sent::Doubtful => ("doubt", now),
        Sent::Moot => ("moot", now),
    };
    let given = vec![
        Given::Number(letter),
        Given::Text(standing.to_owned()),
        Given::Number(micros(due)),
        Given::Number(micros(now)),
    ];
    Ok(writing.run(SENT, given).await? > 0)
}

impl Store {
    /// Does what was decided about a message that was not looked at yet, with its letters, all or nothing.
    pub(crate) async fn decided(
        &self,
        message: i64,
        decision: &Decision,
        letters: Vec<New<'_>>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const DECIDE: &str = "
            UPDATE message SET standing = $2, reason = $3, mailbox = $4, decided_at = $5
            WHERE number = $1 AND standing = 'new'";
        let given = vec![
            Given::Number(message),
            Given::Text(decision.standing.code().to_owned()),
            Given::Text(decision.reason.to_owned()),
            Given::PerhapsNumber(decision.mailbox.map(i64::from)),
            Given::Number(micros(now)),
        ];
        let mut writing = self.tables.begin().await?;
        // Somebody else may have been faster, and then the letters are theirs.
        if writing.run(DECIDE, given).await? > 0 {
            for letter in letters {
                write(&mut writing, letter, now).await?;
            }
        }
        Ok(writing.commit().await?)
    }

    /// Was whoever wrote answered since, however their address was written?
    pub(crate) async fn answered(&self, sender: &str, since: DateTime<Utc>) -> Result<bool, Error> {
        const ANSWERED: &str = "
            SELECT letter.number FROM letter JOIN message ON message.number = letter.message
            WHERE lower(message.sender) = $1 AND letter.route = 'sender' AND letter.made_at > $2 LIMIT 1";
        let given = vec![Given::Text(sender.to_ascii_lowercase()), Given::Number(micros(since))];
        Ok(!self.tables.all(ANSWERED, given, |(number,): (i64,)| Ok(number)).await?.is_empty())
    }

    /// Was a letter written to this holder since, that may have arrived or will? Reminders and
    /// extracts do not count: they have nothing to do with who asks now.
    pub(crate) async fn told(&self, mailbox: u32, since: DateTime<Utc>) -> Result<bool, Error> {
        const TOLD: &str = "
            SELECT number FROM letter WHERE mailbox = $1 AND route <> 'sender' AND made_at > $2
            AND kind NOT IN ('reminder', 'extract') AND standing IN ('waiting', 'claimed', 'sent') LIMIT 1";
        let given = vec![Given::Number(mailbox.into()), Given::Number(micros(since))];
        Ok(!self.tables.all(TOLD, given, |(number,): (i64,)| Ok(number)).await?.is_empty())
    }

    /// Letters that are due, the oldest first.
    pub(crate) async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Waiting>, Error> {
        const DUE: &str = "
            SELECT number, kind, message, mailbox, route, why, attempts FROM letter
            WHERE standing = 'waiting' AND due_at <= $1 ORDER BY due_at, number LIMIT $2";
        let given = vec![Given::Number(micros(now)), Given::Number(limit.into())];
        Ok(self.tables.all(DUE, given, waiting).await?)
    }

    /// Takes a letter to be sent before an instant; false where somebody else took it. What it asks to be
    /// confirmed can be from now on.
    pub(crate) async fn claim(
        &self,
        letter: &Waiting,
        until: DateTime<Utc>,
        asked: Option<Asked>,
    ) -> Result<bool, Error> {
        const CLAIM: &str = "
            UPDATE letter SET standing = 'claimed', due_at = $2, route = $3, attempts = attempts + 1
            WHERE number = $1 AND standing = 'waiting'";
        let mut writing = self.tables.begin().await?;
        let route = Given::Text(letter.route.code().to_owned());
        let given = vec![Given::Number(letter.number), Given::Number(micros(until)), route];
        if writing.run(CLAIM, given).await? == 0 {
            return Ok(false);
        }
        if let (Some(asked), Some(mailbox)) = (asked, letter.mailbox) {
            ask(&mut writing, letter, mailbox, &asked).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// A letter with the link of an extract is to be sent to the holder of a mailbox, once the extract of this
    /// request lies ready. False where one waits already.
    pub async fn send_extract(
        &self,
        request: Uuid,
        mailbox: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const WAITS: &str = "
            SELECT number FROM letter
            WHERE mailbox = $1 AND why = $2 AND kind = 'extract' AND standing IN ('waiting', 'claimed')";
        let why = request.to_string();
        let given = vec![Given::Number(mailbox.into()), Given::Text(why.clone())];
        if !self.tables.all(WAITS, given, |(number,): (i64,)| Ok(number)).await?.is_empty() {
            return Ok(false);
        }
        let (kind, mailbox, route) = (LetterKind::Extract, Some(mailbox), Route::Notice);
        let letter = New { kind, message: NONE, mailbox, route, why: Some(&why) };
        let mut writing = self.tables.begin().await?;
        write(&mut writing, letter, now).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// A letter that waits is looked at no sooner than at an instant.
    pub(crate) async fn put_off(&self, letter: i64, until: DateTime<Utc>) -> Result<(), Error> {
        const PUT_OFF: &str =
            "UPDATE letter SET due_at = $2 WHERE number = $1 AND standing = 'waiting'";
        let given = vec![Given::Number(letter), Given::Number(micros(until))];
        self.change(PUT_OFF, given).await.map(|_| ())
    }

    /// Writes down what became of a letter that was claimed.
    pub(crate) async fn sent(
        &self,
        letter: i64,
        sent: Sent,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut writing = self.tables.begin().await?;
        settle(&mut writing, letter, sent, now).await?;
        Ok(writing.commit().await?)
    }

    /// A letter that was claimed is given up, and the message it belongs to waits in quarantine, so that an
    /// operator sees whose request does not go on.
    pub(crate) async fn given_up(
        &self,
        letter: &Waiting,
        (sent, reason): (Sent, &str),
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // Answers and reminders hold nobody's request up.
        const HOLD: &str = "
            UPDATE message SET standing = 'held', reason = $2, mailbox = $3, decided_at = $4
            WHERE number = $1 AND standing = 'done'";
        let mut writing = self.tables.begin().await?;
        let ours = settle(&mut writing, letter.number, sent, now).await?;
        if ours && matches!(letter.kind, LetterKind::Confirm | LetterKind::Granted) {
            let given = vec![
                Given::Number(letter.message),
                Given::Text(reason.to_owned()),
                Given::PerhapsNumber(letter.mailbox.map(i64::from)),
                Given::Number(micros(now)),
            ];
            writing.run(HOLD, given).await?;
        }
        Ok(writing.commit().await?)
    }

    /// Letters whose claim has run out, the oldest first.
    pub(crate) async fn overdue(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Waiting>, Error> {
        const OVERDUE: &str = "
            SELECT number, kind, message, mailbox, route, why, attempts FROM letter
            WHERE standing = 'claimed' AND due_at <= $1 ORDER BY due_at, number LIMIT $2";
        let given = vec![Given::Number(micros(now)), Given::Number(limit.into())];
        Ok(self.tables.all(OVERDUE, given, waiting).await?)
    }

    /// Whose codes are on their way by letter: waiting to leave, or leaving now. Whoever replaced one of these
    /// would make what arrives worth nothing.
    pub async fn letters_with_codes_wait(&self) -> Result<RoaringBitmap, Error> {
        const WAIT: &str = "
            SELECT mailbox FROM letter WHERE standing IN ('waiting', 'claimed')
            AND kind = 'granted' AND mailbox IS NOT NULL";
        let found = self.tables.all(WAIT, Vec::new(), |(mailbox,): (i64,)| number(mailbox)).await?;
        Ok(found.into_iter().collect())
    }

    /// A letter with the voucher itself says no instead.
    pub(crate) async fn turn_down(
        &self,
        letter: i64,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const REFUSE: &str = "
            UPDATE letter SET kind = 'refused', why = $2, standing = 'waiting', due_at = $3
            WHERE number = $1 AND standing = 'claimed'";
        let given =
            vec![Given::Number(letter), Given::Text(why.to_owned()), Given::Number(micros(now))];
        self.change(REFUSE, given).await.map(|_| ())
    }

    /// How many letters wait, and of how many nobody knows whether they left: counts that an index answers.
    pub async fn unsent(&self) -> Result<(u64, u64), Error> {
        const UNSENT: &str = "
            SELECT (SELECT count(*) FROM letter WHERE standing = 'waiting'),
                (SELECT count(*) FROM letter WHERE standing = 'doubt')";
        let read =
            |(waiting, doubt): (i64, i64)| Ok((waiting.unsigned_abs(), doubt.unsigned_abs()));
        Ok(self.tables.all(UNSENT, Vec::new(), read).await?.pop().unwrap_or_default())
    }

    /// How many letters there are, by kind and by what became of them.
    pub async fn letters(&self) -> Result<Vec<(String, String, u64)>, Error> {
        const LETTERS: &str = "
            SELECT kind, standing, count(*) FROM letter GROUP BY kind, standing ORDER BY kind, standing";
        let read = |(kind, standing, count): (String, String, i64)| {
            Ok((kind, standing, u64::try_from(count).map_err(|error| error.to_string())?))
        };
        Ok(self.tables.all(LETTERS, Vec::new(), read).await?)
    }
}
