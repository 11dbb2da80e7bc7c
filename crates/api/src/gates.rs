//! What no platform enforces but the programme itself decides: message logs and vouchers.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capability, Eligible, Lifecycle, Plan, civil_date};

/// Is it such a gate, and could it ever be opened to a holder at this point of a mailbox's life?
pub(crate) fn may_concern(capability: Capability, lifecycle: Lifecycle) -> bool {
    match (capability, lifecycle) {
        (Capability::RequestLogs, Lifecycle::Activated)
        | (
            Capability::RequestVoucher,
            Lifecycle::Registered | Lifecycle::Activated | Lifecycle::Lapsed,
        ) => true,
        (
            Capability::Activate
            | Capability::Send
            | Capability::Modify
            | Capability::Receive
            | Capability::Access
            | Capability::RequestLogs
            | Capability::RequestVoucher,
            _,
        ) => false,
    }
}

/// What is asked for at a gate.
pub(crate) fn thing(gate: Capability) -> &'static str {
    match gate {
        Capability::RequestLogs => "the log of its messages",
        Capability::RequestVoucher => "the voucher for a PEC",
        Capability::Activate => "activation",
        Capability::Send | Capability::Modify | Capability::Receive | Capability::Access => {
            "a change of rights"
        }
    }
}

/// Why a holder may not ask at a gate that the plan has open; `None` where they may.
pub(crate) fn refusal(
    gate: Capability,
    plan: &Plan,
    lifecycle: Lifecycle,
    requested_on: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Option<String> {
    if lifecycle == Lifecycle::Withdrawn {
        return Some("the mailbox was given up by its holder".to_owned());
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
        return Some("the programme has no vouchers".to_owned());
    };
    if rules.eligible == Eligible::Activated && lifecycle != Lifecycle::Activated {
        return Some("only those who activated their mailbox are eligible".to_owned());
    }
    if requested_on.is_none_or(|day| day >= rules.registered_before) {
        let before = rules.registered_before;
        return Some(format!("only mailboxes asked for before {before} are eligible"));
    }
    let last = rules.last_day.filter(|last| civil_date(now, plan.zone) > *last);
    last.map(|last| format!("the last day to ask for one was {last}"))
}
