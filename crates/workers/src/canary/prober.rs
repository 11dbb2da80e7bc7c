//! The prober: tries the canaries beside each boundary, and records what it was answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    CanaryProbed, CanaryRules, Capability, Door, Entitled, Event, Finding, Found, ProbesDue,
    Refusals, Side, State, Tick, Window, probes_due,
};
use eventstore::{Journal, Origin, canary_stream};
use futures::future::join_all;
use metrics::counter;

use super::doors::{Canary, Doors, Seen};
use crate::Error;

/// How soon it is looked again for a canary that is not in the registry.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// So often another prober may be faster at recording before a pass is given up.
const TRIES: usize = 5;

/// Knows which mailbox an address is.
#[async_trait]
pub trait CanaryBook: Send + Sync {
    /// Its number; `None` where it was not registered yet. The error is one sentence.
    async fn number(&self, address: &str) -> Result<Option<u32>, String>;
}

/// Tries the canaries; one at a time works, and two do no harm.
pub struct Prober {
    journal: Arc<Journal>,
    book: Arc<dyn CanaryBook>,
    doors: Doors,
    numbers: BTreeMap<String, u32>,
    looked_at: Option<DateTime<Utc>>,
    /// What was seen and could not be recorded yet.
    unrecorded: Vec<Probed>,
}

struct Probed {
    event: CanaryProbed,
    window: Window,
    /// How many probes for the same instant were known when it began.
    seen: u32,
}

/// What a look at the state found to do.
struct Todo {
    rules: Box<CanaryRules>,
    refusals: Refusals,
    revision: u32,
    due: ProbesDue,
    entitled: Option<Entitled>,
}

impl Prober {
    /// A prober that has tried nothing yet.
    pub fn new(journal: Arc<Journal>, book: Arc<dyn CanaryBook>, doors: Doors) -> Self {
        let (numbers, looked_at, unrecorded) = (BTreeMap::new(), None, Vec::new());
        Self { journal, book, doors, numbers, looked_at, unrecorded }
    }

    /// One pass: records what is not recorded yet, and tries the canaries of every boundary that it is time for.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.record().await?;
        let missing = self.look_up().await?;
        let now = self.journal.now();
        let Some(todo) = self.look(now).await? else { return Ok(Tick::default()) };
        if todo.due.now.is_empty() {
            let again = missing.then(|| now.checked_add_signed(LOOK_AGAIN)).flatten();
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

    /// Finds the numbers of canaries that are not known yet; true where some are not in the registry.
    async fn look_up(&mut self) -> Result<bool, Error> {
        let addresses = {
            let known = self.journal.known().await?;
            let rules = known.state().plan().and_then(|plan| plan.canaries.as_ref());
            rules.map(|rules| rules.addresses.clone()).unwrap_or_default()
        };
        let missing: Vec<_> =
            addresses.into_iter().filter(|address| !self.numbers.contains_key(address)).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let now = self.journal.now();
        // A clock that went back ends the rest too.
        let rests = |at: DateTime<Utc>| at <= now && now.signed_duration_since(at) < LOOK_AGAIN;
        if self.looked_at.is_some_and(rests) {
            return Ok(true);
        }
        let mut left = false;
        for address in missing {
            match self.book.number(&address).await {
                Ok(Some(number)) => {
                    self.numbers.insert(address, number);
                }
                Ok(None) => left = true,
                Err(problem) => {
                    tracing::warn!("a canary could not be looked up: {problem}");
                    left = true;
                }
            }
        }
        if left && self.looked_at.is_none() {
            tracing::warn!(
                "some canaries of the plan are not in the registry; they are not probed"
            );
        }
        self.looked_at = Some(now);
        Ok(left)
    }

    async fn look(&self, now: DateTime<Utc>) -> Result<Option<Todo>, Error> {
        let known = self.journal.known().await?;
        let state = known.state();
        let Some(plan) = state.plan() else { return Ok(None) };
        let Some(rules) = plan.canaries.clone() else { return Ok(None) };
        let numbers: Vec<u32> = rules
            .addresses
            .iter()
            .filter_map(|address| self.numbers.get(address))
            .copied()
            .collect();
        let due = probes_due(state, &numbers, now);
        let entitled = if due.now.is_empty() { None } else { Entitled::by(state) };
        let (refusals, revision) = (plan.refusals.clone(), state.programme.revision());
        Ok(Some(Todo { rules, refusals, revision, due, entitled }))
    }

    async fn probe(&self, todo: &Todo, window: &Window, number: u32) -> Option<Probed> {
        let address = self.numbers.iter().find(|(_, known)| **known == number)?.0;
        let canary = Canary::of(&todo.rules, address);
        let seen = {
            let known = self.journal.known().await.ok()?;
            attempts(known.state(), window, number)
        };
        let began_at = self.journal.now();
        let now = || self.journal.now();
        let Seen { found, transcripts } = self.doors.probe(&canary, &todo.refusals, &now).await;
        let ended_at = self.journal.now();
        let ended = |door: Door| {
            let transcript = transcripts.iter().find(|transcript| transcript.door == door);
            transcript.map_or(ended_at, |transcript| transcript.ended_at)
        };
        let findings = found.into_iter().map(|(capability, door, found)| Finding {
            capability,
            expected: expected(todo.entitled.as_ref(), number, capability, began_at),
            found: judged(window, ended(door), found),
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
        Some(Probed { event, window: window.clone(), seen })
    }

    /// Records what was seen, but where another prober has recorded the same meanwhile.
    async fn record(&mut self) -> Result<(), Error> {
        for _ in 0..TRIES {
            if self.unrecorded.is_empty() {
                return Ok(());
            }
            let stream = canary_stream(self.journal.programme())?;
            // Read before the state: whatever is recorded in between makes the append a conflict.
            let expected = self.journal.version_of(&stream).await?;
            let origin = {
                let known = self.journal.known().await?;
                let state = known.state();
                self.unrecorded.retain(|probed| probed.is_news(state));
                origin(state, &self.unrecorded)
            };
            let events: Vec<_> = self
                .unrecorded
                .iter()
                .map(|probed| Event::CanaryProbed(probed.event.clone()))
                .collect();
            if events.is_empty() {
                return Ok(());
            }
            match self.journal.append(stream, expected, &events, &origin).await {
                Ok(_) => {
                    for Probed { event, .. } in self.unrecorded.drain(..) {
                        tell(&event);
                    }
                }
                Err(eventstore::Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
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
        attempts(state, &self.window, self.event.number) <= self.seen
    }
}

/// How many probes for that side of a boundary are known.
fn attempts(state: &State, window: &Window, number: u32) -> u32 {
    state.canaries.probe(window, number).map_or(0, |probe| probe.attempts)
}

/// May this mailbox use a capability at that instant, by the plan, its life and its holds?
pub fn expected(
    entitled: Option<&Entitled>,
    number: u32,
    capability: Capability,
    at: DateTime<Utc>,
) -> bool {
    entitled.is_some_and(|entitled| entitled.check(number, capability, at).is_ok())
}

/// What was found, if it counts: what was answered after a boundary says nothing about before it.
pub fn judged(window: &Window, ended_at: DateTime<Utc>, found: Found) -> Found {
    let known = !matches!(found, Found::Unknown(_));
    if known && window.side == Side::Before && ended_at >= window.due_at {
        return Found::Unknown("too-late".to_owned());
    }
    found
}

/// What follows from the start of a phase, where that is recorded already.
fn origin(state: &State, probed: &[Probed]) -> Origin {
    let origin = Origin::part("canary");
    let after = probed.first().filter(|probed| probed.event.side == Side::After);
    match after.and_then(|probed| state.phases.get(&probed.event.phase)) {
        Some(started) => origin.caused_by(started.cause, started.cause),
        None => origin,
    }
}

/// Says and counts what is in the log by then.
fn tell(event: &CanaryProbed) {
    for finding in &event.findings {
        let result = match finding.found {
            Found::Allowed => "allowed",
            Found::Refused(_) => "refused",
            Found::Unknown(_) => "unknown",
        };
        let capability = finding.capability.name();
        counter!("tramonto_canary_probes_total", "capability" => capability, "result" => result)
            .increment(1);
        if finding.agrees() == Some(false) {
            let (phase, side) = (event.phase.as_str(), event.side.name());
            let expected = finding.expected;
            tracing::error!(phase, side, capability, expected, "a canary was answered otherwise");
        }
    }
}
