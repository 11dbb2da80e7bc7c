//! The cursor up to which letters of reminders are queued.
//!
//! A round of reminders is claimed in the log; its letters are queued here in batches, each in one
//! transaction with the cursor. Invariant: one letter is queued for each mailbox of a round,
//! whatever crashes; and none for a round that was claimed before this store was created, because
//! its letters may have been sent.

use chrono::{DateTime, Utc};
use sql::{Param, params};

use super::letters::{self, LetterKind, NewLetter, Route};
use super::{Store, micros};
use crate::Error;

/// Letters are queued up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReminderCursor {
    /// The index of the current round: the number of complete ones.
    pub(crate) round: usize,
    /// The last mailbox of it whose letter is queued.
    pub(crate) after: Option<u32>,
}

impl ReminderCursor {
    fn parameters(self) -> [Param; 2] {
        let round = i64::try_from(self.round).unwrap_or(i64::MAX);
        [Param::Number(round), Param::Number(self.after.map_or(-1, i64::from))]
    }
}

impl Store {
    /// The cursor; created after the rounds claimed so far if there is none.
    pub(crate) async fn reminder_cursor(&self, claimed: usize) -> Result<ReminderCursor, Error> {
        const CREATE: &str = "
            INSERT INTO reminder_cursor (one, round, after) VALUES (1, $1, $2)
            ON CONFLICT (one) DO NOTHING";
        const READ: &str = "SELECT round, after FROM reminder_cursor";
        let read = |(round, after): (i64, i64)| {
            let round =
                usize::try_from(round).map_err(|_range| format!("{round} is not a round"))?;
            Ok(ReminderCursor { round, after: u32::try_from(after).ok() })
        };
        let found = self.tables.all(READ, Vec::new(), read).await?;
        if let Some(cursor) = found.into_iter().next() {
            return Ok(cursor);
        }
        let cursor = ReminderCursor { round: claimed, after: None };
        self.tables.run(CREATE, cursor.parameters().into()).await?;
        let found = self.tables.all(READ, Vec::new(), read).await?;
        Ok(found.into_iter().next().unwrap_or(cursor))
    }

    /// Queues reminders and moves the cursor in one transaction; false on a conflict with another
    /// process.
    pub(crate) async fn insert_reminders(
        &self,
        to: &[(u32, Route)],
        (from, cursor): (ReminderCursor, ReminderCursor),
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const MOVE: &str = "
            UPDATE reminder_cursor SET round = $1, after = $2
            WHERE one = 1 AND round = $3 AND after = $4";
        let mut writing = self.tables.begin().await?;
        let given = cursor.parameters().into_iter().chain(from.parameters()).collect();
        if writing.run(MOVE, given).await? == 0 {
            return Ok(false);
        }
        for (mailbox, route) in to {
            let (kind, mailbox, route) = (LetterKind::Reminder, Some(*mailbox), *route);
            let letter = NewLetter { kind, message: letters::NONE, mailbox, route, why: None };
            letters::write(&mut writing, letter, now).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// Are at least this many reminders due?
    pub(crate) async fn reminder_backlog(
        &self,
        many: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const WAIT: &str = "
            SELECT number FROM letter
            WHERE status = 'waiting' AND due_at <= $1 AND kind = 'reminder' LIMIT $2";
        let read = |(number,): (i64,)| Ok(number);
        let found = self.tables.all(WAIT, params![micros(now), many], read).await?;
        Ok(found.len() >= usize::try_from(many).unwrap_or(usize::MAX))
    }
}
