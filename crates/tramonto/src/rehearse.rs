//! The rehearsal: the real engine under a virtual clock, from before the first phase to after the last.
//!
//! The clock stands still while there is work and jumps to the next wake when there is none, so three
//! years pass in seconds and every instant is still exact. Nothing of the engine knows.

mod holders;
mod proof;
mod report;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use domain::{Plan, Tick};
use eventstore::{Clock, EventStore, Origin};

use crate::embedded::{Engine, Settings, Store};
use crate::{Error, Home, VirtualClock};
use platform::Chance;

pub use holders::{Holders, Told};
pub use proof::{Proof, prove, prove_shared};
pub use report::{PhaseReport, phases};

/// How a rehearsal is run.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The plan.
    pub plan: Plan,
    /// The engine's own settings.
    pub settings: Settings,
    /// Drops the engine and opens it again each time so many events were recorded.
    pub crash_every: Option<u64>,
}

/// Sees a rehearsal go on.
pub trait Watcher: Send {
    /// The clock was set, or work was done.
    fn look(&mut self, now: DateTime<Utc>, state: &domain::State);
}

/// A day before the first phase, at noon: registrations of the last day before it are in the past.
pub fn begins_at(plan: &Plan) -> DateTime<Utc> {
    plan.starts_at(0) - Duration::hours(12)
}

/// The day after the last phase started.
fn ends_at(plan: &Plan) -> DateTime<Utc> {
    plan.starts_at(plan.phases.len().saturating_sub(1)) + Duration::days(1)
}

/// A rehearsal that is under way.
pub struct Rehearsing {
    /// The engine as it is now; a crash puts another in its place.
    pub engine: Engine,
    clock: Arc<VirtualClock>,
    rehearsal: Rehearsal,
    /// Who asks for what the plan offers; nobody, unless somebody is put here.
    pub holders: Holders,
    /// How often the engine was dropped and opened again.
    pub crashes: u64,
    crashed_at: u64,
}

impl Rehearsing {
    /// Opens a store and starts the engine on it; the clock shows what it was set to.
    pub async fn open(
        home: Home,
        clock: Arc<VirtualClock>,
        rehearsal: Rehearsal,
    ) -> Result<Self, Error> {
        let engine = open(home, &clock, &rehearsal).await?;
        let crashed_at = engine.store.log.head().await?;
        let holders = Holders::new(Chance::NEVER, 0);
        Ok(Self { engine, clock, rehearsal, holders, crashes: 0, crashed_at })
    }

    /// Over an engine that was opened otherwise and whose workers have started; it is never dropped half-way.
    pub async fn over(
        engine: Engine,
        clock: Arc<VirtualClock>,
        plan: Plan,
        settings: Settings,
    ) -> Result<Self, Error> {
        let crashed_at = engine.store.log.head().await?;
        let rehearsal = Rehearsal { plan, settings, crash_every: None };
        let holders = Holders::new(Chance::NEVER, 0);
        Ok(Self { engine, clock, rehearsal, holders, crashes: 0, crashed_at })
    }

    /// Runs the programme through to its end.
    pub async fn run(&mut self, watcher: &mut dyn Watcher) -> Result<(), Error> {
        self.holders.plan(&self.engine).await?;
        let ends_at = ends_at(&self.rehearsal.plan);
        let ends_at = self.holders.last().map_or(ends_at, |last| last.max(ends_at));
        self.run_until(ends_at, watcher).await?;
        // Attempts that are still waiting end in success or in an incident.
        while let Some(wake) = self.next_attempt().await? {
            self.run_until(wake, watcher).await?;
        }
        Ok(())
    }

    /// Runs until that instant, and until there is nothing more to do at it.
    pub async fn run_until(
        &mut self,
        end: DateTime<Utc>,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Error> {
        loop {
            let next_wake = self.settle(watcher).await?;
            if Box::pin(self.holders.act(&self.engine)).await? {
                continue;
            }
            if self.clock.now() >= end {
                return Ok(());
            }
            let next = next_wake.into_iter().chain(self.holders.next()).fold(end, DateTime::min);
            self.clock.set(next);
            self.engine.store.directory.set_clock(Some(next)).await?;
        }
    }

    /// Works off all there is to do at the instant the clock shows.
    async fn settle(&mut self, watcher: &mut dyn Watcher) -> Result<Option<DateTime<Utc>>, Error> {
        let mut appended = self.engine.store.log.appended();
        loop {
            appended.borrow_and_update();
            // Asked before the tick: what ended since then, the tick has seen.
            let under_way = self.engine.under_way().await?;
            let Tick { progress, next_wake } = self.engine.tick().await?;
            watcher.look(self.clock.now(), &*self.engine.journal.state().await?);
            if self.crash_where_due().await? {
                appended = self.engine.store.log.appended();
                continue;
            }
            if progress == 0 && under_way == 0 {
                return Ok(next_wake);
            }
            if progress == 0 {
                self.engine.outcome(&mut appended).await;
            }
        }
    }

    /// Drops the engine in the middle of its work and opens it again, when enough was recorded.
    async fn crash_where_due(&mut self) -> Result<bool, Error> {
        let Some(every) = self.rehearsal.crash_every else { return Ok(false) };
        let head = self.engine.store.log.head().await?;
        if head < self.crashed_at.saturating_add(every) {
            return Ok(false);
        }
        self.crashed_at = head;
        self.crashes += 1;
        self.engine.crash().await;
        self.engine = open(self.engine.store.home.clone(), &self.clock, &self.rehearsal).await?;
        Ok(true)
    }

    async fn next_attempt(&self) -> Result<Option<DateTime<Utc>>, Error> {
        Ok(self.engine.journal.state().await?.failures.next_retry(self.clock.now()))
    }
}

async fn open(
    home: Home,
    clock: &Arc<VirtualClock>,
    rehearsal: &Rehearsal,
) -> Result<Engine, Error> {
    let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(clock);
    let store = Store::open(home, Arc::clone(&handed), true, &rehearsal.plan.programme).await?;
    if Store::programme(&store.log).await?.is_none() {
        let origin = Origin { reason: Some("rehearsal".to_owned()), ..Origin::part("tramonto") };
        store.adopt(&rehearsal.plan, Arc::clone(&handed), &origin).await?;
    }
    store.directory.set_clock(Some(clock.now())).await?;
    let programme = rehearsal.plan.programme.clone();
    let mut engine = Engine::open(store, programme, handed, rehearsal.settings.clone()).await?;
    engine.start_workers();
    Ok(engine)
}
