//! The reconciliation: compares what the platform says with what the log says, range by range, and tells
//! where they differ.
//!
//! Invariants: one range of at most 65,536 numbers is in hand at a time, so memory is bounded whatever the
//! population; nothing is told that was under way, for a difference must be there by the log before and
//! after the platform was asked, and be there when it is asked again. Nothing is put right here: what is
//! told with the word to repair it is work, which the sweep finds. Deliberately absent: any change of a
//! mailbox that only one side knows.

mod confirm;
mod run;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{DriftChecked, DriftRules, PlatformCapabilities, State, Tick};
use eventstore::{Journal, Origin};

use crate::Error;
use platform::Platform;
use run::Run;

/// How soon a platform that did not answer is asked again.
const REST: TimeDelta = TimeDelta::seconds(30);

/// Compares the platform with the log when the plan says so, or when it is asked to.
pub struct Reconciler {
    journal: Arc<Journal>,
    platform: Arc<dyn Platform>,
    reach: PlatformCapabilities,
    run: Option<Run>,
    rest_until: Option<DateTime<Utc>>,
    /// The occurrence that the platform refused to be asked for.
    given_up: Option<DateTime<Utc>>,
}

impl Reconciler {
    /// One that has compared nothing yet. What is asked is paced by the platform that is handed in.
    pub fn new(
        journal: Arc<Journal>,
        platform: Arc<dyn Platform>,
        reach: PlatformCapabilities,
    ) -> Self {
        Self { journal, platform, reach, run: None, rest_until: None, given_up: None }
    }

    /// One pass: begins a comparison that is due, or takes the next range of the one under way. A platform
    /// that does not answer is asked again later; one that refuses, at the next occurrence.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.journal.now();
        if let Some(until) = self.rest_until.filter(|until| now < *until) {
            return Ok(Tick { progress: 0, next_wake: Some(until) });
        }
        self.rest_until = None;
        if self.run.is_none() {
            let snapshot = self.journal.state().await?;
            let due = due(&snapshot).filter(|(at, _)| self.given_up < Some(*at));
            let Some((at, repair)) = due else { return Ok(Tick::default()) };
            self.run = Some(Run::new(Some(at), repair, snapshot.position()));
        }
        match self.step(&Origin::part("drift")).await {
            Ok(_) => Ok(Tick { progress: 1, next_wake: None }),
            Err(Error::Platform(error)) if error.may_retry() => {
                tracing::warn!("the platform can't be compared now: {error}");
                self.rest_until = now.checked_add_signed(REST);
                Ok(Tick { progress: 0, next_wake: self.rest_until })
            }
            Err(Error::Platform(error)) => {
                tracing::error!("the platform can't be compared: {error}");
                self.given_up = self.run.take().and_then(|run| run.scheduled_for);
                Ok(Tick::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Compares everything now, whatever the plan says.
    pub async fn check(&mut self, repair: bool, origin: &Origin) -> Result<DriftChecked, Error> {
        let position = self.journal.state().await?.position();
        self.run = Some(Run::new(None, repair, position));
        loop {
            if let Some(checked) = self.step(origin).await? {
                return Ok(checked);
            }
        }
    }
}

/// The occurrence that was recorded and not answered yet, and whether what it finds is put right.
fn due(state: &State) -> Option<(DateTime<Utc>, bool)> {
    let rules = state.plan()?.drift.as_ref()?;
    let at = state.programme.last_occurrence(&DriftRules::recurring_name())?;
    (state.drift.answered() < Some(at)).then_some((at, rules.repair))
}
