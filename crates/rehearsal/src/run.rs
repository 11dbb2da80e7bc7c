//! A rehearsal: the real engine under a virtual clock, from before the first phase to after the
//! last.
//!
//! The clock stands still while there is work and jumps to the next wake when there is none, so
//! years pass in minutes and every instant is exact. The engine cannot tell the difference.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use domain::Plan;
use engine::embedded::Engine;
use engine::parts::Progress;
use engine::store::Store;
use engine::{EngineSettings, Error, Home, RunMode};
use eventstore::Clock;
use platform::Chance;

use crate::{Holders, VirtualClock};

/// How a rehearsal is run.
#[derive(Debug, Clone)]
pub struct RehearsalSettings {
    /// The plan.
    pub plan: Plan,
    /// The engine's own settings.
    pub engine: EngineSettings,
    /// Drops the engine and opens it again each time that many events were recorded.
    pub crash_every: Option<u64>,
}

/// Observes the progress of a rehearsal.
pub trait Observer: Send {
    /// Called before so many registrations are generated.
    fn generating(&mut self, _registrations: u32) {}

    /// Called after each batch of the import.
    fn imported(&mut self, _read: registry::Progress) {}

    /// Called when the clock was set or work was done.
    fn observe(&mut self, now: DateTime<Utc>, state: &domain::State);
}

/// A day before the first phase, at noon: registrations of the last day before it are in the past.
pub fn begins_at(plan: &Plan) -> DateTime<Utc> {
    plan.starts_at(0) - Duration::hours(12)
}

/// The day after the last phase started.
fn ends_at(plan: &Plan) -> DateTime<Utc> {
    plan.starts_at(plan.phases.len().saturating_sub(1)) + Duration::days(1)
}

/// A rehearsal in progress.
pub struct Rehearsal {
    /// The engine; a crash replaces it.
    pub engine: Engine,
    clock: Arc<VirtualClock>,
    settings: RehearsalSettings,
    /// The holders who request vouchers and logs; none by default.
    pub holders: Holders,
    /// The number of times the engine was dropped and opened again.
    pub crashes: u64,
    crashed_at: u64,
}

impl Rehearsal {
    /// Opens a store and the engine on it, at the instant that the clock shows.
    pub async fn open(
        home: &Home,
        clock: Arc<VirtualClock>,
        settings: RehearsalSettings,
    ) -> Result<Self, Error> {
        let engine = open(home, &clock, &settings).await?;
        Self::over(engine, clock, settings).await
    }

    /// Over an engine that is open already.
    pub async fn over(
        engine: Engine,
        clock: Arc<VirtualClock>,
        settings: RehearsalSettings,
    ) -> Result<Self, Error> {
        let crashed_at = engine.store.log().head().await?;
        let holders = Holders::new(Chance::NEVER, 0);
        Ok(Self { engine, clock, settings, holders, crashes: 0, crashed_at })
    }

    /// Runs the programme to its end.
    pub async fn run(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        self.holders.plan(&self.engine).await?;
        let ends_at = ends_at(&self.settings.plan);
        let ends_at = self.holders.last().map_or(ends_at, |last| last.max(ends_at));
        self.run_until(ends_at, observer).await?;
        // Retries that are still waiting end in success or in an incident.
        while let Some(wake) = self.next_attempt().await? {
            self.run_until(wake, observer).await?;
        }
        Ok(())
    }

    /// Runs until that instant, and until nothing is left to do at it.
    pub async fn run_until(
        &mut self,
        end: DateTime<Utc>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        loop {
            let next_wake = self.settle(observer).await?;
            if Box::pin(self.holders.act(&self.engine)).await? {
                continue;
            }
            if self.clock.now() >= end {
                return Ok(());
            }
            let next = next_wake.into_iter().chain(self.holders.next()).fold(end, DateTime::min);
            self.clock.set(next);
            self.engine.store.set_directory_clock(next).await?;
        }
    }

    /// Does everything there is to do at the instant that the clock shows.
    async fn settle(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        let mut appended = self.engine.store.log().appended();
        loop {
            appended.borrow_and_update();
            // Read before the tick: the tick has seen the outcome of every order that ended since.
            let in_flight = self.engine.in_flight().await?;
            let Progress { done, next_wake, .. } = self.engine.tick().await?;
            observer.observe(self.clock.now(), &*self.engine.journal.state().await?);
            if self.crash_where_due().await? {
                appended = self.engine.store.log().appended();
                continue;
            }
            if done == 0 && in_flight == 0 {
                return Ok(next_wake);
            }
            if done == 0 {
                self.engine.outcome(&mut appended).await;
            }
        }
    }

    /// Drops the engine in the middle of its work and opens it again, once enough was recorded.
    async fn crash_where_due(&mut self) -> Result<bool, Error> {
        let Some(every) = self.settings.crash_every else { return Ok(false) };
        let head = self.engine.store.log().head().await?;
        if head < self.crashed_at.saturating_add(every) {
            return Ok(false);
        }
        self.crashed_at = head;
        self.crashes += 1;
        self.engine.crash().await;
        let home = self.engine.store.settings().home()?;
        self.engine = open(&home, &self.clock, &self.settings).await?;
        Ok(true)
    }

    async fn next_attempt(&self) -> Result<Option<DateTime<Utc>>, Error> {
        Ok(self.engine.journal.state().await?.failures.next_retry(self.clock.now()))
    }
}

async fn open(
    home: &Home,
    clock: &Arc<VirtualClock>,
    rehearsal: &RehearsalSettings,
) -> Result<Engine, Error> {
    let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(clock);
    let store = Store::open_to_rehearse(home, &rehearsal.plan, handed).await?;
    store.set_directory_clock(clock.now()).await?;
    let settings = EngineSettings { mode: RunMode::Rehearsal, ..rehearsal.engine.clone() };
    Engine::open(store, settings).await
}
