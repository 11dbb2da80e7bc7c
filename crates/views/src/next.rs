//! Upcoming events, of a programme and of one mailbox.

use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability, Failures, Lifecycle, Mailbox, Plan, State};
use serde::Serialize;

use crate::gates::thing;

/// An upcoming event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Next {
    /// When.
    pub at: DateTime<Utc>,
    /// A description.
    pub what: String,
}

/// The next event that an engine causes by itself.
pub(crate) fn of_programme(state: &State, plan: &Plan, now: DateTime<Utc>) -> Option<Next> {
    let waiting = plan.phases.iter().position(|phase| !state.phases.has_started(&phase.id));
    let phase = waiting.and_then(|place| Some((plan.starts_at(place), plan.phases.get(place)?)));
    let phase = phase.map(|(at, phase)| {
        let verb = if at <= now { "is due and waits for the engine" } else { "starts" };
        Next { at, what: format!("phase {} {verb}", phase.id) }
    });
    let retry = state.failures.next_retry(now);
    let retry = retry.map(|at| Next { at, what: "failed effects are retried".to_owned() });
    phase.into_iter().chain(retry).min()
}

/// The upcoming events of one mailbox, in the order of time.
pub(crate) fn of_mailbox(
    mailbox: &Mailbox,
    plan: &Plan,
    failures: &Failures,
    now: DateTime<Utc>,
) -> Vec<Next> {
    let mut next = Vec::new();
    if matches!(mailbox.lifecycle, Lifecycle::Unknown | Lifecycle::Withdrawn) {
        return next;
    }
    for place in plan.due(now).end..plan.phases.len() {
        let Some(phase) = plan.phases.get(place) else { continue };
        let what = phase_brings(mailbox, plan, place);
        if !what.is_empty() {
            let at = plan.starts_at(place);
            next.push(Next { at, what: format!("{} ({})", what.join("; "), phase.title) });
        }
    }
    for (id, hold) in &mailbox.holds {
        if let Some(at) = hold.ends_at(plan.zone).filter(|at| *at > now) {
            next.push(Next { at, what: format!("hold {id} ends: {}", hold.capabilities) });
        }
    }
    for waiting in &failures.waiting {
        if waiting.mailboxes.contains(mailbox.number) && waiting.retry_at > now {
            let what = "the failed effects are retried".to_owned();
            next.push(Next { at: waiting.retry_at, what });
        }
    }
    next.sort();
    next
}

/// What a phase removes from the mailbox and what it opens to its holder.
fn phase_brings(mailbox: &Mailbox, plan: &Plan, place: usize) -> Vec<String> {
    let removes = plan.removes(place);
    let at = plan.starts_at(place);
    let mut brings = Vec::new();
    let of_mailbox = match mailbox.lifecycle {
        Lifecycle::Activated => removes.intersection(mailbox.has),
        Lifecycle::Registered => removes.intersection(Capability::Activate.into()),
        Lifecycle::Lapsed | Lifecycle::Withdrawn | Lifecycle::Unknown => Capabilities::NONE,
    };
    let held = |capability: Capability| {
        mailbox.holds.values().any(|hold| {
            hold.capabilities.contains(capability)
                && hold.ends_at(plan.zone).is_none_or(|end| end > at)
        })
    };
    let ends: Capabilities = of_mailbox.iter().filter(|capability| !held(*capability)).collect();
    let kept = of_mailbox.without(ends);
    if ends.contains(Capability::Activate) {
        brings.push("the registration lapses".to_owned());
    }
    let ends = ends.without(Capability::Activate.into());
    if !ends.is_empty() {
        brings.push(format!("{ends} ends"));
    }
    if !kept.is_empty() {
        brings.push(format!("{kept} would end, but is kept by a hold"));
    }
    let allows = plan.phases.get(place).map_or(Capabilities::NONE, |phase| phase.allows);
    let opens = allows.without(plan.allowed_before(place));
    let lifecycle = mailbox.lifecycle;
    let things = |of: Capabilities| of.iter().filter_map(move |gate| thing(gate, lifecycle));
    brings.extend(things(opens).map(|thing| format!("{thing} can be requested")));
    brings.extend(things(removes).map(|thing| format!("{thing} can no longer be requested")));
    brings
}
