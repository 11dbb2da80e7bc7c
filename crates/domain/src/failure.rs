//! What did not work: mailboxes that wait for another attempt, and incidents grouped by cause.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Event, Fact, IncidentOpened, MailboxSet, PhaseId, TransientFailure};

/// What an incident is called: its phase and its cause, written `phase:cause`, or `-:cause` where it
/// belongs to no phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentKey {
    /// The phase it is for.
    pub phase: Option<PhaseId>,
    /// Why, as a short code.
    pub cause: String,
}

/// Mailboxes that were given up for one cause.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incident {
    /// What could not be changed.
    pub capabilities: Capabilities,
    /// Those that wait for an operator.
    pub open: RoaringBitmap,
    /// Those an operator dealt with otherwise.
    pub resolved: RoaringBitmap,
    /// The most attempts made for any of them.
    pub attempts: u32,
    /// When the first of them was recorded.
    pub first_seen: DateTime<Utc>,
    /// When the latest of them was recorded.
    pub last_seen: DateTime<Utc>,
}

/// Mailboxes that wait for their next attempt together.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// What they wait for.
    pub phase: Option<PhaseId>,
    /// Attempts made so far.
    pub attempts: u32,
    /// Not before this instant.
    pub retry_at: DateTime<Utc>,
    /// Who.
    pub mailboxes: RoaringBitmap,
}

/// All that did not work, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failures {
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) incidents: BTreeMap<IncidentKey, Incident>,
}

impl Failures {
    /// Those that wait for another attempt.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// The incidents, by phase and cause.
    pub fn incidents(&self) -> &BTreeMap<IncidentKey, Incident> {
        &self.incidents
    }

    /// Those given up for a phase, open or resolved.
    pub fn given_up(&self, phase: Option<&PhaseId>) -> RoaringBitmap {
        let of_phase = self.incidents.iter().filter(|(key, _)| key.phase.as_ref() == phase);
        of_phase.fold(RoaringBitmap::new(), |all, (_, incident)| {
            &(all | &incident.open) | &incident.resolved
        })
    }

    /// Those that wait for a phase's next attempt, due or not.
    pub fn retrying(&self, phase: Option<&PhaseId>) -> RoaringBitmap {
        self.waiting_for(phase).fold(RoaringBitmap::new(), |all, waiting| all | &waiting.mailboxes)
    }

    /// Those whose next attempt for a phase is still in the future.
    pub fn backing_off(&self, phase: Option<&PhaseId>, now: DateTime<Utc>) -> RoaringBitmap {
        self.waiting_for(phase)
            .filter(|waiting| waiting.retry_at > now)
            .fold(RoaringBitmap::new(), |all, waiting| all | &waiting.mailboxes)
    }

    /// The mailboxes split by how many attempts were made for the phase.
    pub fn by_attempts(
        &self,
        phase: Option<&PhaseId>,
        mailboxes: &RoaringBitmap,
    ) -> BTreeMap<u32, RoaringBitmap> {
        let mut rest = mailboxes.clone();
        let mut split: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
        for waiting in self.waiting_for(phase) {
            let these = &waiting.mailboxes & &rest;
            if !these.is_empty() {
                rest -= &these;
                *split.entry(waiting.attempts).or_default() |= these;
            }
        }
        if !rest.is_empty() {
            split.insert(0, rest);
        }
        split
    }

    /// The earliest instant at which someone's next attempt is due after `now`.
    pub fn next_retry(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.waiting.iter().map(|waiting| waiting.retry_at).filter(|at| *at > now).min()
    }

    fn waiting_for<'a>(&'a self, phase: Option<&'a PhaseId>) -> impl Iterator<Item = &'a Waiting> {
        self.waiting.iter().filter(move |waiting| waiting.phase.as_ref() == phase)
    }

    /// The next state, by what did not work or is to be tried again. Never fails and never decides.
    pub(crate) fn evolve(&mut self, fact: &Fact) {
        if let Event::TransientFailure(failure) = &fact.event {
            self.wait(failure);
        } else if let Event::IncidentOpened(event) = &fact.event {
            self.open(event, fact.recorded_at);
        } else if let Event::IncidentRetried(event) = &fact.event {
            let key = IncidentKey { phase: event.phase.clone(), cause: event.cause.clone() };
            self.retry(&key, &event.mailboxes);
        } else if let Event::IncidentResolved(event) = &fact.event {
            let key = IncidentKey { phase: event.phase.clone(), cause: event.cause.clone() };
            self.resolve(&key, &event.mailboxes);
        }
    }

    fn wait(&mut self, failure: &TransientFailure) {
        self.forget(failure.phase.as_ref(), &failure.mailboxes);
        self.waiting.push(Waiting {
            phase: failure.phase.clone(),
            attempts: failure.attempts,
            retry_at: failure.retry_at,
            mailboxes: RoaringBitmap::clone(&failure.mailboxes),
        });
    }

    fn open(&mut self, event: &IncidentOpened, seen: DateTime<Utc>) {
        self.forget(event.phase.as_ref(), &event.mailboxes);
        if event.mailboxes.is_empty() {
            return;
        }
        let key = IncidentKey { phase: event.phase.clone(), cause: event.cause.clone() };
        let opened = || Incident { first_seen: seen, ..Incident::default() };
        let incident = self.incidents.entry(key).or_insert_with(opened);
        incident.capabilities = incident.capabilities.union(event.capabilities);
        incident.attempts = incident.attempts.max(event.attempts);
        incident.last_seen = seen;
        incident.open |= &*event.mailboxes;
    }

    fn retry(&mut self, key: &IncidentKey, mailboxes: &MailboxSet) {
        if let Some(incident) = self.incidents.get_mut(key) {
            incident.open -= &**mailboxes;
            incident.resolved -= &**mailboxes;
        }
        self.drop_empty();
    }

    fn resolve(&mut self, key: &IncidentKey, mailboxes: &MailboxSet) {
        if let Some(incident) = self.incidents.get_mut(key) {
            let these = &incident.open & &**mailboxes;
            incident.open -= &these;
            incident.resolved |= these;
        }
    }

    /// The phase's effect on these mailboxes succeeded, or is under a new heading.
    pub(crate) fn forget(&mut self, phase: Option<&PhaseId>, mailboxes: &MailboxSet) {
        for waiting in &mut self.waiting {
            if waiting.phase.as_ref() == phase {
                waiting.mailboxes -= &**mailboxes;
            }
        }
        for (key, incident) in &mut self.incidents {
            if key.phase.as_ref() == phase {
                incident.open -= &**mailboxes;
                incident.resolved -= &**mailboxes;
            }
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        self.waiting.retain(|waiting| !waiting.mailboxes.is_empty());
        self.incidents.retain(|_, gone| !gone.open.is_empty() || !gone.resolved.is_empty());
    }
}

impl fmt::Display for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Some(phase) => write!(f, "{phase}:{}", self.cause),
            None => write!(f, "-:{}", self.cause),
        }
    }
}

impl FromStr for IncidentKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (phase, cause) =
            text.split_once(':').filter(|(_, cause)| !cause.is_empty()).ok_or_else(|| {
                format!("{text:?} is no incident; write PHASE:CAUSE as `incidents list` shows it")
            })?;
        let phase = if phase == "-" { None } else { Some(phase.parse()?) };
        Ok(Self { phase, cause: cause.to_owned() })
    }
}

impl TryFrom<String> for IncidentKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IncidentKey> for String {
    fn from(key: IncidentKey) -> Self {
        key.to_string()
    }
}
