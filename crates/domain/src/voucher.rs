//! The vouchers: who asked, who was granted one, and what became of it.
//!
//! Invariants: a holder is granted one voucher, ever, and it is valid, redeemed, expired or revoked, and
//! only one of these; no more are granted than the plan allows. They hold where each event is appended to
//! the one stream of the programme's vouchers at the version it was decided at. Deliberately absent:
//! codes and names; who asked for the mailbox when is handed in.

mod code;
mod decide;
mod parts;
mod remind;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{Eligible, Event, Lifecycle, Plan, ProviderId, State, VoucherRules, civil_date};

pub use code::{InvalidCode, VoucherCode};
pub(crate) use decide::Light;
pub use decide::VoucherCommand;
pub(crate) use parts::VouchersRest;
pub use remind::{ReminderRound, reminder_holds, reminders_due, reminders_waiting};

/// The vouchers of a programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vouchers {
    /// Asked for, and neither granted nor refused yet.
    pub(crate) requested: RoaringBitmap,
    /// Those of them of whom it is sure who asked.
    pub(crate) verified: RoaringBitmap,
    /// Whose last request was refused.
    pub(crate) refused: RoaringBitmap,
    /// Everyone who was ever granted one.
    pub(crate) issued: RoaringBitmap,
    /// Whose present code was handed over.
    pub(crate) delivered: RoaringBitmap,
    pub(crate) expired: RoaringBitmap,
    pub(crate) revoked: RoaringBitmap,
    /// By whom, and on which civil day.
    pub(crate) redeemed: BTreeMap<(ProviderId, NaiveDate), RoaringBitmap>,
    /// By anyone, on any day: what is asked of each voucher.
    pub(crate) spent: RoaringBitmap,
    /// The present code of those whose first was replaced.
    pub(crate) reissued: BTreeMap<u32, u32>,
    /// How many were granted and ended, by month of the civil day, e.g. `2015-04`.
    pub(crate) months: BTreeMap<String, VoucherMonth>,
    /// Whose code was handed over, by civil day; who had theirs replaced is found under several.
    pub(crate) handed: BTreeMap<NaiveDate, RoaringBitmap>,
    /// The reminders that were claimed.
    pub(crate) reminders: Vec<ReminderRound>,
}

/// What became of vouchers within a month. Redemptions are known by provider and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherMonth {
    /// Granted.
    pub issued: u64,
    /// Not redeemed in time.
    pub expired: u64,
    /// Taken back.
    pub revoked: u64,
}

/// How the voucher of one holder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoucherStanding {
    /// Not asked for.
    None,
    /// Asked for.
    Requested,
    /// Asked for by the holder, that is sure.
    Verified,
    /// The last request was refused.
    Refused,
    /// Granted, and it can be redeemed.
    Valid,
    /// A provider opened the mailbox.
    Redeemed {
        /// Who.
        provider: ProviderId,
        /// The civil day.
        on: NaiveDate,
    },
    /// It was not redeemed in time.
    Expired,
    /// An operator took it back.
    Revoked,
}

impl Vouchers {
    /// Requests that wait for a decision.
    pub fn requested(&self) -> &RoaringBitmap {
        &self.requested
    }

    /// Requests that may be granted.
    pub fn verified(&self) -> &RoaringBitmap {
        &self.verified
    }

    /// Everyone who was ever granted one.
    pub fn issued(&self) -> &RoaringBitmap {
        &self.issued
    }

    /// Those whose last request was refused.
    pub fn refused(&self) -> &RoaringBitmap {
        &self.refused
    }

    /// Those whose present code was handed over.
    pub fn delivered(&self) -> &RoaringBitmap {
        &self.delivered
    }

    /// Those that were taken back.
    pub fn revoked(&self) -> &RoaringBitmap {
        &self.revoked
    }

    /// Redemptions, by provider and civil day.
    pub fn redeemed(&self) -> &BTreeMap<(ProviderId, NaiveDate), RoaringBitmap> {
        &self.redeemed
    }

    /// What was granted and what ended, by month, e.g. `2015-04`.
    pub fn months(&self) -> &BTreeMap<String, VoucherMonth> {
        &self.months
    }

    /// Those that ended unused.
    pub fn expired(&self) -> &RoaringBitmap {
        &self.expired
    }

    /// Those that can be redeemed, as far as is recorded.
    pub fn valid(&self) -> RoaringBitmap {
        &(&(&self.issued - &self.expired) - &self.revoked) - &self.spent
    }

    /// Which code of a holder's voucher is the present one; 1 where none was replaced.
    pub fn issue_of(&self, number: u32) -> u32 {
        self.reissued.get(&number).copied().unwrap_or(1)
    }

    /// How the voucher of one holder stands.
    pub fn standing(&self, number: u32) -> VoucherStanding {
        let spent = self.spent.contains(number);
        let mut redeemed = self.redeemed.iter().filter(|_| spent);
        if let Some(((provider, on), _)) = redeemed.find(|(_, set)| set.contains(number)) {
            VoucherStanding::Redeemed { provider: provider.clone(), on: *on }
        } else if self.revoked.contains(number) {
            VoucherStanding::Revoked
        } else if self.expired.contains(number) {
            VoucherStanding::Expired
        } else if self.issued.contains(number) {
            VoucherStanding::Valid
        } else if self.verified.contains(number) {
            VoucherStanding::Verified
        } else if self.requested.contains(number) {
            VoucherStanding::Requested
        } else if self.refused.contains(number) {
            VoucherStanding::Refused
        } else {
            VoucherStanding::None
        }
    }

    /// Why a plan can't be amended to this one; `None` where the vouchers do not stand in its way.
    pub(crate) fn amendment_problem(&self, next: &Plan, now: DateTime<Utc>) -> Option<String> {
        let issued = self.issued.len();
        let Some(rules) = &next.vouchers else {
            return (issued > 0)
                .then(|| format!("{issued} vouchers were issued; keep the section [vouchers]"));
        };
        if let Some(limit) = rules.max_issued.filter(|limit| *limit < issued) {
            return Some(format!(
                "max-issued = {limit} is fewer than were issued already; write {issued} or more"
            ));
        }
        let today = civil_date(now, next.zone);
        let over = rules.redeem_by.filter(|last| *last < today)?;
        let valid = self.valid().len();
        (valid > 0).then(|| {
            format!(
                "redeem-by = {over} is over, and {valid} vouchers that can be redeemed would end at once; write \
                 {today} or a later day"
            )
        })
    }

    /// The next state, after what happened on a civil day. Never fails and never decides.
    pub(crate) fn evolve(&mut self, event: &Event, on: NaiveDate) {
        self.count(event, on);
        if let Event::VouchersRequested(event) = event {
            self.requested |= &*event.mailboxes;
            self.refused -= &*event.mailboxes;
        } else if let Event::VouchersVerified(event) = event {
            self.verified |= &*event.mailboxes;
        } else if let Event::VouchersRefused(event) = event {
            self.requested -= &*event.mailboxes;
            self.verified -= &*event.mailboxes;
            self.refused |= &*event.mailboxes;
        } else if let Event::VouchersIssued(event) = event {
            self.requested -= &*event.mailboxes;
            self.verified -= &*event.mailboxes;
            self.issued |= &*event.mailboxes;
        } else if let Event::VouchersDelivered(event) = event {
            self.delivered |= &*event.mailboxes;
            *self.handed.entry(on).or_default() |= &*event.mailboxes;
        } else if let Event::VoucherRedeemed(event) = event {
            let key = (event.provider.clone(), event.on);
            self.redeemed.entry(key).or_default().insert(event.number);
            self.spent.insert(event.number);
        } else if let Event::VouchersExpired(event) = event {
            self.expired |= &*event.mailboxes;
        } else if let Event::VoucherRevoked(event) = event {
            self.revoked.insert(event.number);
        } else if let Event::VoucherReissued(event) = event {
            self.reissued.insert(event.number, event.issue);
            self.delivered.remove(event.number);
        } else if let Event::VoucherRemindersClaimed(event) = event {
            let (scheduled_for, mailboxes) = (event.scheduled_for, (*event.mailboxes).clone());
            self.reminders.push(ReminderRound { scheduled_for, on, mailboxes });
        }
    }

    fn count(&mut self, event: &Event, on: NaiveDate) {
        let mut month = VoucherMonth::default();
        if let Event::VouchersIssued(event) = event {
            month.issued = event.mailboxes.len();
        } else if let Event::VouchersExpired(event) = event {
            month.expired = event.mailboxes.len();
        } else if let Event::VoucherRevoked(_) = event {
            month.revoked = 1;
        } else {
            return;
        }
        let counted = self.months.entry(on.format("%Y-%m").to_string()).or_default();
        counted.issued += month.issued;
        counted.expired += month.expired;
        counted.revoked += month.revoked;
    }
}

impl VoucherRules {
    /// Why the holder of a mailbox at this point of its life is not eligible; `None` where they are.
    pub fn ineligible(&self, lifecycle: Lifecycle, asked_in_time: bool) -> Option<String> {
        if lifecycle == Lifecycle::Unknown {
            Some("no such mailbox is registered".to_owned())
        } else if lifecycle == Lifecycle::Withdrawn {
            Some("the mailbox was given up by its holder".to_owned())
        } else if !asked_in_time {
            let before = self.registered_before;
            Some(format!("only mailboxes asked for before {before} are eligible"))
        } else if self.eligible == Eligible::Activated && lifecycle != Lifecycle::Activated {
            Some("only those who activated their mailbox are eligible".to_owned())
        } else {
            None
        }
    }

    /// Why one can't be asked for on a day any more; `None` where one can.
    pub fn too_late_to_ask(&self, today: NaiveDate) -> Option<String> {
        let last = self.last_day.filter(|last| today > *last);
        last.map(|last| format!("the last day to ask for a voucher was {last}"))
    }
}

/// Has an occurrence of the sweep come since the last day on which vouchers could be redeemed?
pub fn sweep_is_due(state: &State) -> bool {
    let due = || {
        let plan = state.plan()?;
        let redeem_by = plan.vouchers.as_ref()?.redeem_by?;
        let swept = state.programme.last_occurrence(&VoucherRules::work())?;
        Some(civil_date(swept, plan.zone) > redeem_by)
    };
    due().unwrap_or(false)
}

/// The last day of the calendar year that begins on a day. A year that begins on 29 February ends on
/// 28 February.
pub fn free_through(first: NaiveDate) -> NaiveDate {
    let again = first.year().checked_add(1).and_then(|year| {
        let same_day = first.with_year(year);
        same_day.or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
    });
    again.and_then(|again| again.pred_opt()).unwrap_or(NaiveDate::MAX)
}
