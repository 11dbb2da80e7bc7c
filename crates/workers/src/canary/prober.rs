//! The prober: probes the canaries before and after each boundary, and records the findings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    CanaryProbed, CanaryRules, Capability, Entitled, Event, Finding, ProbeAnswer, ProbesDue,
    Protocol, Refusals, Side, State, Tick, Window, probes_due,
};
use eventstore::{Decision, Journal, Origin, canary_stream};
use futures::future::join_all;
use metrics::counter;

use super::endpoints::{Canary, ProbeEndpoints, ProbeResult};
use crate::Error;

/// How soon a canary that is not in the registry is looked up again.
const LOOKUP_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// Looks up the mailbox of an address.
#[async_trait]
pub trait CanaryLookup: Send + Sync {
    /// Its number; `None` if it is not registered yet. The error is one sentence.
    async fn number(&self, address: &str) -> Result<Option<u32>, String>;
}

/// Probes the canaries. One prober at a time is enough; two do no harm.
pub struct Prober {
    journal: Arc<Journal>,
    lookup: Arc<dyn CanaryLookup>,
    endpoints: ProbeEndpoints,
    numbers: BTreeMap<String, u32>,
    looked_up_at: Option<DateTime<Utc>>,
    /// Findings that could not be recorded yet.
    unrecorded: Vec<Probed>,
}

struct Probed {
    event: CanaryProbed,
    window: Window,
    /// The number of recorded probes of the same boundary when this one began.
    recorded: u32,
}

/// What there is to probe.
struct Todo {
    rules: Box<CanaryRules>,
    refusals: Refusals,
    revision: u32,
    due: ProbesDue,
    entitled: Option<Entitled>,
}

impl Prober {
    /// A prober that has probed nothing yet.
    pub fn new(
        journal: Arc<Journal>,
        lookup: Arc<dyn CanaryLookup>,
        endpoints: ProbeEndpoints,
    ) -> Self {
        let (numbers, looked_up_at, unrecorded) = (BTreeMap::new(), None, Vec::new());
        Self { journal, lookup, endpoints, numbers, looked_up_at, unrecorded }
    }

    /// One pass: records pending findings, and probes the canaries of every boundary that is due.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.record().await?;
        let missing = self.look_up().await?;
        let now = self.journal.now();
        let Some(todo) = self.todo(now).await? else { return Ok(Tick::default()) };
        if todo.due.now.is_empty() {
            let again = missing.then(|| now.checked_add_signed(LOOKUP_INTERVAL)).flatten();
            let next_wake = [todo.due.next_wake, again].into_iter().flatten().min();
            return Ok(Tick { progress: 0, next_wake });
        }
        let probed = {
            let probes = todo.due.now.iter().flat_map(|(window, numbers)| {
                numbers.iter().map(|number| self.probe(&todo, window, *number))
            });
            join_all(probes).await
        };
        self.unrecorded.extend(probed.into_iter().flatten());
        self.record().await?;
        Ok(Tick { progress: 1, next_wake: None })
    }

    /// Looks up the numbers of new canaries; true if some are not in the registry.
    async fn look_up(&mut self) -> Result<bool, Error> {
        let addresses = {
            let snapshot = self.journal.state().await?;
            let rules = snapshot.plan().and_then(|plan| plan.canaries.as_ref());
            rules.map(|rules| rules.addresses.clone()).unwrap_or_default()
        };
        let missing: Vec<_> =
            addresses.into_iter().filter(|address| !self.numbers.contains_key(address)).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let now = self.journal.now();
        // A clock that was set back ends the interval too.
        let recent =
            |at: DateTime<Utc>| at <= now && now.signed_duration_since(at) < LOOKUP_INTERVAL;
        if self.looked_up_at.is_some_and(recent) {
            return Ok(true);
        }
        let mut left = false;
        for address in missing {
            match self.lookup.number(&address).await {
                Ok(Some(number)) => {
                    self.numbers.insert(address, number);
                }
                Ok(None) => left = true,
                Err(problem) => {
                    tracing::warn!("cannot look up canary: {problem}");
                    left = true;
                }
            }
        }
        if left && self.looked_up_at.is_none() {
            tracing::warn!("canaries of the plan are not in the registry and not probed");
        }
        self.looked_up_at = Some(now);
        Ok(left)
    }

    async fn todo(&self, now: DateTime<Utc>) -> Result<Option<Todo>, Error> {
        let snapshot = self.journal.state().await?;
        let state = &*snapshot;
        let Some(plan) = state.plan() else { return Ok(None) };
        let Some(rules) = plan.canaries.clone() else { return Ok(None) };
        let numbers: Vec<u32> = rules
            .addresses
            .iter()
            .filter_map(|address| self.numbers.get(address))
            .copied()
            .collect();
        let due = probes_due(state, &numbers, now);
        let entitled = if due.now.is_empty() { None } else { Entitled::of(state) };
        let (refusals, revision) = (plan.refusals.clone(), state.programme.revision());
        Ok(Some(Todo { rules, refusals, revision, due, entitled }))
    }

    async fn probe(&self, todo: &Todo, window: &Window, number: u32) -> Option<Probed> {
        let address = self.numbers.iter().find(|(_, known)| **known == number)?.0;
        let canary = Canary::of(&todo.rules, address);
        let recorded = {
            let snapshot = self.journal.state().await.ok()?;
            attempts(&snapshot, window, number)
        };
        let began_at = self.journal.now();
        let now = || self.journal.now();
        let ProbeResult { found, transcripts } =
            self.endpoints.probe(&canary, &todo.refusals, &now).await;
        let ended_at = self.journal.now();
        let ended = |protocol: Protocol| {
            let transcript = transcripts.iter().find(|transcript| transcript.protocol == protocol);
            transcript.map_or(ended_at, |transcript| transcript.ended_at)
        };
        let findings = found.into_iter().map(|(capability, protocol, found)| Finding {
            capability,
            expected: expected(todo.entitled.as_ref(), number, capability, began_at),
            found: judged(window, ended(protocol), found),
        });
        let event = CanaryProbed {
            phase: window.phase.clone(),
            revision: todo.revision,
            side: window.side,
            due_at: window.due_at,
            began_at,
            ended_at,
            number,
            findings: findings.collect(),
            transcripts,
        };
        Some(Probed { event, window: window.clone(), recorded })
    }

    /// Records findings, except those that another prober has recorded meanwhile.
    async fn record(&mut self) -> Result<(), Error> {
        let Self { journal, unrecorded, .. } = self;
        let origin = {
            let snapshot = journal.state().await?;
            unrecorded.retain(|probed| probed.is_news(&snapshot));
            origin(&snapshot, unrecorded)
        };
        if unrecorded.is_empty() {
            return Ok(());
        }
        let on = Decision::on(canary_stream(journal.programme())?);
        let decided = journal.decide(&on, &origin, |snapshot, _| {
            unrecorded.retain(|probed| probed.is_news(snapshot));
            let events = unrecorded.iter();
            Ok::<_, Error>(events.map(|it| Event::CanaryProbed(it.event.clone())).collect())
        });
        decided.await?;
        for Probed { event, .. } in unrecorded.drain(..) {
            report(&event);
        }
        Ok(())
    }
}

impl Canary {
    /// A canary of the plan.
    pub fn of(rules: &CanaryRules, address: &str) -> Self {
        let recipient = rules.recipient.as_deref().unwrap_or(address).to_owned();
        Self { address: address.to_owned(), recipient }
    }
}

impl Probed {
    fn is_news(&self, state: &State) -> bool {
        attempts(state, &self.window, self.event.number) <= self.recorded
    }
}

/// The number of recorded probes of that side of a boundary.
fn attempts(state: &State, window: &Window, number: u32) -> u32 {
    state.canaries.probe(window, number).map_or(0, |probe| probe.attempts)
}

/// May this mailbox use a capability at that instant, by the plan, its state and its holds?
pub fn expected(
    entitled: Option<&Entitled>,
    number: u32,
    capability: Capability,
    at: DateTime<Utc>,
) -> bool {
    entitled.is_some_and(|entitled| entitled.check(number, capability, at).is_ok())
}

/// What was found, or unknown: a reply after a boundary says nothing about the time before it.
pub fn judged(window: &Window, ended_at: DateTime<Utc>, found: ProbeAnswer) -> ProbeAnswer {
    let known = !matches!(found, ProbeAnswer::Unknown(_));
    if known && window.side == Side::Before && ended_at >= window.due_at {
        return ProbeAnswer::Unknown("too-late".to_owned());
    }
    found
}

/// Caused by the start of the phase, if that is recorded.
fn origin(state: &State, probed: &[Probed]) -> Origin {
    let origin = Origin::part("canary");
    let after = probed.first().filter(|probed| probed.event.side == Side::After);
    match after.and_then(|probed| state.phases.get(&probed.event.phase)) {
        Some(started) => origin.caused_by(started.cause, started.cause),
        None => origin,
    }
}

/// Counts a recorded probe, and logs what was not as expected.
fn report(event: &CanaryProbed) {
    for finding in &event.findings {
        let result = match finding.found {
            ProbeAnswer::Allowed => "allowed",
            ProbeAnswer::Refused(_) => "refused",
            ProbeAnswer::Unknown(_) => "unknown",
        };
        let capability = finding.capability.name();
        counter!("tramonto_canary_probes_total", "capability" => capability, "result" => result)
            .increment(1);
        if finding.agrees() == Some(false) {
            let (phase, side) = (event.phase.as_str(), event.side.name());
            let expected = finding.expected;
            tracing::error!(phase, side, capability, expected, "canary probe contradicts the plan");
        }
    }
}
