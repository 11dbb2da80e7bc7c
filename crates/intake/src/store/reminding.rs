//! Up to whom the letters of reminders are written.
//!
//! A round of reminders is claimed in the log; its letters are written here, some at a time, in one transaction with
//! the place up to which that was done. Invariant: for each mailbox of a round one letter is written, whatever
//! crashes, and none for a round that was claimed before this store was made: of those nobody knows whether they
//! left.

use chrono::{DateTime, Utc};
use sql::Given;

use super::letters::{self, LetterKind, New, Route};
use super::{Store, micros};
use crate::Error;

/// A place in the rounds: letters are written up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// How many rounds are done, which is the index of the one that is under way.
    pub(crate) round: usize,
    /// The last mailbox of that one whose letter is written.
    pub(crate) after: Option<u32>,
}

impl Place {
    fn given(self) -> [Given; 2] {
        let round = i64::try_from(self.round).unwrap_or(i64::MAX);
        [Given::Number(round), Given::Number(self.after.map_or(-1, i64::from))]
    }
}

impl Store {
    /// The place; where there is none yet, the rounds claimed so far are passed over.
    pub(crate) async fn reminding(&self, claimed: usize) -> Result<Place, Error> {
        const BEGIN: &str = "
            INSERT INTO reminding (one, round, after) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING";
        const PLACE: &str = "SELECT round, after FROM reminding";
        let read = |(round, after): (i64, i64)| {
            let round = usize::try_from(round).map_err(|_range| format!("{round} is no round"))?;
            Ok(Place { round, after: u32::try_from(after).ok() })
        };
        let found = self.tables.all(PLACE, Vec::new(), read).await?;
        if let Some(place) = found.into_iter().next() {
            return Ok(place);
        }
        let place = Place { round: claimed, after: None };
        let mut writing = self.tables.begin().await?;
        writing.run(BEGIN, place.given().into()).await?;
        writing.commit().await?;
        let found = self.tables.all(PLACE, Vec::new(), read).await?;
        Ok(found.into_iter().next().unwrap_or(place))
    }

    /// Writes the letters of reminders to these and moves the place on, all or nothing; false where somebody else
    /// has moved it.
    pub(crate) async fn remind(
        &self,
        to: &[(u32, Route)],
        (from, place): (Place, Place),
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const MOVE: &str = "
            UPDATE reminding SET round = $1, after = $2 WHERE one = 1 AND round = $3 AND after = $4";
        let mut writing = self.tables.begin().await?;
        let given = place.given().into_iter().chain(from.given()).collect();
        if writing.run(MOVE, given).await? == 0 {
            return Ok(false);
        }
        for (mailbox, route) in to {
            let (kind, mailbox, route) = (LetterKind::Reminder, Some(*mailbox), *route);
            let letter = New { kind, message: letters::NONE, mailbox, route, why: None };
            letters::write(&mut writing, letter, now).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// Do so many reminders wait to be sent now?
    pub(crate) async fn reminders_wait(
        &self,
        many: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const WAIT: &str = "
            SELECT number FROM letter
            WHERE standing = 'waiting' AND due_at <= $1 AND kind = 'reminder' LIMIT $2";
        let given = vec![Given::Number(micros(now)), Given::Number(many.into())];
        let found = self.tables.all(WAIT, given, |(number,): (i64,)| Ok(number)).await?;
        Ok(found.len() >= usize::try_from(many).unwrap_or(usize::MAX))
    }
}
