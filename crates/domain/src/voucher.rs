//! Vouchers: requested, issued, delivered, and redeemed, expired or revoked.
//!
//! Invariants: a holder is issued one voucher, ever; an issued voucher is exactly one of valid,
//! redeemed, expired and revoked; no more are issued than the plan allows. They hold if every event
//! is appended to the programme's voucher stream at the version of its decision. Deliberately
//! absent: codes, names, and the date of each registration, which callers pass in.

mod causes;
mod code;
mod decide;
mod pending;
mod remind;
mod snapshot;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::causes::Causes;
use crate::{Eligible, Event, Lifecycle, Plan, ProviderId, State, VoucherRules, civil_date};

pub use code::{InvalidCode, VoucherCode};
pub use decide::VoucherCommand;
pub(crate) use decide::VoucherContext;
pub use pending::VoucherProgress;
pub use remind::{ReminderRound, reminder_holds, reminders_due, reminders_waiting};
pub(crate) use snapshot::VouchersHeader;

/// The vouchers of a programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vouchers {
    /// Pending requests: neither issued nor refused.
    pub(crate) requested: RoaringBitmap,
    /// Pending requests whose requester was verified.
    pub(crate) verified: RoaringBitmap,
    /// Mailboxes whose last request was refused.
    pub(crate) refused: RoaringBitmap,
    /// All issued vouchers, whatever became of them.
    pub(crate) issued: RoaringBitmap,
    /// Vouchers whose current code was delivered.
    pub(crate) delivered: RoaringBitmap,
    pub(crate) expired: RoaringBitmap,
    pub(crate) revoked: RoaringBitmap,
    /// Redeemed vouchers by provider and civil day.
    pub(crate) redeemed: BTreeMap<(ProviderId, NaiveDate), RoaringBitmap>,
    /// All redeemed vouchers: the union of `redeemed`, for fast lookups.
    pub(crate) spent: RoaringBitmap,
    /// The number of the current code of each reissued voucher.
    pub(crate) reissued: BTreeMap<u32, u32>,
    /// Counts by month of the civil day, e.g. `2015-04`.
    pub(crate) months: BTreeMap<String, VoucherMonth>,
    /// Vouchers by the civil day of delivery; a reissued voucher is listed under each delivery.
    pub(crate) delivered_on: BTreeMap<NaiveDate, RoaringBitmap>,
    /// Claimed rounds of reminders.
    pub(crate) reminders: Vec<ReminderRound>,
    /// What led to each open request.
    pub(crate) causes: Causes,
}

/// Counts of one month. Redemptions are counted by provider and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherMonth {
    /// Vouchers issued.
    pub issued: u64,
    /// Vouchers expired.
    pub expired: u64,
    /// Vouchers revoked.
    pub revoked: u64,
}

/// The state of one holder's voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoucherStanding {
    /// Not requested.
    None,
    /// Requested.
    Requested,
    /// Requested, and the requester was verified.
    Verified,
    /// The last request was refused.
    Refused,
    /// Issued and redeemable.
    Valid,
    /// Redeemed.
    Redeemed {
        /// The provider that opened the mailbox.
        provider: ProviderId,
        /// The civil day.
        on: NaiveDate,
    },
    /// Not redeemed in time.
    Expired,
    /// Revoked by an operator.
    Revoked,
}

impl Vouchers {
    /// Pending requests.
    pub fn requested(&self) -> &RoaringBitmap {
        &self.requested
    }

    /// Pending requests whose requester was verified.
    pub fn verified(&self) -> &RoaringBitmap {
        &self.verified
    }

    /// All issued vouchers, whatever became of them.
    pub fn issued(&self) -> &RoaringBitmap {
        &self.issued
    }

    /// Mailboxes whose last request was refused.
    pub fn refused(&self) -> &RoaringBitmap {
        &self.refused
    }

    /// Vouchers whose current code was delivered.
    pub fn delivered(&self) -> &RoaringBitmap {
        &self.delivered
    }

    /// Revoked vouchers.
    pub fn revoked(&self) -> &RoaringBitmap {
        &self.revoked
    }

    /// Redeemed vouchers by provider and civil day.
    pub fn redeemed(&self) -> &BTreeMap<(ProviderId, NaiveDate), RoaringBitmap> {
        &self.redeemed
    }

    /// Counts by month, e.g. `2015-04`.
    pub fn months(&self) -> &BTreeMap<String, VoucherMonth> {
        &self.months
    }

    /// Expired vouchers.
    pub fn expired(&self) -> &RoaringBitmap {
        &self.expired
    }

    /// Valid vouchers according to the log.
    pub fn valid(&self) -> RoaringBitmap {
        &(&(&self.issued - &self.expired) - &self.revoked) - &self.spent
    }

    /// The number of the current code; 1 if it was never reissued.
    pub fn issue_of(&self, number: u32) -> u32 {
        self.reissued.get(&number).copied().unwrap_or(1)
    }

    /// The state of one holder's voucher.
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

    /// Why the vouchers forbid an amendment to this plan; `None` if they do not.
    pub(crate) fn amendment_problem(&self, next: &Plan, now: DateTime<Utc>) -> Option<String> {
        let issued = self.issued.len();
        let Some(rules) = &next.vouchers else {
            return (issued > 0)
                .then(|| format!("{issued} vouchers are issued; keep the section [vouchers]"));
        };
        if let Some(limit) = rules.max_issued.filter(|limit| *limit < issued) {
            return Some(format!(
                "max-issued = {limit} is less than the {issued} vouchers issued; write {issued} or \
                 more"
            ));
        }
        let today = civil_date(now, next.zone);
        let past = rules.redeem_by.filter(|last| *last < today)?;
        let valid = self.valid().len();
        (valid > 0).then(|| {
            format!(
                "redeem-by = {past} is in the past and would expire {valid} valid vouchers at \
                 once; write {today} or later"
            )
        })
    }

    /// The event that led to the open request of a mailbox: that recorded it or, later, that
    /// verified it.
    pub fn cause_of(&self, number: u32) -> Option<Uuid> {
        self.causes.of(number)
    }

    /// Splits mailboxes with open requests by the event that led to them.
    pub fn by_cause(&self, mailboxes: &RoaringBitmap) -> BTreeMap<Uuid, RoaringBitmap> {
        self.causes.split(mailboxes)
    }

    /// The next state, after an event of this id on a civil day. Never fails and never decides.
    pub(crate) fn evolve(&mut self, event: &Event, id: Uuid, on: NaiveDate) {
        self.count(event, on);
        self.follow_causes(event, id);
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
            *self.delivered_on.entry(on).or_default() |= &*event.mailboxes;
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

    fn follow_causes(&mut self, event: &Event, id: Uuid) {
        if let Event::VouchersRequested(event) = event {
            self.causes.set(&event.mailboxes, id);
        } else if let Event::VouchersVerified(event) = event {
            self.causes.set(&event.mailboxes, id);
        } else if let Event::VouchersRefused(event) = event {
            self.causes.remove(&event.mailboxes);
        } else if let Event::VouchersIssued(event) = event {
            self.causes.remove(&event.mailboxes);
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
    /// Why the holder of a mailbox is not eligible; `None` if eligible.
    pub fn ineligible(&self, lifecycle: Lifecycle, requested_in_time: bool) -> Option<String> {
        if lifecycle == Lifecycle::Unknown {
            Some("the mailbox is not registered".to_owned())
        } else if lifecycle == Lifecycle::Withdrawn {
            Some("the mailbox was withdrawn".to_owned())
        } else if !requested_in_time {
            let before = self.registered_before;
            Some(format!("only mailboxes requested before {before} are eligible"))
        } else if self.eligible == Eligible::Activated && lifecycle != Lifecycle::Activated {
            Some("only activated mailboxes are eligible".to_owned())
        } else {
            None
        }
    }

    /// Why a request on this day is too late; `None` if it is not.
    pub fn too_late_to_ask(&self, today: NaiveDate) -> Option<String> {
        let last = self.last_day.filter(|last| today > *last);
        last.map(|last| format!("the last day for voucher requests was {last}"))
    }
}

/// Has an occurrence of the expiry sweep passed since the last day for redemptions?
pub fn sweep_is_due(state: &State) -> bool {
    let due = || {
        let plan = state.plan()?;
        let redeem_by = plan.vouchers.as_ref()?.redeem_by?;
        let swept = state.programme.last_occurrence(&VoucherRules::recurring_name())?;
        Some(civil_date(swept, plan.zone) > redeem_by)
    };
    due().unwrap_or(false)
}

/// The last day of the year that begins on `first`. A year that begins on 29 February ends on
/// 28 February.
pub fn free_through(first: NaiveDate) -> NaiveDate {
    let again = first.year().checked_add(1).and_then(|year| {
        let same_day = first.with_year(year);
        same_day.or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
    });
    again.and_then(|again| again.pred_opt()).unwrap_or(NaiveDate::MAX)
}
