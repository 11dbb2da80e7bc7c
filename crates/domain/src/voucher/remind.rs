//! Reminders: who has a voucher, did not use it, and is to be told once more.
//!
//! A round is one difference of sets, claimed by one event before any letter is written: those who have an unused
//! voucher, less those to whom its code was handed over, or a reminder claimed, a short while ago, less those
//! who had as many as the plan allows. Invariants: a round is claimed once; nobody is in two rounds within
//! `remind-after-days`, nor in more than `remind-at-most` ever, a replaced code and an amended plan
//! notwithstanding. Deliberately absent: the letters.

use chrono::{DateTime, Days, NaiveDate, Utc};
use roaring::RoaringBitmap;

use super::{Light, VoucherCommand, VoucherStanding, Vouchers, decide::some};
use crate::programme::Rejection;
use crate::{Event, RemindRules, State, VoucherRemindersClaimed, VoucherRules, civil_date};

/// A round of reminders that was claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct ReminderRound {
    /// The instant it was due at.
    pub scheduled_for: DateTime<Utc>,
    /// The civil day on which it was claimed.
    pub on: NaiveDate,
    /// Whom it concerns.
    pub mailboxes: RoaringBitmap,
}

impl Vouchers {
    /// The rounds of reminders, in the order in which they were claimed. None ever changes or goes.
    pub fn reminders(&self) -> &[ReminderRound] {
        &self.reminders
    }

    /// How many reminders were claimed for one holder.
    pub fn reminders_of(&self, number: u32) -> usize {
        self.reminders.iter().filter(|round| round.mailboxes.contains(number)).count()
    }

    /// Claims a round for everyone who is due; nothing where there is nobody, where a later round was claimed
    /// already, and once vouchers can't be redeemed any more.
    pub(super) fn remind(
        &self,
        scheduled_for: DateTime<Utc>,
        rules: &VoucherRules,
        light: &Light<'_>,
    ) -> Result<Vec<Event>, Rejection> {
        let Some(remind) = &rules.remind else {
            return Rejection::because(
                "the plan's [vouchers] says nothing of reminders; amend it with remind first",
            );
        };
        let today = civil_date(light.now, light.plan.zone);
        let claimed = self.reminders.last().is_some_and(|last| last.scheduled_for >= scheduled_for);
        if claimed || is_over(rules, today) {
            return Ok(Vec::new());
        }
        let claim = |mailboxes| {
            Event::VoucherRemindersClaimed(VoucherRemindersClaimed { scheduled_for, mailboxes })
        };
        // By the day of the round: one that is claimed late reminds nobody who was not due at it.
        let on = civil_date(scheduled_for.min(light.now), light.plan.zone);
        let mut due = self.due(remind, on, light);
        let held = light.rights.holds().values().filter(|hold| hold.is_in_force_on(today));
        due -= held.map(|hold| hold.number).collect::<RoaringBitmap>();
        Ok(some(due).map(claim).into_iter().collect())
    }

    /// Who is due a reminder on a day, those on hold among them.
    fn due(&self, rules: &RemindRules, on: NaiveDate, light: &Light<'_>) -> RoaringBitmap {
        let mut due = self.valid() & &self.delivered;
        due -= light.rights.withdrawn();
        due -= light.forgotten;
        let least = Days::new(rules.after_days.into());
        let recent = |day: NaiveDate| day.checked_add_days(least).is_none_or(|day| on < day);
        for (_, handed) in self.handed.iter().rev().take_while(|(day, _)| recent(**day)) {
            due -= handed;
        }
        for round in self.reminders.iter().filter(|round| recent(round.on)) {
            due -= &round.mailboxes;
        }
        due - self.reminded(rules.at_most)
    }

    /// Who was in so many rounds or more.
    fn reminded(&self, times: u32) -> RoaringBitmap {
        let mut at_least: Vec<RoaringBitmap> =
            (0..times.max(1)).map(|_| RoaringBitmap::new()).collect();
        for round in &self.reminders {
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

fn is_over(rules: &VoucherRules, today: NaiveDate) -> bool {
    rules.redeem_by.is_some_and(|last| today > last)
}

/// The round of reminders that is due and was not claimed yet; `None` also while the programme is paused.
pub fn reminders_due(state: &State) -> Option<DateTime<Utc>> {
    let plan = state.plan().filter(|_| !state.programme.is_paused())?;
    plan.vouchers.as_ref()?.remind.as_ref()?;
    let due = state.programme.last_occurrence(&VoucherRules::reminding())?;
    let claimed = state.vouchers.reminders.last().map(|last| last.scheduled_for);
    claimed.is_none_or(|claimed| claimed < due).then_some(due)
}

/// The round that is due, and how many it would remind if it were claimed now; `None` where it is nobody.
pub fn reminders_waiting(state: &State, now: DateTime<Utc>) -> Option<(DateTime<Utc>, u64)> {
    let scheduled_for = reminders_due(state)?;
    let claim = state.decide_voucher(VoucherCommand::Remind { scheduled_for }, now).ok()?;
    let claimed = claim.iter().find_map(|event| {
        if let Event::VoucherRemindersClaimed(claimed) = event { Some(claimed) } else { None }
    });
    claimed.map(|claimed| (scheduled_for, claimed.mailboxes.len()))
}

/// Is a reminder that was claimed for this holder still true? Not once the voucher is used or ended, its code
/// was replaced and not handed over again, or the holder is gone, on hold, or forgotten.
pub fn reminder_holds(state: &State, number: u32, now: DateTime<Utc>) -> bool {
    let Some(plan) = state.plan() else { return false };
    let Some(rules) = &plan.vouchers else { return false };
    let today = civil_date(now, plan.zone);
    let held = state.rights.holds().values();
    let held = held.filter(|hold| hold.is_in_force_on(today)).any(|hold| hold.number == number);
    let vouchers = &state.vouchers;
    vouchers.standing(number) == VoucherStanding::Valid
        && vouchers.delivered.contains(number)
        && !is_over(rules, today)
        && !held
        && !state.rights.withdrawn().contains(number)
        && !state.erasure.ordered().contains(number)
}
