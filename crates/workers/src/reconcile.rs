//! The reconciliation: compares the platform with the log, range by range, and records drift.
//!
//! Invariants: one range of at most 65,536 numbers is compared at a time, so memory is bounded;
//! work in flight is never reported as drift, because a difference must hold by the log before and
//! after the platform was read, and hold again on a second reading. Deliberately absent: repairs,
//! which are work that the sweep finds, and any change to a mailbox that only one side knows.

mod confirm;
mod run;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{DriftChecked, DriftRules, PlatformCapabilities, State, Tick};
use eventstore::{Journal, Origin};

use crate::Error;
use platform::Platform;
use run::Run;

/// The interval at which an unavailable platform is queried again.
const REST: TimeDelta = TimeDelta::seconds(30);

/// Compares the platform with the log, on the schedule of the plan or on request.
pub struct Reconciler {
    journal: Arc<Journal>,
    platform: Arc<dyn Platform>,
    reach: PlatformCapabilities,
    run: Option<Run>,
    rest_until: Option<DateTime<Utc>>,
    /// The occurrence that the platform refused to answer for.
    refused: Option<DateTime<Utc>>,
}

impl Reconciler {
    /// A reconciler that has compared nothing yet. The platform limits the rate of its calls.
    pub fn new(
        journal: Arc<Journal>,
        platform: Arc<dyn Platform>,
        reach: PlatformCapabilities,
    ) -> Self {
        Self { journal, platform, reach, run: None, rest_until: None, refused: None }
    }

    /// One pass: starts a due comparison, or compares the next range of the current one. An
    /// unavailable platform is queried again later; one that refuses, at the next occurrence.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.journal.now();
        if let Some(until) = self.rest_until.filter(|until| now < *until) {
            return Ok(Tick { progress: 0, next_wake: Some(until) });
        }
        self.rest_until = None;
        if self.run.is_none() {
            let snapshot = self.journal.state().await?;
            let due = due(&snapshot).filter(|(at, _)| self.refused < Some(*at));
            let Some((at, repair)) = due else { return Ok(Tick::default()) };
            self.run = Some(Run::new(Some(at), repair, snapshot.position()));
        }
        match self.step(&Origin::part("drift")).await {
            Ok(_) => Ok(Tick { progress: 1, next_wake: None }),
            Err(Error::Platform(error)) if error.may_retry() => {
                tracing::warn!("cannot compare the platform now: {error}");
                self.rest_until = now.checked_add_signed(REST);
                Ok(Tick { progress: 0, next_wake: self.rest_until })
            }
            Err(Error::Platform(error)) => {
                tracing::error!("cannot compare the platform: {error}");
                self.refused = self.run.take().and_then(|run| run.checked.scheduled_for);
                Ok(Tick::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Compares everything now, independently of the schedule.
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

/// The due occurrence, and whether its drift is repaired.
fn due(state: &State) -> Option<(DateTime<Utc>, bool)> {
    let rules = state.plan()?.drift.as_ref()?;
    let at = state.programme.last_occurrence(&DriftRules::recurring_name())?;
    (state.drift.answered < Some(at)).then_some((at, rules.repair))
}
