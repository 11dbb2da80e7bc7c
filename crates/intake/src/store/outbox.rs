//! The outbox: letters that are due, claimed, sent or failed.
//!
//! Invariant: a letter is claimed durably before it is sent; one whose claim expires is in doubt
//! and not sent again.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sql::params;
use uuid::Uuid;

use super::confirmations::{self, Confirmation};
use super::letters::{LetterKind, NONE, NewLetter, Route, write};
use super::{Store, micros, number};
use crate::Error;
use crate::case::Decision;

/// The outcome of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterOutcome {
    Sent,
    /// Not sent; retry at this instant.
    Retry(DateTime<Utc>),
    /// It failed permanently, with the reason as a short code.
    Failed(&'static str),
    InDoubt,
    /// Not sent: its content no longer applied.
    Obsolete,
}

/// A letter in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueLetter {
    pub(crate) number: i64,
    pub(crate) kind: LetterKind,
    pub(crate) message: i64,
    pub(crate) mailbox: Option<u32>,
    pub(crate) route: Route,
    pub(crate) why: Option<String>,
    pub(crate) attempts: i64,
}

type Row = (i64, String, i64, Option<i64>, String, Option<String>, i64);

fn due_letter(
    (id, kind, message, mailbox, route, why, attempts): Row,
) -> Result<DueLetter, String> {
    Ok(DueLetter {
        number: id,
        kind: LetterKind::read(&kind)?,
        message,
        mailbox: mailbox.map(number).transpose()?,
        route: Route::read(&route)?,
        why,
        attempts,
    })
}

impl Store {
    /// Applies the decision about a new message and queues its letters, in one transaction.
    pub(crate) async fn apply_decision(
        &self,
        message: i64,
        decision: &Decision,
        letters: Vec<NewLetter<'_>>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const DECIDE: &str = "
            UPDATE message SET status = $2, reason = $3, mailbox = $4, decided_at = $5
            WHERE number = $1 AND status = 'new'";
        let Decision { status, reason, mailbox, .. } = *decision;
        let given = params![message, status.code(), reason, mailbox, micros(now)];
        let mut writing = self.tables.begin().await?;
        // On a conflict with another process, that one has queued the letters.
        if writing.run(DECIDE, given).await? > 0 {
            for letter in letters {
                write(&mut writing, letter, now).await?;
            }
        }
        Ok(writing.commit().await?)
    }

    /// Has this sender had a reply since? Case is ignored.
    pub(crate) async fn replied_since(
        &self,
        sender: &str,
        since: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const REPLIED: &str = "
            SELECT letter.number FROM letter JOIN message ON message.number = letter.message
            WHERE lower(message.sender) = $1 AND letter.route = 'sender' AND letter.created_at > \
            $2 LIMIT 1";
        self.any(REPLIED, params![sender.to_ascii_lowercase(), micros(since)]).await
    }

    /// Has a letter to this holder been queued since that may arrive? Reminders and exports don't
    /// count: they are not about a request.
    pub(crate) async fn notified_since(
        &self,
        mailbox: u32,
        since: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const NOTIFIED: &str = "
            SELECT number FROM letter WHERE mailbox = $1 AND route <> 'sender' AND created_at > $2
            AND kind NOT IN ('reminder', 'export') AND status IN ('waiting', 'claimed', 'sent') \
            LIMIT 1";
        self.any(NOTIFIED, params![mailbox, micros(since)]).await
    }

    /// Letters that are due, oldest first.
    pub(crate) async fn due(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueLetter>, Error> {
        self.of_status("waiting", now, limit).await
    }

    async fn of_status(
        &self,
        status: &str,
        due: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueLetter>, Error> {
        const DUE: &str = "
            SELECT number, kind, message, mailbox, route, why, attempts FROM letter
            WHERE status = $1 AND due_at <= $2 ORDER BY due_at, number LIMIT $3";
        Ok(self.tables.all(DUE, params![status, micros(due), limit], due_letter).await?)
    }

    /// Claims a letter until an instant; false on a conflict with another process. Its link is
    /// valid from now on.
    pub(crate) async fn claim(
        &self,
        letter: &DueLetter,
        until: DateTime<Utc>,
        confirmation: Option<Confirmation>,
    ) -> Result<bool, Error> {
        const CLAIM: &str = "
            UPDATE letter SET status = 'claimed', due_at = $2, route = $3, attempts = attempts + 1
            WHERE number = $1 AND status = 'waiting'";
        let mut writing = self.tables.begin().await?;
        let given = params![letter.number, micros(until), letter.route.code()];
        if writing.run(CLAIM, given).await? == 0 {
            return Ok(false);
        }
        if let (Some(confirmation), Some(mailbox)) = (confirmation, letter.mailbox) {
            confirmations::insert(&mut writing, letter, mailbox, &confirmation).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// Queues a letter with the link of a message-log export, to be sent once the export is ready.
    /// False if one is queued already.
    pub async fn queue_export(
        &self,
        request: Uuid,
        mailbox: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const WAITS: &str = "
            SELECT number FROM letter
            WHERE mailbox = $1 AND why = $2 AND kind = 'export' AND status IN ('waiting', \
            'claimed')";
        let why = request.to_string();
        if self.any(WAITS, params![mailbox, why.as_str()]).await? {
            return Ok(false);
        }
        let (kind, mailbox, route) = (LetterKind::Export, Some(mailbox), Route::Notice);
        let letter = NewLetter { kind, message: NONE, mailbox, route, why: Some(&why) };
        let mut writing = self.tables.begin().await?;
        write(&mut writing, letter, now).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Postpones a waiting letter.
    pub(crate) async fn postpone(&self, letter: i64, until: DateTime<Utc>) -> Result<(), Error> {
        const POSTPONE: &str =
            "UPDATE letter SET due_at = $2 WHERE number = $1 AND status = 'waiting'";
        self.tables.run(POSTPONE, params![letter, micros(until)]).await?;
        Ok(())
    }

    /// Records the outcome of a claimed letter. If it failed or is in doubt, its message goes to
    /// quarantine for an operator.
    pub(crate) async fn settle(
        &self,
        letter: &DueLetter,
        outcome: LetterOutcome,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SETTLE: &str = "
            UPDATE letter SET status = $2, due_at = $3, settled_at = $4
            WHERE number = $1 AND status = 'claimed'";
        const HOLD: &str = "
            UPDATE message SET status = 'held', reason = $2, mailbox = $3, decided_at = $4
            WHERE number = $1 AND status = 'done'";
        let (status, due, problem) = match outcome {
            LetterOutcome::Sent => ("sent", now, None),
            LetterOutcome::Retry(due) => ("waiting", due, None),
            LetterOutcome::Failed(reason) => ("failed", now, Some(reason)),
            LetterOutcome::InDoubt => ("in-doubt", now, Some("letter-in-doubt")),
            LetterOutcome::Obsolete => ("obsolete", now, None),
        };
        let mut writing = self.tables.begin().await?;
        let given = params![letter.number, status, micros(due), micros(now)];
        let settled = writing.run(SETTLE, given).await? > 0;
        // A lost reply or reminder blocks no request.
        let blocks = settled && matches!(letter.kind, LetterKind::Confirm | LetterKind::Granted);
        if let Some(reason) = problem.filter(|_| blocks) {
            let given = params![letter.message, reason, letter.mailbox, micros(now)];
            writing.run(HOLD, given).await?;
        }
        Ok(writing.commit().await?)
    }

    /// Letters with an expired claim, oldest first.
    pub(crate) async fn expired_claims(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueLetter>, Error> {
        self.of_status("claimed", now, limit).await
    }

    /// Mailboxes whose code is queued or being sent. Reissuing one of these would invalidate the
    /// code in the letter.
    pub async fn codes_in_delivery(&self) -> Result<RoaringBitmap, Error> {
        const WAIT: &str = "
            SELECT mailbox FROM letter WHERE status IN ('waiting', 'claimed')
            AND kind = 'granted' AND mailbox IS NOT NULL";
        let found = self.tables.all(WAIT, Vec::new(), |(mailbox,): (i64,)| number(mailbox)).await?;
        Ok(found.into_iter().collect())
    }

    /// Turns a claimed letter with a voucher into a refusal.
    pub(crate) async fn refuse_letter(
        &self,
        letter: i64,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const REFUSE: &str = "
            UPDATE letter SET kind = 'refused', why = $2, status = 'waiting', due_at = $3
            WHERE number = $1 AND status = 'claimed'";
        self.tables.run(REFUSE, params![letter, why, micros(now)]).await?;
        Ok(())
    }

    /// The numbers of waiting letters and of letters in doubt; index-only counts.
    pub async fn backlog(&self) -> Result<(u64, u64), Error> {
        const BACKLOG: &str = "
            SELECT (SELECT count(*) FROM letter WHERE status = 'waiting'),
                (SELECT count(*) FROM letter WHERE status = 'in-doubt')";
        let read =
            |(waiting, doubt): (i64, i64)| Ok((waiting.unsigned_abs(), doubt.unsigned_abs()));
        Ok(self.tables.all(BACKLOG, Vec::new(), read).await?.pop().unwrap_or_default())
    }

    /// The number of letters by kind and status.
    pub async fn letter_counts(&self) -> Result<Vec<(String, String, u64)>, Error> {
        const LETTERS: &str = "
            SELECT kind, status, count(*) FROM letter GROUP BY kind, status ORDER BY kind, status";
        let read = |(kind, status, count): (String, String, i64)| {
            Ok((kind, status, u64::try_from(count).map_err(|error| error.to_string())?))
        };
        Ok(self.tables.all(LETTERS, Vec::new(), read).await?)
    }
}
