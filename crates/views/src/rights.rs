//! The rights of one mailbox at an instant, each with its reason.

use crate::words::local;
use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability, EffectFailed, Failures, Lifecycle, Mailbox, Plan};
use serde::Serialize;
use uuid::Uuid;

use crate::gates;
use crate::mailbox::Asked;

/// One capability of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RightView {
    /// The capability.
    pub capability: Capability,
    /// Is it allowed now?
    pub allowed: bool,
    /// When it ends, if known.
    pub until: Option<DateTime<Utc>>,
    /// The reason.
    pub why: String,
}

impl RightView {
    fn new(capability: Capability, allowed: bool, why: impl Into<String>) -> Self {
        Self { capability, allowed, until: None, why: why.into() }
    }

    fn until(mut self, until: Option<DateTime<Utc>>) -> Self {
        self.until = until;
        self
    }
}

/// All capabilities of a mailbox, in the order in which a shutdown removes them.
pub(crate) fn of(
    mailbox: &Mailbox,
    plan: &Plan,
    failures: &Failures,
    asked: Asked,
) -> Vec<RightView> {
    let one = |capability| match capability {
        Capability::Activate => activate(mailbox, plan, asked.as_of),
        Capability::Send | Capability::Modify | Capability::Receive | Capability::Access => {
            of_platform(capability, mailbox, plan, failures, asked.as_of)
        }
        Capability::RequestLogs | Capability::RequestVoucher => {
            gate(capability, mailbox, plan, asked)
        }
    };
    Capability::ALL.into_iter().map(one).collect()
}

fn activate(mailbox: &Mailbox, plan: &Plan, now: DateTime<Utc>) -> RightView {
    let capability = Capability::Activate;
    let no = |why: &str| RightView::new(capability, false, why);
    match mailbox.lifecycle {
        Lifecycle::Unknown => no("this mailbox was not registered"),
        Lifecycle::Activated => no("it is activated already"),
        Lifecycle::Lapsed => no("the registration has lapsed"),
        Lifecycle::Withdrawn => no("the mailbox was withdrawn"),
        Lifecycle::Registered if plan.allowed_at(now).contains(capability) => {
            let until = plan.ends_at(capability, now);
            RightView::new(capability, true, "at a post office").until(until)
        }
        Lifecycle::Registered => no(&taken(plan, capability, now)),
    }
}

fn gate(capability: Capability, mailbox: &Mailbox, plan: &Plan, asked: Asked) -> RightView {
    let (now, lifecycle) = (asked.as_of, mailbox.lifecycle);
    if lifecycle == Lifecycle::Unknown {
        return RightView::new(capability, false, "this mailbox was not registered");
    }
    if !plan.allowed_at(now).contains(capability) {
        let mut to_come = plan.due(now).end..plan.phases.len();
        let opens = to_come.find(|place| {
            plan.phases.get(*place).is_some_and(|phase| phase.allows.contains(capability))
        });
        let why = match opens {
            Some(place) => {
                let from = local(plan.starts_at(place), plan.zone);
                format!("can be requested from {from}")
            }
            None => taken(plan, capability, now),
        };
        return RightView::new(capability, false, why);
    }
    match gates::refusal(capability, plan, lifecycle, asked.requested_on, now) {
        Some(refusal) => RightView::new(capability, false, refusal),
        None => RightView::new(capability, true, "the holder is eligible")
            .until(plan.ends_at(capability, now)),
    }
}

fn of_platform(
    capability: Capability,
    mailbox: &Mailbox,
    plan: &Plan,
    failures: &Failures,
    now: DateTime<Utc>,
) -> RightView {
    let no = |why: &str| RightView::new(capability, false, why);
    // An armed platform ends a right by itself, before that is recorded.
    let told = mailbox.armed.get(&capability).is_some_and(|until| *until <= now);
    let has = mailbox.has.contains(capability) && !told;
    match mailbox.lifecycle {
        Lifecycle::Unknown => return no("this mailbox was not registered"),
        Lifecycle::Registered | Lifecycle::Lapsed => return no("the mailbox was never activated"),
        Lifecycle::Withdrawn if has => {
            let why = "the holder withdrew; the mailbox will be closed";
            return RightView::new(capability, true, why);
        }
        Lifecycle::Withdrawn => return no("the holder withdrew"),
        Lifecycle::Activated => {}
    }
    let allowed = plan.allowed_at(now).contains(capability);
    let hold = hold_on(mailbox, capability, plan, now);
    match (has, allowed, hold) {
        (true, true, _) => in_service(capability, plan, now),
        (true, false, Some((id, until))) => {
            RightView::new(capability, true, format!("hold {id} keeps it")).until(until)
        }
        (true, false, None) => {
            let why = format!(
                "{}, but {}",
                taken(plan, capability, now),
                unfinished(mailbox, capability, failures)
            );
            RightView::new(capability, true, why)
        }
        (false, false, None) => no(&taken(plan, capability, now)),
        (false, true, _) => no("the plan allows it; it will be restored"),
        (false, false, Some((id, _))) => no(&format!("hold {id} keeps it; it will be restored")),
    }
}

fn in_service(capability: Capability, plan: &Plan, now: DateTime<Utc>) -> RightView {
    let until = plan.ends_at(capability, now);
    let why = match plan.phase_at(now).and_then(|place| plan.phases.get(place)) {
        Some(phase) => format!("allowed in phase {}", phase.id),
        None => "the service is in full operation".to_owned(),
    };
    RightView::new(capability, true, why).until(until)
}

/// The hold that keeps it longest, and its end.
fn hold_on(
    mailbox: &Mailbox,
    capability: Capability,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Option<(Uuid, Option<DateTime<Utc>>)> {
    let today = domain::civil_date(now, plan.zone);
    let these = mailbox
        .holds
        .iter()
        .filter(|(_, hold)| hold.capabilities.contains(capability) && hold.is_in_force_on(today));
    let ends = these.map(|(id, hold)| (*id, hold.ends_at(plan.zone)));
    ends.max_by_key(|(_, end)| end.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// Since when the plan does not allow it.
fn taken(plan: &Plan, capability: Capability, now: DateTime<Utc>) -> String {
    let removed = plan.phase_at(now).and_then(|place| plan.removed_by(place, capability));
    match removed {
        Some(phase) => format!("ended on {} with phase {} ({})", phase.from, phase.id, phase.title),
        None => "the plan does not allow it".to_owned(),
    }
}

/// Why a right that should have ended has not.
fn unfinished(mailbox: &Mailbox, capability: Capability, failures: &Failures) -> String {
    let number = mailbox.number;
    let concerns = |capabilities: Capabilities| capabilities.contains(capability);
    let incident = failures.incidents.iter().find(|(_, incident)| {
        concerns(incident.capabilities)
            && (incident.open.contains(number) || incident.resolved.contains(number))
    });
    if let Some((key, incident)) = incident {
        let state = if incident.open.contains(number) {
            "waits for an operator"
        } else {
            "was resolved without a retry"
        };
        return format!("removal failed permanently: incident {key} {state}");
    }
    let waits = |waiting: &EffectFailed| {
        waiting.capabilities.contains(capability) && waiting.mailboxes.contains(number)
    };
    if failures.waiting.iter().any(waits) {
        return "removal failed and will be retried".to_owned();
    }
    "it has not been carried out yet".to_owned()
}
