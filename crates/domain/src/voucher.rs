//! Vouchers: requested, issued, delivered, and redeemed, expired or revoked.
//!
//! Invariants: a holder is issued one voucher, ever; an issued voucher is exactly one of valid,
//! redeemed, expired and revoked; no more are issued than the plan allows. They hold if every event
//! is appended to the programme's voucher stream at the version of its decision. Deliberately
//! absent: codes, names, and the date of each registration, which callers pass in.

mod code;
mod decide;
mod pending;
mod remind;

use chrono::{Datelike, NaiveDate};

use crate::{Eligible, Lifecycle, State, VoucherRules, civil_date};

pub use code::{InvalidCode, VoucherCode};
pub use decide::VoucherCommand;
pub use pending::VoucherProgress;
pub use remind::{reminder_holds, reminders_due, reminders_waiting};

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
