//! A state taken apart into its sets by name and the small rest, and put together again.
//!
//! For whoever keeps a [`State`]: the sets are large and change a little, the rest is small and has a
//! JSON form. Invariant: `State::from_parts(state.rest(), |name| the set of that name) == state`. A set
//! that is not there counts as empty. Deliberately absent: where and how the parts are kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::canary::Canaries;
use crate::drift::{Drift, Drifting};
use crate::erasure::Erasure;
use crate::failure::{Failures, Incident, IncidentKey, Waiting};
use crate::log_request::LogRequests;
use crate::notices::{Notices, NoticesRest};
use crate::phases::{Phases, Started};
use crate::programme::Programme;
use crate::rights::{Hold, Rights};
use crate::state::State;
use crate::voucher::{Vouchers, VouchersRest};
use crate::{
    Capabilities, Capability, DriftChecked, MailboxSet, PhaseCompleted, PhaseId, PhaseStarted,
    Standing,
};

/// All of a state but its sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    programme: Programme,
    holds: BTreeMap<Uuid, Hold>,
    closed: Vec<Capability>,
    armed: Vec<(Capability, DateTime<Utc>)>,
    phases: Vec<StartedRest>,
    waiting: Vec<WaitingRest>,
    incidents: Vec<IncidentRest>,
    /// Absent from what was kept before there was any.
    #[serde(default)]
    drifting: Vec<DriftingRest>,
    #[serde(default)]
    checked: Option<Box<(DateTime<Utc>, DriftChecked)>>,
    #[serde(default)]
    answered: Option<DateTime<Utc>>,
    #[serde(default)]
    notices: NoticesRest,
    #[serde(default)]
    canaries: Canaries,
    #[serde(default)]
    vouchers: VouchersRest,
    #[serde(default)]
    log_requests: Box<LogRequests>,
}

/// A started phase; the population in its event is left out, being one of the sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedRest {
    cause: Uuid,
    started_at: DateTime<Utc>,
    event: PhaseStarted,
    completed: Option<(DateTime<Utc>, PhaseCompleted)>,
}

/// Mailboxes that wait; `nth` tells apart those that wait for the same attempt at the same instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitingRest {
    phase: Option<PhaseId>,
    attempts: u32,
    retry_at: DateTime<Utc>,
    nth: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentRest {
    key: IncidentKey,
    capabilities: Capabilities,
    attempts: u32,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
}

/// Drift that is open. One event tells one set, but what it told may be told again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DriftingRest {
    capability: Capability,
    expected: Standing,
    found: Standing,
    repair: bool,
    found_at: u64,
    since: DateTime<Utc>,
}

impl WaitingRest {
    fn all(failures: &Failures) -> Vec<Self> {
        let mut seen: BTreeMap<(Option<PhaseId>, u32, DateTime<Utc>), u32> = BTreeMap::new();
        let rest = failures.waiting.iter().map(|waiting| {
            let key = (waiting.phase.clone(), waiting.attempts, waiting.retry_at);
            let count = seen.entry(key).or_default();
            let nth = *count;
            *count += 1;
            let Waiting { phase, attempts, retry_at, .. } = waiting.clone();
            Self { phase, attempts, retry_at, nth }
        });
        rest.collect()
    }

    fn name(&self) -> String {
        let phase = self.phase.as_ref().map_or("-", PhaseId::as_str);
        format!("waiting/{phase}/{}/{}/{}", self.attempts, text(self.retry_at), self.nth)
    }
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

fn closed_name(capability: Capability) -> String {
    format!("closed/{capability}")
}

fn armed_name(capability: Capability, until: DateTime<Utc>) -> String {
    format!("armed/{capability}/{}", text(until))
}

fn population_name(phase: &PhaseId) -> String {
    format!("population/{phase}")
}

fn changed_name(phase: &PhaseId) -> String {
    format!("changed/{phase}")
}

fn open_name(key: &IncidentKey) -> String {
    format!("incident-open/{key}")
}

/// An event tells of one capability, so its position is a name.
fn drifting_name(found_at: u64) -> String {
    format!("drifting/{found_at}")
}

fn resolved_name(key: &IncidentKey) -> String {
    format!("incident-resolved/{key}")
}

impl State {
    /// Its sets, each with a name that stays the same while the set grows and shrinks.
    pub fn sets(&self) -> Vec<(String, &RoaringBitmap)> {
        let Rights { registered, activated, lapsed, withdrawn, closed, armed, holds: _ } =
            &self.rights;
        let mut sets = vec![
            ("registered".to_owned(), registered),
            ("activated".to_owned(), activated),
            ("lapsed".to_owned(), lapsed),
            ("withdrawn".to_owned(), withdrawn),
            ("erasure/ordered".to_owned(), &self.erasure.ordered),
            ("erasure/erased".to_owned(), &self.erasure.erased),
        ];
        sets.extend(closed.iter().map(|(capability, set)| (closed_name(*capability), set)));
        sets.extend(
            armed.iter().map(|((capability, until), set)| (armed_name(*capability, *until), set)),
        );
        for (phase, started) in &self.phases.started {
            sets.push((population_name(phase), &started.event.population));
            sets.push((changed_name(phase), &started.changed));
        }
        let waiting = WaitingRest::all(&self.failures);
        let waiting = waiting.iter().zip(&self.failures.waiting);
        sets.extend(waiting.map(|(rest, waiting)| (rest.name(), &waiting.mailboxes)));
        for (key, incident) in &self.failures.incidents {
            sets.push((open_name(key), &incident.open));
            sets.push((resolved_name(key), &incident.resolved));
        }
        let drifting = self.drift.open.iter();
        sets.extend(drifting.map(|open| (drifting_name(open.found_at), &open.mailboxes)));
        sets.extend(self.notices.sets());
        sets.extend(self.vouchers.sets());
        sets
    }

    /// All of it but its sets.
    pub fn rest(&self) -> Rest {
        let phases = self.phases.started.values().map(|started| StartedRest {
            cause: started.cause,
            started_at: started.started_at,
            event: PhaseStarted { population: MailboxSet::new(), ..started.event.clone() },
            completed: started.completed.clone(),
        });
        let incidents = self.failures.incidents.iter().map(|(key, incident)| IncidentRest {
            key: key.clone(),
            capabilities: incident.capabilities,
            attempts: incident.attempts,
            first_seen: incident.first_seen,
            last_seen: incident.last_seen,
        });
        let drifting = self.drift.open.iter().map(|open| DriftingRest {
            capability: open.capability,
            expected: open.expected,
            found: open.found,
            repair: open.repair,
            found_at: open.found_at,
            since: open.since,
        });
        Rest {
            programme: self.programme.clone(),
            holds: self.rights.holds.clone(),
            closed: self.rights.closed.keys().copied().collect(),
            armed: self.rights.armed.keys().copied().collect(),
            phases: phases.collect(),
            waiting: WaitingRest::all(&self.failures),
            incidents: incidents.collect(),
            drifting: drifting.collect(),
            checked: self.drift.last.clone(),
            answered: self.drift.answered,
            notices: self.notices.rest(),
            canaries: self.canaries.clone(),
            vouchers: self.vouchers.rest(),
            log_requests: self.log_requests.clone(),
        }
    }

    /// Puts a state together again; `set` gives the set of a name.
    pub fn from_parts(rest: Rest, mut set: impl FnMut(&str) -> RoaringBitmap) -> Self {
        let closed =
            rest.closed.into_iter().map(|capability| (capability, set(&closed_name(capability))));
        let closed = closed.collect();
        let armed = rest
            .armed
            .into_iter()
            .map(|(capability, until)| ((capability, until), set(&armed_name(capability, until))));
        let armed = armed.collect();
        let started = rest.phases.into_iter().map(|rest| {
            let StartedRest { cause, started_at, event, completed } = rest;
            let phase = event.phase.clone();
            let population = MailboxSet::from(set(&population_name(&phase)));
            let changed = set(&changed_name(&phase));
            let event = PhaseStarted { population, ..event };
            (phase, Started { cause, started_at, event, changed, completed })
        });
        let started = started.collect();
        let waiting = rest.waiting.into_iter().map(|rest| {
            let mailboxes = set(&rest.name());
            let WaitingRest { phase, attempts, retry_at, nth: _ } = rest;
            Waiting { phase, attempts, retry_at, mailboxes }
        });
        let waiting = waiting.collect();
        let incidents = rest.incidents.into_iter().map(|rest| {
            let (open, resolved) = (set(&open_name(&rest.key)), set(&resolved_name(&rest.key)));
            let IncidentRest { key, capabilities, attempts, first_seen, last_seen } = rest;
            (key, Incident { capabilities, open, resolved, attempts, first_seen, last_seen })
        });
        let incidents = incidents.collect();
        let open = rest.drifting.into_iter().map(|rest| {
            let mailboxes = set(&drifting_name(rest.found_at));
            let DriftingRest { capability, expected, found, repair, found_at, since } = rest;
            Drifting { capability, expected, found, repair, found_at, since, mailboxes }
        });
        let (last, answered) = (rest.checked, rest.answered);
        let drift = Drift { open: open.collect(), last, answered };
        let rights = Rights {
            registered: set("registered"),
            activated: set("activated"),
            lapsed: set("lapsed"),
            withdrawn: set("withdrawn"),
            closed,
            armed,
            holds: rest.holds,
        };
        Self {
            programme: rest.programme,
            rights,
            phases: Phases { started },
            failures: Failures { waiting, incidents },
            drift: Box::new(drift),
            canaries: rest.canaries,
            notices: Box::new(Notices::from_parts(rest.notices, &mut set)),
            erasure: Box::new(Erasure {
                ordered: set("erasure/ordered"),
                erased: set("erasure/erased"),
            }),
            log_requests: rest.log_requests,
            vouchers: Box::new(Vouchers::from_parts(rest.vouchers, set)),
        }
    }
}
