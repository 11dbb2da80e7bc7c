//! Reminders: a round that is due is claimed in the log, then its letters are written, some at a time.
//!
//! Invariants: nothing is claimed that could not be sent now, so that who has no relay reminds nobody and says of
//! nobody that they were; answers to who writes wait behind a handful of reminders at most. Deliberately absent:
//! who is due, which is the domain's.

use chrono::{DateTime, Utc};
use domain::{Capability, State, reminders_due};
use eventstore::Origin;
use vouchers::Office;

use super::Desk;
use crate::Error;
use crate::store::{Place, Route, Store};

/// Letters that are written at a time.
const HANDFUL: usize = 200;
/// While so many wait to be sent, no more are written.
const ENOUGH: u32 = 50;

/// Claims a round of reminders for everyone who is due; tells how many. Their letters are the desk's to write.
pub async fn claim_reminders(
    store: &Store,
    office: &Office,
    scheduled_for: DateTime<Utc>,
    origin: &Origin,
) -> Result<u64, Error> {
    // Before the claim, which would be passed over otherwise.
    let claimed = office.journal().known().await?.state().vouchers.reminders().len();
    store.reminding(claimed).await?;
    Ok(office.remind(scheduled_for, origin).await?)
}

impl Desk {
    /// Claims what is due and writes letters; how many were claimed or written.
    pub(super) async fn remind(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let (due, rounds, paused) = {
            let known = self.office.journal().known().await?;
            let state = known.state();
            let rounds = state.vouchers.reminders().len();
            (reminders_due(state), rounds, state.programme.is_paused())
        };
        let due = due.filter(|due| self.nobody_due != Some(*due));
        let Some(post) = self.settings.post.clone().filter(|_| self.settings.from.is_some()) else {
            if let Some(due) = due {
                tracing::warn!("reminders of {due} wait: no mail relay is configured");
                self.nobody_due = Some(due);
            }
            return Ok(0);
        };
        let done = self.reminded.is_some_and(|round| round >= rounds);
        if paused || (due.is_none() && done) || post.ready().await.is_err() {
            return Ok(0);
        }
        let mut progress = 0;
        if let Some(due) = due {
            let many = claim_reminders(&self.store, &self.office, due, &self.origin).await?;
            if many == 0 {
                self.nobody_due = Some(due);
            } else {
                tracing::info!(reminders = many, round = %due, "a round of reminders was claimed");
            }
            progress += many;
        }
        Ok(progress + self.write_reminders(now).await?)
    }

    async fn write_reminders(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        if self.store.reminders_wait(ENOUGH, now).await? {
            return Ok(0);
        }
        let claimed = self.office.journal().known().await?.state().vouchers.reminders().len();
        let from = self.store.reminding(claimed).await?;
        let (to, place) = {
            let known = self.office.journal().known().await?;
            next(known.state(), from, now)
        };
        self.reminded = Some(place.round);
        if place == from {
            return Ok(0);
        }
        let many = u64::try_from(to.len()).unwrap_or(u64::MAX);
        // Where another desk was faster, the next pass looks where it stands.
        let ours = self.store.remind(&to, (from, place), now).await?;
        self.reminded = self.reminded.filter(|_| ours);
        Ok(many.max(1))
    }
}

/// Who gets the next letters, and the place after them.
fn next(state: &State, from: Place, now: DateTime<Utc>) -> (Vec<(u32, Route)>, Place) {
    let Some(round) = state.vouchers.reminders().get(from.round) else {
        return (Vec::new(), from);
    };
    let first = from.after.map_or(0, |after| after.saturating_add(1));
    let these: Vec<u32> = round.mailboxes.range(first..).take(HANDFUL).collect();
    let place = match these.last() {
        Some(last) if these.len() == HANDFUL => Place { after: Some(*last), ..from },
        Some(_) | None => Place { round: from.round.saturating_add(1), after: None },
    };
    (these.into_iter().map(|number| (number, route(state, number, now))).collect(), place)
}

/// Which address on record a holder reads: the mailbox that is closing while it receives and can be opened, the
/// address for notices after that.
pub(super) fn route(state: &State, number: u32, now: DateTime<Utc>) -> Route {
    if receives(state, number, now) { Route::Mailbox } else { Route::Notice }
}

/// Does the mailbox itself receive now, and can it be read?
pub(super) fn receives(state: &State, number: u32, now: DateTime<Utc>) -> bool {
    let allowed = state.plan().map(|plan| plan.allowed_at(now)).unwrap_or_default();
    allowed.contains(Capability::Receive)
        && allowed.contains(Capability::Access)
        && state.rights.activated().contains(number)
        && !state.rights.withdrawn().contains(number)
}
