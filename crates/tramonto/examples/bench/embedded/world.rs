//! A store with a whole population, and the engine on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Duration as Span;
use domain::{PhaseId, Plan};
use engine::Home;
use engine::embedded::Engine;
use engine::store::Store;
use engine::{EngineSettings, RunMode};
use eventstore::Clock;
use rehearsal::generate::{Options, generate};
use rehearsal::{VirtualClock, begins_at, load};
use roaring::RoaringBitmap;

use crate::Fallible;

pub(crate) struct World {
    home: Home,
    plan: Plan,
    registrations: u32,
    pub(crate) rows_per_second: f64,
}

pub(crate) struct Running {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) plan: Plan,
}

/// What one phase took, and how long the row-per-mailbox table took from there.
pub(crate) struct Phase {
    pub(crate) took: Duration,
    pub(crate) lag: Duration,
}

impl World {
    pub(crate) async fn import(folder: &Path, registrations: u32) -> Fallible<Self> {
        let mut plan = Plan::cec_pac()?;
        plan.recurring.clear();
        let home = Home::new(folder);
        home.create()?;
        let csv = folder.join("registry.csv");
        let mut file = std::io::BufWriter::new(fs::File::create(&csv)?);
        generate(&Options { registrations, seed: 1 }, &mut file)?;
        drop(file);
        let clock = Arc::new(VirtualClock::at(begins_at(&plan)));
        let begun = Instant::now();
        load(&home, &clock, &plan, &csv, &mut |_| {}).await?;
        let rows_per_second = f64::from(registrations) / begun.elapsed().as_secs_f64();
        fs::remove_file(csv)?;
        let world = Self { home, plan, registrations, rows_per_second };
        // The directory is provisioned and the projections have followed before anything is timed.
        let mut running = world.engine().await?;
        running.idle().await?;
        running.close().await?;
        Ok(world)
    }

    pub(crate) fn copy(&self, folder: &Path) -> Fallible<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(self.home.folder())? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(Self { home: Home::new(folder), plan: self.plan.clone(), ..*self })
    }

    pub(crate) fn bytes(&self) -> Fallible<f64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.home.folder())? {
            bytes += entry?.metadata()?.len();
        }
        Ok(each(bytes, self.registrations))
    }

    pub(crate) fn log_bytes(&self) -> Fallible<f64> {
        Ok(each(fs::metadata(self.home.log())?.len(), self.registrations))
    }

    pub(crate) async fn engine(&self) -> Fallible<Running> {
        let clock = Arc::new(VirtualClock::at(begins_at(&self.plan)));
        let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&clock);
        let store = Store::open_to_rehearse(&self.home, &self.plan, handed).await?;
        store.set_directory_clock(clock.now()).await?;
        let settings = EngineSettings {
            mode: RunMode::Rehearsal,
            arm_ahead: Some(Span::days(14)),
            ..EngineSettings::default()
        };
        let engine = Engine::open(store, settings).await?;
        Ok(Running { engine, clock, plan: self.plan.clone() })
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure for people")]
fn each(bytes: u64, registrations: u32) -> f64 {
    bytes as f64 / f64::from(registrations)
}

impl Running {
    pub(crate) async fn active(&self) -> Fallible<RoaringBitmap> {
        Ok(self.engine.journal.state().await?.rights.active())
    }

    /// Until nothing is left to do, the projections included.
    pub(crate) async fn idle(&mut self) -> Fallible<()> {
        self.settle().await?;
        self.table_caught_up().await
    }

    async fn settle(&mut self) -> Fallible<()> {
        self.engine.until_idle(&tokio_util::sync::CancellationToken::new()).await?;
        Ok(())
    }

    async fn table_caught_up(&self) -> Fallible<()> {
        let head = self.engine.store.log().head().await?;
        while self.engine.projections.table.status(self.clock.now()).await?.checkpoint < head {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn set_clock(&self, instant: chrono::DateTime<chrono::Utc>) -> Fallible<()> {
        self.clock.set(instant);
        self.engine.store.set_directory_clock(instant).await?;
        Ok(())
    }

    /// What the plan does every month: the whole directory is compared with the log.
    pub(crate) async fn comparison(&mut self) -> Fallible<Duration> {
        self.set_clock(self.plan.starts_at(0)).await?;
        self.idle().await?;
        let before = self.last_comparison().await?;
        self.set_clock(self.plan.starts_at(1) - Span::days(15)).await?;
        let begun = Instant::now();
        self.settle().await?;
        let took = begun.elapsed();
        if self.last_comparison().await? == before {
            return Err("nothing was compared".into());
        }
        self.table_caught_up().await?;
        Ok(took)
    }

    async fn last_comparison(&self) -> Fallible<Option<chrono::DateTime<chrono::Utc>>> {
        Ok(self.engine.journal.state().await?.drift.answered)
    }

    /// The phase that ends sending and changing, with nothing armed: the clock jumps over the weeks
    /// before it.
    pub(crate) async fn phase_at_date(&mut self) -> Fallible<Phase> {
        self.set_clock(self.plan.starts_at(1)).await?;
        self.timed("receive-only").await
    }

    /// The phase that ends receiving, armed two weeks before.
    pub(crate) async fn phase_armed(&mut self) -> Fallible<Phase> {
        self.set_clock(self.plan.starts_at(2) - Span::days(14)).await?;
        self.idle().await?;
        self.set_clock(self.plan.starts_at(2)).await?;
        self.timed("consultation-only").await
    }

    async fn timed(&mut self, phase: &str) -> Fallible<Phase> {
        let phase: PhaseId = phase.parse()?;
        let begun = Instant::now();
        self.settle().await?;
        let took = begun.elapsed();
        let snapshot = self.engine.journal.state().await?;
        let started = snapshot.phases.get(&phase).ok_or("the phase did not start")?;
        let (_, completed) = started.completed.as_ref().ok_or("the phase did not complete")?;
        if completed.done != completed.population || completed.population == 0 {
            return Err("the phase did not process every mailbox".into());
        }
        drop(snapshot);
        self.table_caught_up().await?;
        Ok(Phase { took, lag: begun.elapsed().saturating_sub(took) })
    }

    pub(crate) async fn has_completed(&self, phase: &str) -> Fallible<bool> {
        let phase: PhaseId = phase.parse()?;
        let snapshot = self.engine.journal.state().await?;
        Ok(snapshot.phases.get(&phase).is_some_and(|started| started.completed.is_some()))
    }

    pub(crate) async fn close(self) -> Fallible<()> {
        self.engine.stop().await?;
        Ok(())
    }

    pub(crate) fn folder(&self) -> Fallible<PathBuf> {
        Ok(self.engine.store.settings().home()?.folder().to_owned())
    }
}
