//! Reminders to holders of unredeemed vouchers.
//!
//! A round is one difference of sets, claimed by one event before any letter is written: valid
//! vouchers, minus those delivered or reminded recently, minus those with as many reminders as the
//! plan allows. Invariants: a round is claimed once; no holder is in two rounds within
//! `remind-after-days`, nor in more than `remind-at-most` rounds ever, even after a reissue or an
//! amendment. Deliberately absent: letters.

use chrono::{DateTime, Days, NaiveDate, Utc};
use roaring::RoaringBitmap;

use super::VoucherCommand;
use super::decide::{Case, Decided, some};
use crate::{
    Event, Rejection, RemindRules, State, VoucherRemindersClaimed, VoucherRules, VoucherStanding,
    civil_date,
};

impl Case<'_> {
    /// Claims a round. No event if nobody is due, a later round was claimed already, or vouchers
    /// can no longer be redeemed.
    pub(super) fn remind(&self, scheduled_for: DateTime<Utc>) -> Decided {
        let Some(remind) = &self.rules.remind else {
            return Rejection::because(
                "the plan's section [vouchers] has no reminders; amend the plan with the key \
                 `remind` first",
            );
        };
        let last = self.vouchers.reminders.last();
        let claimed = last.is_some_and(|last| last.scheduled_for >= scheduled_for);
        if claimed || self.in_time().is_err() {
            return Ok(Vec::new());
        }
        let claim = |mailboxes| {
            Event::VoucherRemindersClaimed(VoucherRemindersClaimed { scheduled_for, mailboxes })
        };
        // The day of the round counts: a late claim reminds nobody who was not due then.
        let on = civil_date(scheduled_for.min(self.now), self.plan.zone);
        let due = self.due(remind, on) - self.state.rights.under_hold(self.now, self.plan.zone);
        Ok(some(due).map(claim).into_iter().collect())
    }

    /// Mailboxes that are due a reminder on a day, before holds are considered.
    fn due(&self, rules: &RemindRules, on: NaiveDate) -> RoaringBitmap {
        let vouchers = self.vouchers;
        let mut due = vouchers.valid() & &vouchers.delivered;
        due -= &self.state.rights.withdrawn;
        due -= &self.state.erasure.ordered;
        let least = Days::new(rules.after_days.into());
        let recent = |day: NaiveDate| day.checked_add_days(least).is_none_or(|day| on < day);
        for delivered in vouchers.delivered_while(recent) {
            due -= delivered;
        }
        for round in vouchers.reminders.iter().filter(|round| recent(round.on)) {
            due -= &round.mailboxes;
        }
        due - self.reminded(rules.at_most)
    }

    /// Mailboxes that were in at least this many rounds.
    fn reminded(&self, times: u32) -> RoaringBitmap {
        let mut at_least: Vec<RoaringBitmap> =
            (0..times.max(1)).map(|_| RoaringBitmap::new()).collect();
        for round in &self.vouchers.reminders {
            let mut again = round.mailboxes.clone();
            for level in &mut at_least {
                let before = &again & &*level;
                *level |= again;
                again = before;
            }
        }
        at_least.pop().unwrap_or_default()
    }
}

/// The due, unclaimed round of reminders; `None` while the programme is paused.
pub fn reminders_due(state: &State) -> Option<DateTime<Utc>> {
    let plan = state.plan().filter(|_| !state.programme.paused)?;
    plan.vouchers.as_ref()?.remind.as_ref()?;
    let due = state.programme.last_occurrence(&VoucherRules::reminders_name())?;
    let claimed = state.vouchers.reminders.last().map(|last| last.scheduled_for);
    claimed.is_none_or(|claimed| claimed < due).then_some(due)
}

/// The due round and the number of holders it would remind now; `None` if it would remind nobody.
pub fn reminders_waiting(state: &State, now: DateTime<Utc>) -> Option<(DateTime<Utc>, u64)> {
    let scheduled_for = reminders_due(state)?;
    let claim = state.decide_voucher(VoucherCommand::Remind { scheduled_for }, now).ok()?;
    let claimed = claim.iter().find_map(|event| {
        if let Event::VoucherRemindersClaimed(claimed) = event { Some(claimed) } else { None }
    });
    claimed.map(|claimed| (scheduled_for, claimed.mailboxes.len()))
}

/// Is a claimed reminder still valid for this holder? Not once the voucher is redeemed or has
/// ended, its code was reissued but not delivered, or the mailbox is withdrawn, held or erased.
pub fn reminder_holds(state: &State, number: u32, now: DateTime<Utc>) -> bool {
    let Some(plan) = state.plan() else { return false };
    let Some(rules) = &plan.vouchers else { return false };
    let vouchers = &state.vouchers;
    vouchers.standing(number) == VoucherStanding::Valid
        && vouchers.delivered.contains(number)
        && Case::new(state, plan, rules, now).in_time().is_ok()
        && !state.rights.under_hold(now, plan.zone).contains(number)
        && !state.rights.withdrawn.contains(number)
        && !state.erasure.ordered.contains(number)
}
