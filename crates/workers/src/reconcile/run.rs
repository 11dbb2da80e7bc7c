//! One comparison: its position, its counts and its steps.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Capability, Compared, DriftChecked, Event, Expectation, MailboxSet, Observation, expected,
};
use eventstore::{Origin, drift_stream};
use roaring::RoaringBitmap;

use super::Reconciler;
use crate::Error;

/// The most numbers in a range, and mailboxes in a page: one Roaring container.
const RANGE: u32 = 0x1_0000;

/// The next step of a comparison.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Compare the range of the next mailbox from this number on.
    Compare(u32),
    /// List the mailboxes of the platform from this number on.
    List(u32),
    /// Record the result.
    Conclude,
}

/// A comparison.
pub(super) struct Run {
    /// Its result so far, without the counts of capabilities.
    pub(super) checked: DriftChecked,
    step: Step,
    /// Numbers in the next range, a power of two.
    span: u32,
    counts: BTreeMap<Capability, Compared>,
}

impl Run {
    pub(super) fn new(
        scheduled_for: Option<DateTime<Utc>>,
        repair: bool,
        from_position: u64,
    ) -> Self {
        let checked = DriftChecked {
            scheduled_for,
            repair,
            from_position,
            to_position: from_position,
            mailboxes: 0,
            capabilities: Vec::new(),
            known: 0,
            unknown_to_registry: MailboxSet::new(),
            numberless: 0,
            unknown_to_platform: MailboxSet::new(),
        };
        Self { checked, step: Step::Compare(0), span: RANGE, counts: BTreeMap::new() }
    }

    /// Counts compared mailboxes; those unknown to the platform were not compared.
    fn count(&mut self, expectation: &Expectation, unknown: &RoaringBitmap, drifting: u64) {
        let capability = expectation.capability;
        let compared = Compared { capability, compared: 0, left_out: 0, drifting: 0 };
        let counts = self.counts.entry(capability).or_insert(compared);
        counts.compared += expectation.compared_but(unknown);
        counts.left_out += expectation.left_out.len();
        counts.drifting += drifting;
    }
}

impl Reconciler {
    /// Takes the next step of the comparison, and returns the result of the last one. After an
    /// error the same step is retried with half as many mailboxes, so that the comparison completes
    /// even if the platform sometimes fails on large calls.
    pub(super) async fn step(&mut self, origin: &Origin) -> Result<Option<DriftChecked>, Error> {
        let Some(mut run) = self.run.take() else { return Ok(None) };
        let taken = match run.step {
            Step::Compare(from) => self.compare(&mut run, from, origin).await,
            Step::List(from) => self.list(&mut run, from).await,
            Step::Conclude => return self.conclude(run, origin).await,
        };
        match taken {
            Ok(next) => {
                run.step = next;
                run.span = run.span.saturating_mul(2).min(RANGE);
            }
            Err(error) => {
                run.span = (run.span / 2).max(1);
                self.run = Some(run);
                return Err(error);
            }
        }
        self.run = Some(run);
        Ok(None)
    }

    async fn compare(&self, run: &mut Run, from: u32, origin: &Origin) -> Result<Step, Error> {
        let controls = self.reach.controls;
        let (range, numbers, active, expectations) = {
            let snapshot = self.journal.state().await?;
            let (state, now) = (&snapshot, self.journal.now());
            let Some(first) = state.rights.activated.range(from..).next() else {
                return Ok(Step::List(0));
            };
            let within = run.span - 1;
            // A range that grew again may reach back to compared mailboxes.
            let range = from.max(first & !within)..=(first | within);
            let mut numbers = RoaringBitmap::new();
            numbers.insert_range(range.clone());
            numbers &= &state.rights.activated;
            let active = &(&numbers - &state.rights.withdrawn) - &state.erasure.erased;
            let expectations = expected(state, now, self.reach, range.clone());
            (range, MailboxSet::from(numbers), active, expectations)
        };
        let actual = self.platform.read(&numbers, controls).await?;
        let ends = self.platform.ends(&numbers, controls).await?;
        let seen = Observation { now: &actual.now, ends: &ends, unknown: &actual.unknown };
        let confirmed = self
            .record_drift(&expectations, seen, range.clone(), run.checked.repair, origin)
            .await?;
        // Counted only after the whole range: after an error it is retried.
        run.checked.mailboxes += numbers.len();
        let unknown = &*run.checked.unknown_to_platform | (active & &*actual.unknown);
        run.checked.unknown_to_platform = unknown.into();
        for expectation in &expectations {
            let drifting = confirmed.get(&expectation.capability).map_or(0, RoaringBitmap::len);
            run.count(expectation, &actual.unknown, drifting);
        }
        let next = range.end().checked_add(1);
        Ok(next.map_or(Step::List(0), Step::Compare))
    }

    async fn list(&self, run: &mut Run, from: u32) -> Result<Step, Error> {
        let limit = run.span;
        let page = self.platform.known(from, limit).await?;
        // The log knows a mailbox before the platform does, so it is read second.
        let snapshot = self.journal.state().await?;
        let unknown = &*page.mailboxes - &snapshot.rights.activated;
        let unknown = &*run.checked.unknown_to_registry | unknown;
        run.checked.unknown_to_registry = unknown.into();
        run.checked.known += page.mailboxes.len();
        run.checked.numberless += page.numberless;
        let next = page.mailboxes.max().and_then(|last| last.checked_add(1));
        let full = page.mailboxes.len() >= u64::from(limit);
        Ok(next.filter(|_| full).map_or(Step::Conclude, Step::List))
    }

    async fn conclude(
        &mut self,
        mut run: Run,
        origin: &Origin,
    ) -> Result<Option<DriftChecked>, Error> {
        let stream = drift_stream(self.journal.programme())?;
        let attempt = async {
            let unknown = &mut run.checked.unknown_to_platform;
            if !unknown.is_empty() {
                // Mailboxes that were being created when the range was read exist by now.
                let actual = self.platform.read(unknown, self.reach.controls).await?;
                *unknown = (&**unknown & &*actual.unknown).into();
            }
            Ok::<_, Error>(self.journal.version_of(&stream).await?)
        };
        let expected = match attempt.await {
            Ok(expected) => expected,
            Err(error) => {
                self.run = Some(run);
                return Err(error);
            }
        };
        let checked = DriftChecked {
            to_position: self.journal.state().await?.position(),
            capabilities: run.counts.into_values().collect(),
            ..run.checked
        };
        let event = Event::DriftChecked(checked.clone());
        // Not the journal's decision loop: after a conflict the whole run is stale.
        self.journal.append(stream, expected, &[event], origin).await?;
        tracing::info!(
            mailboxes = checked.mailboxes,
            drifting = checked.drifting(),
            "platform compared with the log"
        );
        Ok(Some(checked))
    }
}
