//! Snapshots of a state: named sets and a small header.
//!
//! The sets are large and change little from one snapshot to the next; the header is small and has
//! a JSON form. Invariant: `State::from_snapshot(state.header(), |name| the set of that name) ==
//! state`. A missing set counts as empty. Deliberately absent: the storage of snapshots.

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
use crate::notices::{Notices, NoticesHeader};
use crate::phases::{Phases, Started};
use crate::programme::Programme;
use crate::rights::{Hold, Rights};
use crate::state::State;
use crate::voucher::{Vouchers, VouchersHeader};
use crate::{
    Capabilities, Capability, DriftChecked, MailboxSet, PhaseCompleted, PhaseId, PhaseStarted,
    Standing,
};

/// A state without its sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotHeader {
    programme: Programme,
    holds: BTreeMap<Uuid, Hold>,
    closed: Vec<Capability>,
    armed: Vec<(Capability, DateTime<Utc>)>,
    phases: Vec<StartedHeader>,
    waiting: Vec<WaitingHeader>,
    incidents: Vec<IncidentHeader>,
    drifting: Vec<DriftingHeader>,
    #[serde(default)]
    checked: Option<Box<(DateTime<Utc>, DriftChecked)>>,
    #[serde(default)]
    answered: Option<DateTime<Utc>>,
    #[serde(default)]
    notices: NoticesHeader,
    #[serde(default)]
    canaries: Canaries,
    #[serde(default)]
    vouchers: VouchersHeader,
    #[serde(default)]
    log_requests: Box<LogRequests>,
}

/// A started phase. The population of its event is one of the sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedHeader {
    cause: Uuid,
    started_at: DateTime<Utc>,
    event: PhaseStarted,
    completed: Option<(DateTime<Utc>, PhaseCompleted)>,
}

/// Mailboxes that wait for a retry; `nth` distinguishes groups with the same attempt and instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitingHeader {
    phase: Option<PhaseId>,
    #[serde(default)]
    capabilities: Capabilities,
    attempts: u32,
    retry_at: DateTime<Utc>,
    nth: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentHeader {
    key: IncidentKey,
    capabilities: Capabilities,
    attempts: u32,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
}

/// Open drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DriftingHeader {
    capability: Capability,
    expected: Standing,
    found: Standing,
    repair: bool,
    found_at: u64,
    since: DateTime<Utc>,
}

impl WaitingHeader {
    fn all(failures: &Failures) -> Vec<Self> {
        let mut seen: BTreeMap<(Option<PhaseId>, u32, DateTime<Utc>), u32> = BTreeMap::new();
        let rest = failures.waiting.iter().map(|waiting| {
            let key = (waiting.phase.clone(), waiting.attempts, waiting.retry_at);
            let count = seen.entry(key).or_default();
            let nth = *count;
            *count += 1;
            let Waiting { phase, capabilities, attempts, retry_at, .. } = waiting.clone();
            Self { phase, capabilities, attempts, retry_at, nth }
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

/// A drift event concerns one capability, so its position names the set.
fn drifting_name(found_at: u64) -> String {
    format!("drifting/{found_at}")
}

fn resolved_name(key: &IncidentKey) -> String {
    format!("incident-resolved/{key}")
}

impl State {
    /// The sets, each under a name that does not change while the set does.
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
        let waiting = WaitingHeader::all(&self.failures);
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

    /// The state without its sets.
    pub fn header(&self) -> SnapshotHeader {
        let phases = self.phases.started.values().map(|started| StartedHeader {
            cause: started.cause,
            started_at: started.started_at,
            event: PhaseStarted { population: MailboxSet::new(), ..started.event.clone() },
            completed: started.completed.clone(),
        });
        let incidents = self.failures.incidents.iter().map(|(key, incident)| IncidentHeader {
            key: key.clone(),
            capabilities: incident.capabilities,
            attempts: incident.attempts,
            first_seen: incident.first_seen,
            last_seen: incident.last_seen,
        });
        let drifting = self.drift.open.iter().map(|open| DriftingHeader {
            capability: open.capability,
            expected: open.expected,
            found: open.found,
            repair: open.repair,
            found_at: open.found_at,
            since: open.since,
        });
        SnapshotHeader {
            programme: self.programme.clone(),
            holds: self.rights.holds.clone(),
            closed: self.rights.closed.keys().copied().collect(),
            armed: self.rights.armed.keys().copied().collect(),
            phases: phases.collect(),
            waiting: WaitingHeader::all(&self.failures),
            incidents: incidents.collect(),
            drifting: drifting.collect(),
            checked: self.drift.last.clone(),
            answered: self.drift.answered,
            notices: self.notices.header(),
            canaries: self.canaries.clone(),
            vouchers: self.vouchers.header(),
            log_requests: self.log_requests.clone(),
        }
    }

    /// Restores a state; `set` returns the set of a name.
    pub fn from_snapshot(rest: SnapshotHeader, mut set: impl FnMut(&str) -> RoaringBitmap) -> Self {
        let closed =
            rest.closed.into_iter().map(|capability| (capability, set(&closed_name(capability))));
        let closed = closed.collect();
        let armed = rest
            .armed
            .into_iter()
            .map(|(capability, until)| ((capability, until), set(&armed_name(capability, until))));
        let armed = armed.collect();
        let started = rest.phases.into_iter().map(|rest| {
            let StartedHeader { cause, started_at, event, completed } = rest;
            let phase = event.phase.clone();
            let population = MailboxSet::from(set(&population_name(&phase)));
            let changed = set(&changed_name(&phase));
            let event = PhaseStarted { population, ..event };
            (phase, Started { cause, started_at, event, changed, completed })
        });
        let started = started.collect();
        let waiting = rest.waiting.into_iter().map(|rest| {
            let mailboxes = set(&rest.name());
            let WaitingHeader { phase, capabilities, attempts, retry_at, nth: _ } = rest;
            Waiting { phase, capabilities, attempts, retry_at, mailboxes }
        });
        let waiting = waiting.collect();
        let incidents = rest.incidents.into_iter().map(|rest| {
            let (open, resolved) = (set(&open_name(&rest.key)), set(&resolved_name(&rest.key)));
            let IncidentHeader { key, capabilities, attempts, first_seen, last_seen } = rest;
            (key, Incident { capabilities, open, resolved, attempts, first_seen, last_seen })
        });
        let incidents = incidents.collect();
        let open = rest.drifting.into_iter().map(|rest| {
            let mailboxes = set(&drifting_name(rest.found_at));
            let DriftingHeader { capability, expected, found, repair, found_at, since } = rest;
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
            notices: Box::new(Notices::from_snapshot(rest.notices, &mut set)),
            erasure: Box::new(Erasure {
                ordered: set("erasure/ordered"),
                erased: set("erasure/erased"),
            }),
            log_requests: rest.log_requests,
            vouchers: Box::new(Vouchers::from_snapshot(rest.vouchers, set)),
        }
    }
}
