//! Failed effects: mailboxes that wait for a retry, and incidents grouped by phase and cause.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::{MultiOps, RoaringBitmap};
use serde::{Deserialize, Serialize};

use super::split_by_attempts;
use crate::{
    Capabilities, Capability, EffectFailed, Event, Fact, IncidentKey, IncidentOpened, MailboxSet,
    PhaseId,
};

/// Mailboxes that failed permanently for one cause.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The capabilities that could not be changed.
    pub capabilities: Capabilities,
    /// Mailboxes that wait for an operator.
    #[serde(skip)]
    pub open: RoaringBitmap,
    /// Mailboxes that an operator resolved by other means.
    #[serde(skip)]
    pub resolved: RoaringBitmap,
    /// The largest number of attempts for one mailbox.
    pub attempts: u32,
    /// When the first failure was recorded.
    pub first_seen: DateTime<Utc>,
    /// When the latest failure was recorded.
    pub last_seen: DateTime<Utc>,
}

/// The work for which attempts are counted: attempts at one work do not count for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted<'a> {
    /// Changing rights, for this phase or for none.
    Rights(Option<&'a PhaseId>),
    /// Issuing vouchers.
    Vouchers,
}

impl<'a> Attempted<'a> {
    fn of(phase: Option<&'a PhaseId>, capabilities: Capabilities) -> Self {
        if capabilities.contains(Capability::RequestVoucher) {
            Self::Vouchers
        } else {
            Self::Rights(phase)
        }
    }
}

impl<'a> From<Option<&'a PhaseId>> for Attempted<'a> {
    fn from(phase: Option<&'a PhaseId>) -> Self {
        Self::Rights(phase)
    }
}

impl<'a> From<&'a EffectFailed> for Attempted<'a> {
    fn from(failure: &'a EffectFailed) -> Self {
        Self::of(failure.phase.as_ref(), failure.capabilities)
    }
}

/// Retries and incidents, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// The latest failures, each with the mailboxes that still wait for its next attempt.
    pub waiting: Vec<EffectFailed>,
    /// The incidents, by phase and cause.
    pub incidents: BTreeMap<IncidentKey, Incident>,
}

impl Incident {
    fn is_of(&self, key: &IncidentKey, work: Attempted<'_>) -> bool {
        Attempted::of(key.phase.as_ref(), self.capabilities) == work
    }
}

impl Failures {
    /// Mailboxes that failed permanently at this work, with incidents open or resolved.
    pub fn failed<'a>(&self, work: impl Into<Attempted<'a>>) -> RoaringBitmap {
        let work = work.into();
        let incidents = self.incidents.iter().filter(|(key, incident)| incident.is_of(key, work));
        incidents.flat_map(|(_, incident)| [&incident.open, &incident.resolved]).union()
    }

    /// Those that wait for the next attempt at this work, due or not.
    pub fn retrying<'a>(&self, work: impl Into<Attempted<'a>>) -> RoaringBitmap {
        self.waiting_for(work.into()).map(|waiting| &*waiting.mailboxes).union()
    }

    /// Those whose next attempt at this work is still in the future.
    pub fn backing_off<'a>(
        &self,
        work: impl Into<Attempted<'a>>,
        now: DateTime<Utc>,
    ) -> RoaringBitmap {
        let waiting = self.waiting_for(work.into()).filter(|waiting| waiting.retry_at > now);
        waiting.map(|waiting| &*waiting.mailboxes).union()
    }

    /// Splits mailboxes by the number of attempts at this work.
    pub fn by_attempts<'a>(
        &self,
        work: impl Into<Attempted<'a>>,
        mailboxes: &RoaringBitmap,
    ) -> BTreeMap<u32, RoaringBitmap> {
        let waiting = self.waiting_for(work.into());
        split_by_attempts(mailboxes, waiting.map(|it| (it.attempts, &*it.mailboxes)))
    }

    /// The earliest attempt after `now`.
    pub fn next_retry(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.waiting.iter().map(|waiting| waiting.retry_at).filter(|at| *at > now).min()
    }

    fn waiting_for(&self, work: Attempted<'_>) -> impl Iterator<Item = &EffectFailed> {
        self.waiting.iter().filter(move |waiting| Attempted::from(*waiting) == work)
    }

    /// The next state after a failure, a retry or a resolution. Never fails and never decides.
    pub(super) fn evolve(&mut self, fact: &Fact) {
        if let Event::EffectFailed(failure) = &fact.event {
            self.clear(failure, &failure.mailboxes);
            self.waiting.push(failure.clone());
        } else if let Event::IncidentOpened(event) = &fact.event {
            self.open(event, fact.recorded_at);
        } else if let Event::IncidentRetried(event) = &fact.event {
            let key = IncidentKey::new(event.phase.as_ref(), &event.cause);
            self.retry(&key, &event.mailboxes);
        } else if let Event::IncidentResolved(event) = &fact.event {
            let key = IncidentKey::new(event.phase.as_ref(), &event.cause);
            self.resolve(&key, &event.mailboxes);
        }
    }

    fn open(&mut self, event: &IncidentOpened, seen: DateTime<Utc>) {
        let work = Attempted::of(event.phase.as_ref(), event.capabilities);
        self.clear(work, &event.mailboxes);
        if event.mailboxes.is_empty() {
            return;
        }
        let key = IncidentKey::new(event.phase.as_ref(), &event.cause);
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

    /// This work succeeded for these mailboxes, or is under a new heading.
    pub(super) fn clear<'a>(&mut self, work: impl Into<Attempted<'a>>, mailboxes: &MailboxSet) {
        let work = work.into();
        for waiting in &mut self.waiting {
            if Attempted::from(&*waiting) == work {
                *waiting.mailboxes.inner_mut() -= &**mailboxes;
            }
        }
        for (key, incident) in &mut self.incidents {
            if incident.is_of(key, work) {
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
