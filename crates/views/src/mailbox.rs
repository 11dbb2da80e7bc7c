use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Capabilities, Event, Failures, IncidentKey, Lifecycle, Mailbox, MailboxId, PhaseId, Plan,
};
use projections::Entry;
use serde::Serialize;
use uuid::Uuid;

use crate::next::{self, Next};
use crate::rights::{self, RightView};

/// One mailbox: its rights, its history and what is next. No name and no address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MailboxView {
    /// Its id.
    pub id: MailboxId,
    /// Its number in the log's sets.
    pub number: u32,
    /// The instant of the view.
    pub as_of: DateTime<Utc>,
    /// The recording time up to which events count.
    pub known_at: DateTime<Utc>,
    /// The plan's phase; `None` while in service.
    pub phase: Option<PhaseId>,
    /// Its lifecycle.
    pub lifecycle: Lifecycle,
    /// The day of its request.
    pub requested_on: Option<NaiveDate>,
    /// Its rights, each with its reason.
    pub rights: Vec<RightView>,
    /// Its holds that were not released.
    pub holds: Vec<HoldView>,
    /// Its incidents.
    pub incidents: Vec<IncidentKey>,
    /// Its history, in the order of the log.
    pub happened: Vec<Happened>,
    /// Its next changes by the plan, in the order of time.
    pub next: Vec<Next>,
}

/// A hold on a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// Its id.
    pub hold: Uuid,
    /// The capabilities that it keeps.
    pub capabilities: Capabilities,
    /// The last day; `None` until released.
    pub until: Option<NaiveDate>,
    /// Is it in force?
    pub in_force: bool,
}

/// An event in the history of a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happened {
    /// Its position in the log.
    pub position: u64,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The kind of event.
    pub kind: &'static str,
    /// A description.
    pub what: String,
    /// Its actor.
    pub actor: String,
    /// The operator's reason.
    pub reason: Option<String>,
}

/// The cutoffs of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The instant of the view.
    pub as_of: DateTime<Utc>,
    /// The day of the mailbox's request, as recorded by then.
    pub requested_on: Option<NaiveDate>,
}

impl MailboxView {
    /// The view of a mailbox folded from `entries`, with the plan and the failures of the same
    /// moment.
    pub fn of(
        mailbox: &Mailbox,
        entries: &[Entry],
        plan: &Plan,
        failures: &Failures,
        (as_of, known_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let requested_on = requested_on(entries, mailbox.number);
        let asked = Asked { as_of, requested_on };
        let today = domain::civil_date(as_of, plan.zone);
        let holds = mailbox.holds.iter().map(|(hold, kept)| HoldView {
            hold: *hold,
            capabilities: kept.capabilities,
            until: kept.until,
            in_force: kept.is_in_force_on(today),
        });
        let number = mailbox.number;
        let incidents = failures.incidents.iter().filter(|(_, incident)| {
            incident.open.contains(number) || incident.resolved.contains(number)
        });
        let phase = plan.phase_at(as_of).and_then(|place| plan.phases.get(place));
        Self {
            id: MailboxId::new(&plan.programme, number),
            number,
            as_of,
            known_at,
            phase: phase.map(|phase| phase.id.clone()),
            lifecycle: mailbox.lifecycle,
            requested_on,
            rights: rights::of(mailbox, plan, failures, asked),
            holds: holds.collect(),
            incidents: incidents.map(|(key, _)| key.clone()).collect(),
            happened: entries.iter().map(|entry| happened(entry, number)).collect(),
            next: next::of_mailbox(mailbox, plan, failures, as_of),
        }
    }
}

fn happened(entry: &Entry, number: u32) -> Happened {
    let (kind, _) = entry.fact.event.kind();
    Happened {
        position: entry.fact.position,
        effective_at: entry.fact.effective_at,
        recorded_at: entry.fact.recorded_at,
        kind,
        what: entry.fact.event.describe_for(number),
        actor: entry.origin.actor.clone(),
        reason: entry.origin.reason.clone(),
    }
}

/// The day of its request, as last recorded.
fn requested_on(entries: &[Entry], number: u32) -> Option<NaiveDate> {
    let day = |entry: &Entry| {
        if let Event::MailboxesRegistered(event) = &entry.fact.event {
            let place = usize::try_from(number.checked_sub(event.first)?).ok()?;
            return event.requested_on.get(place);
        }
        if let Event::RegistrationsCorrected(event) = &entry.fact.event {
            let place = usize::try_from(event.mailboxes.rank(number).checked_sub(1)?).ok()?;
            return event.mailboxes.contains(number).then(|| event.requested_on.get(place))?;
        }
        None
    };
    entries.iter().filter_map(day).next_back()
}
