//! Reminders: a due round is claimed in the log, then its letters are queued in batches.
//!
//! Invariants: a round is claimed only while the relay is available, so that no reminder is
//! recorded that can't be sent; replies wait behind a bounded number of reminders. Deliberately
//! absent: who is reminded, which the domain decides.

use chrono::{DateTime, Utc};
use domain::{Capability, State, reminders_due};
use eventstore::Origin;
use vouchers::Vouchers;

use super::RequestProcessor;
use crate::Error;
use crate::store::{ReminderCursor, Route, Store};

/// Letters queued at a time.
const BATCH: usize = 200;
/// No more are queued while this many wait.
const LARGEST_BACKLOG: u32 = 50;

/// Claims a round of reminders for every eligible holder and returns their number. The processor
/// queues the letters.
pub async fn claim_reminders(
    store: &Store,
    vouchers: &Vouchers,
    scheduled_for: DateTime<Utc>,
    origin: &Origin,
) -> Result<u64, Error> {
    // The cursor starts after the rounds claimed so far: it must exist before this claim.
    let claimed = vouchers.journal.state().await?.vouchers.reminders.len();
    store.reminder_cursor(claimed).await?;
    Ok(vouchers.remind(scheduled_for, origin).await?)
}

impl RequestProcessor {
    /// Claims a due round and queues letters; returns how many were claimed or queued.
    pub(super) async fn queue_reminders(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let (due, rounds, paused) = {
            let snapshot = self.vouchers.journal.state().await?;
            let state = &*snapshot;
            let rounds = state.vouchers.reminders.len();
            (reminders_due(state), rounds, state.programme.paused)
        };
        let due = due.filter(|due| self.skipped_round != Some(*due));
        let Some(relay) = self.settings.relay.clone().filter(|_| self.settings.from.is_some())
        else {
            if let Some(due) = due {
                tracing::warn!(round = %due, "reminders not claimed: no mail relay configured");
                self.skipped_round = Some(due);
            }
            return Ok(0);
        };
        let done = self.rounds_queued.is_some_and(|round| round >= rounds);
        if paused || (due.is_none() && done) || relay.ready().await.is_err() {
            return Ok(0);
        }
        let mut progress = 0;
        if let Some(due) = due {
            let many = claim_reminders(&self.store, &self.vouchers, due, &self.origin).await?;
            if many == 0 {
                self.skipped_round = Some(due);
            } else {
                tracing::info!(reminders = many, round = %due, "reminders claimed");
            }
            progress += many;
        }
        Ok(progress + self.queue_letters(now).await?)
    }

    async fn queue_letters(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        if self.store.reminder_backlog(LARGEST_BACKLOG, now).await? {
            return Ok(0);
        }
        let claimed = self.vouchers.journal.state().await?.vouchers.reminders.len();
        let from = self.store.reminder_cursor(claimed).await?;
        let (to, cursor) = {
            let snapshot = self.vouchers.journal.state().await?;
            next(&snapshot, from, now)
        };
        self.rounds_queued = Some(cursor.round);
        if cursor == from {
            return Ok(0);
        }
        let many = u64::try_from(to.len()).unwrap_or(u64::MAX);
        // On a conflict with another process, the next pass reads the cursor again.
        let ours = self.store.insert_reminders(&to, (from, cursor), now).await?;
        self.rounds_queued = self.rounds_queued.filter(|_| ours);
        Ok(many.max(1))
    }
}

/// The recipients of the next letters, and the cursor after them.
fn next(
    state: &State,
    from: ReminderCursor,
    now: DateTime<Utc>,
) -> (Vec<(u32, Route)>, ReminderCursor) {
    let Some(round) = state.vouchers.reminders.get(from.round) else {
        return (Vec::new(), from);
    };
    let first = from.after.map_or(0, |after| after.saturating_add(1));
    let these: Vec<u32> = round.mailboxes.range(first..).take(BATCH).collect();
    let cursor = match these.last() {
        Some(last) if these.len() == BATCH => ReminderCursor { after: Some(*last), ..from },
        Some(_) | None => ReminderCursor { round: from.round.saturating_add(1), after: None },
    };
    (these.into_iter().map(|number| (number, route(state, number, now))).collect(), cursor)
}

/// The registered address that a holder reads: the mailbox while it receives and can be opened, the
/// address for notices after that.
pub(super) fn route(state: &State, number: u32, now: DateTime<Utc>) -> Route {
    if receives(state, number, now) { Route::Mailbox } else { Route::Notice }
}

/// Does the mailbox receive now, and can its holder read it?
pub(super) fn receives(state: &State, number: u32, now: DateTime<Utc>) -> bool {
    let allowed = state.plan().map(|plan| plan.allowed_at(now)).unwrap_or_default();
    allowed.contains(Capability::Receive)
        && allowed.contains(Capability::Access)
        && state.rights.activated.contains(number)
        && !state.rights.withdrawn.contains(number)
}
