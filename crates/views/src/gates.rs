//! Eligibility for what the programme itself decides: message logs and vouchers.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capability, Lifecycle, Plan, civil_date};

/// What a holder may request by this capability; `None` if a mailbox of this lifecycle can never be
/// eligible.
pub(crate) fn thing(gate: Capability, lifecycle: Lifecycle) -> Option<&'static str> {
    let (thing, eligible) = match gate {
        Capability::RequestLogs => ("the log of its messages", lifecycle == Lifecycle::Activated),
        Capability::RequestVoucher => (
            "the voucher for a PEC",
            !matches!(lifecycle, Lifecycle::Unknown | Lifecycle::Withdrawn),
        ),
        Capability::Activate
        | Capability::Send
        | Capability::Modify
        | Capability::Receive
        | Capability::Access => return None,
    };
    eligible.then_some(thing)
}

/// Why a holder is not eligible while the plan allows it; `None` if eligible.
pub(crate) fn refusal(
    gate: Capability,
    plan: &Plan,
    lifecycle: Lifecycle,
    requested_on: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Option<String> {
    if lifecycle == Lifecycle::Withdrawn {
        return Some("the mailbox was withdrawn".to_owned());
    }
    match gate {
        Capability::RequestLogs => (lifecycle != Lifecycle::Activated)
            .then(|| "a mailbox that was never activated has no messages".to_owned()),
        Capability::RequestVoucher => voucher(plan, lifecycle, requested_on, now),
        Capability::Activate
        | Capability::Send
        | Capability::Modify
        | Capability::Receive
        | Capability::Access => None,
    }
}

fn voucher(
    plan: &Plan,
    lifecycle: Lifecycle,
    requested_on: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Option<String> {
    let Some(rules) = &plan.vouchers else {
        return Some("the plan does not provide for vouchers".to_owned());
    };
    let requested_in_time = requested_on.is_some_and(|day| day < rules.registered_before);
    let not_eligible = rules.ineligible(lifecycle, requested_in_time);
    not_eligible.or_else(|| rules.too_late_to_ask(civil_date(now, plan.zone)))
}
