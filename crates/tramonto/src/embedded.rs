//! All parts in one process on one folder: the embedded engine.
//!
//! The same parts run under the real clock (`run`) and under a virtual one (`rehearse`): only who
//! calls their ticks differs. Invariant: everything can be dropped at any moment and opened again.

mod beside;

use std::sync::Arc;

use async_trait::async_trait;
use bus::{InProcess, WorkQueue};
use chrono::Duration;
use domain::{Capabilities, Plan, PlatformCapabilities, ProgrammeId, Refusals, State, Tick};
use eventstore::{Clock, EventStore, Journal, Origin, SqliteStore};
use platform::{Directory, Faults, Faulty, Limits, Measured, Mode, Pace, Paced, Platform};
use projections::Projections;
use registry::Registry;
use scheduler::Scheduler;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workers::canary::{ProbeEndpoints, Prober};
use workers::notices::Sender;
use workers::{OpenSessions, Reconciler, Sweep, SweepSettings, Worker};

use self::beside::{follow, probe, send};
use crate::{EngineLock, Error, Home, extracts};
use ::engine::{platform_choice, runner};
use engine::canaries;
use engine::notices::{Post, warn_of_silence};
use engine::platform_choice::PlatformChoice;
use engine::provision::Provisioner;
use engine::runner::Passes;
use engine::sessions::Sessions;
pub use engine::store::adopt;

/// How the engine is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Is the mail directory's clock ours to set?
    pub rehearsal: bool,
    /// How long ahead the platform is told the instants; `None` for acting at the dates only.
    pub arm_ahead: Option<Duration>,
    /// Workers side by side.
    pub workers: usize,
    /// The sweep's bounds.
    pub sweep: SweepSettings,
    /// How notices leave this process.
    pub notices: Post,
    /// Are notices handed over, and our own mailboxes probed, beside the engine's passes? Within them where
    /// a caller waits for all there is to do now, and where the clock is virtual.
    pub notices_beside: bool,
    /// Where our own mailboxes are probed; `None` where nobody does.
    pub canaries: Option<ProbeEndpoints>,
    /// Faults to inject, for rehearsals.
    pub faults: Option<Faults>,
    /// Seeds the jitter.
    pub seed: u64,
    /// What does the work.
    pub platform: PlatformChoice,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rehearsal: false,
            arm_ahead: Some(Duration::days(14)),
            workers: 2,
            sweep: SweepSettings::default(),
            notices: Post::Nowhere,
            notices_beside: false,
            canaries: None,
            faults: None,
            seed: 0,
            platform: PlatformChoice::Directory,
        }
    }
}

/// The files of a store, opened for working on them.
pub struct Store {
    /// The folder.
    pub home: Home,
    /// The log.
    pub log: SqliteStore,
    /// The personal data.
    pub registry: Arc<Registry>,
    /// The embedded mail platform.
    pub directory: Arc<Directory>,
    lock: EngineLock,
}

/// All parts of the engine.
pub struct Engine {
    /// The files.
    pub store: Store,
    /// The log in the domain's words.
    pub journal: Arc<Journal>,
    /// Work on its way.
    pub queue: Arc<dyn WorkQueue>,
    /// What is derived from the log, following it.
    pub projections: Arc<Projections>,
    scheduler: Scheduler,
    sweep: Sweep,
    reconciler: Reconciler,
    /// Where the platform is one that is given its mailboxes.
    provisioner: Option<Provisioner>,
    sender: Option<Sender>,
    prober: Option<Prober>,
    stop_sending: CancellationToken,
    clock: Arc<dyn Clock>,
    platform: Arc<dyn Platform>,
    pace: Pace,
    reach: PlatformCapabilities,
    settings: Settings,
    tasks: JoinSet<()>,
    followers: JoinSet<()>,
}

/// What the engine works through.
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventStore>,
    /// Where work orders travel.
    pub queue: Arc<dyn WorkQueue>,
    /// The mail platform.
    pub platform: Arc<dyn Platform>,
}

impl Store {
    /// Opens a store for working on it, and makes it for this programme where there is none.
    pub async fn open(
        home: Home,
        clock: Arc<dyn Clock>,
        rehearsal: bool,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        home.create()?;
        let lock = home.lock()?;
        // The directory is made before the log: a log without one means that the directory is gone.
        let mode = if rehearsal { Mode::Rehearsal } else { Mode::Production };
        let directory = if home.exists() || home.directory().exists() {
            Directory::open(&home.directory()).await?
        } else {
            Directory::create(&home.directory(), mode).await?
        };
        let log = SqliteStore::open(&home.log(), clock).await?;
        let theirs = Self::programme(&log).await?;
        let programme = theirs.as_ref().unwrap_or(programme);
        let registry = Registry::open(&home.registry(), programme).await?;
        Ok(Self { home, log, registry: Arc::new(registry), directory: Arc::new(directory), lock })
    }

    /// The programme whose log this is; `None` before a plan was adopted.
    pub async fn programme(log: &dyn EventStore) -> Result<Option<ProgrammeId>, Error> {
        engine::store::programme_of(log).await
    }

    /// Makes this plan the programme's, where it has none yet. A store of another programme is refused.
    pub async fn adopt(
        &self,
        plan: &Plan,
        clock: Arc<dyn Clock>,
        origin: &Origin,
    ) -> Result<Journal, Error> {
        adopt(Arc::new(self.log.clone()), &self.home.folder().display(), plan, clock, origin).await
    }

    /// The log in the domain's words, folded from its beginning.
    pub fn journal(&self, programme: ProgrammeId, clock: Arc<dyn Clock>) -> Journal {
        Journal::new(programme, Arc::new(self.log.clone()), clock, State::default(), 0)
    }

    /// Closes the files.
    pub async fn close(self) -> Result<(), Error> {
        self.log.close().await;
        if let Some(registry) = Arc::into_inner(self.registry) {
            registry.close().await?;
        }
        if let Some(directory) = Arc::into_inner(self.directory) {
            directory.close().await?;
        }
        drop(self.lock);
        Ok(())
    }
}

impl Engine {
    /// Puts the parts together over an open store; nothing runs yet.
    pub async fn open(
        store: Store,
        programme: ProgrammeId,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let log: Arc<dyn EventStore> = Arc::new(store.log.clone());
        let queue = Arc::new(InProcess::new(bus::Settings::default()));
        let chosen: Arc<dyn Platform> = match &settings.platform {
            PlatformChoice::Directory => Arc::<Directory>::clone(&store.directory),
            PlatformChoice::Webhook(webhook) => Arc::new(platform_choice::webhook(
                webhook,
                &programme,
                Arc::clone(&store.registry),
            )?),
        };
        let platform: Arc<dyn Platform> = match &settings.faults {
            Some(faults) => Arc::new(Faulty::new(chosen, *faults, settings.seed)),
            None => chosen,
        };
        Self::with_ports(store, programme, clock, Ports { log, queue, platform }, settings).await
    }

    /// The same over ports that are handed in.
    pub async fn with_ports(
        store: Store,
        programme: ProgrammeId,
        clock: Arc<dyn Clock>,
        Ports { log, queue, platform }: Ports,
        settings: Settings,
    ) -> Result<Self, Error> {
        let folder = store.home.folder();
        let known = Projections::open(folder, programme.clone(), Arc::clone(&log)).await?;
        let (state, position) = known.state().await?;
        let journal = Arc::new(Journal::new(programme, log, Arc::clone(&clock), state, position));
        let pace = Pace::default();
        let platform: Arc<dyn Platform> =
            Arc::new(Paced::new(Measured::new(platform), pace.clone()));
        let arm_ahead = settings.arm_ahead.filter(|_| platform.arms());
        let reach = PlatformCapabilities { controls: platform.controls(), arm_ahead };
        let scheduler = Scheduler::new(Arc::clone(&journal));
        let sweep = Sweep::new(Arc::clone(&journal), Arc::clone(&queue), reach, settings.sweep);
        let reconciler = Reconciler::new(Arc::clone(&journal), Arc::clone(&platform), reach);
        let provisioner = match &settings.platform {
            PlatformChoice::Directory => Some(Provisioner::new(
                Arc::clone(journal.store()),
                Arc::clone(&store.registry),
                Arc::<Directory>::clone(&store.directory),
            )),
            PlatformChoice::Webhook(_) => None,
        };
        let stop_sending = CancellationToken::new();
        let mailer = settings.notices.mailer(&store.registry);
        let sender = mailer.map(|mailer| {
            let (journal, stop) = (Arc::clone(&journal), stop_sending.clone());
            Sender::new(journal, mailer, stop, settings.seed)
        });
        let prober = settings.canaries.clone().map(|endpoints| {
            let book = canaries::book(Arc::clone(&store.registry));
            Prober::new(Arc::clone(&journal), book, endpoints)
        });
        if sender.is_none() && !settings.rehearsal {
            warn_of_silence(&*journal.state().await?);
        }
        Ok(Self {
            store,
            journal,
            queue,
            projections: Arc::new(known),
            scheduler,
            sweep,
            reconciler,
            provisioner,
            sender,
            prober,
            stop_sending,
            clock,
            platform,
            pace,
            reach,
            settings,
            tasks: JoinSet::new(),
            followers: JoinSet::new(),
        })
    }

    /// Starts the workers, and the projections behind them; they run until the engine is dropped or
    /// stopped.
    pub fn start_workers(&mut self) {
        for place in 0..self.settings.workers.max(1) {
            let seed = self.settings.seed.wrapping_add(u64::try_from(place).unwrap_or(0));
            let worker = Worker::new(
                Arc::clone(&self.journal),
                Arc::clone(&self.queue),
                Arc::clone(&self.platform),
                self.reach,
                Capabilities::OF_PLATFORM.with(domain::Capability::Activate),
                seed,
            );
            self.tasks.spawn(runner::work(worker));
        }
        if self.settings.notices_beside
            && let Some(sender) = self.sender.take()
        {
            self.tasks.spawn(send(
                sender,
                Arc::clone(&self.journal),
                Arc::clone(&self.clock),
                self.stop_sending.clone(),
            ));
        }
        if self.settings.notices_beside
            && let Some(prober) = self.prober.take()
        {
            let (journal, clock) = (Arc::clone(&self.journal), Arc::clone(&self.clock));
            self.tasks.spawn(probe(prober, journal, clock, self.stop_sending.clone()));
        }
        self.followers.spawn(follow(Arc::clone(&self.projections), Arc::clone(&self.journal)));
        if !self.settings.rehearsal {
            let (journal, clock) = (Arc::clone(&self.journal), Arc::clone(&self.clock));
            let (folder, never) = (self.store.home.extracts(), CancellationToken::new());
            self.followers.spawn(extracts::discard(journal, folder, clock, never));
        }
    }

    /// Has the sessions ended of those whose access closes; behind the log, and never in its way. It goes on
    /// until the engine is dropped or stopped.
    pub fn end_sessions(&mut self, open: Arc<dyn OpenSessions>) {
        let (journal, registry) = (Arc::clone(&self.journal), Arc::clone(&self.store.registry));
        let clock = Arc::clone(&self.clock);
        self.followers.spawn(async move {
            let owner = format!("engine-{}", uuid::Uuid::now_v7());
            let appended = journal.store().appended();
            let mut sessions = Sessions::new(journal, registry, open, owner);
            let never = CancellationToken::new();
            runner::serve("sessions", clock, appended, never, &mut sessions).await;
        });
    }

    /// One pass of every part that decides: what was imported, what is due, what is to be handed out.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let provisioned = match &mut self.provisioner {
            Some(provisioner) => {
                let tick = provisioner.tick().await?;
                provisioner.say(refusals(&self.journal).await?).await?;
                tick
            }
            None => Tick::default(),
        };
        self.keep_pace().await?;
        let scheduled = self.scheduler.tick().await?;
        let swept = self.sweep.tick().await?;
        let compared = self.reconciler.tick().await?;
        let sent = match &mut self.sender {
            Some(sender) => sender.tick().await?,
            None => Tick::default(),
        };
        let probed = match &mut self.prober {
            Some(prober) => prober.tick().await?,
            None => Tick::default(),
        };
        let ticks = [provisioned, scheduled, swept, compared, sent, probed];
        Ok(Tick {
            progress: ticks.iter().map(|tick| tick.progress).sum(),
            next_wake: ticks.into_iter().filter_map(|tick| tick.next_wake).min(),
        })
    }

    /// What tells the engine the time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Drives the platform as hard as the log says.
    async fn keep_pace(&self) -> Result<(), Error> {
        drive(&self.pace, &*self.journal.state().await?);
        Ok(())
    }

    /// Works off what there is to do now, and ends when that is nothing or it is told to stop.
    pub async fn until_idle(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let mut appended = self.store.log.appended();
        while !stop.is_cancelled() {
            appended.borrow_and_update();
            // Asked before the tick: what ended since then, the tick has seen.
            let under_way = self.under_way().await?;
            let tick = self.tick().await?;
            if tick.progress == 0 && under_way == 0 {
                return Ok(());
            }
            if tick.progress == 0 {
                self.outcome(&mut appended).await;
            }
        }
        Ok(())
    }

    /// How many orders are waiting or in a worker's hands.
    pub async fn under_way(&self) -> Result<u64, Error> {
        let backlog = self.queue.backlog().await?;
        Ok(backlog.waiting + backlog.delayed + backlog.in_flight)
    }

    /// Waits for the next outcome of an order under way. An order can also end without one, so it does
    /// not wait for long.
    pub async fn outcome(&self, appended: &mut watch::Receiver<u64>) {
        let short = std::time::Duration::from_millis(20);
        if tokio::time::timeout(short, appended.changed()).await.is_err() {
            tracing::trace!("orders are still under way");
        }
    }

    /// Stops as a crash would: whatever is under way is dropped where it stands, and the folder is free
    /// for another engine. This one does nothing any more.
    pub async fn crash(&mut self) {
        self.queue.close();
        self.tasks.shutdown().await;
        self.followers.shutdown().await;
        self.store.lock.release();
    }

    /// Stops the workers where they stand and hands the files back.
    pub async fn into_store(mut self) -> Store {
        self.tasks.shutdown().await;
        self.followers.shutdown().await;
        self.store
    }

    /// Stops cleanly: orders in hand are finished, nothing new is taken.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.queue.close();
        self.stop_sending.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.followers.shutdown().await;
        let Self {
            store,
            journal,
            projections,
            scheduler,
            sweep,
            reconciler,
            provisioner,
            sender,
            prober,
            platform,
            ..
        } = self;
        drop((journal, scheduler, sweep, reconciler, provisioner, sender, prober, platform));
        if let Some(projections) = Arc::into_inner(projections) {
            projections.close().await?;
        }
        store.close().await
    }
}

#[async_trait]
impl Passes for Engine {
    async fn pass(&mut self) -> Result<Tick, Error> {
        self.tick().await
    }
}

/// What the plan in force has mail servers say; `None` before there is one.
pub(crate) async fn refusals(journal: &Journal) -> Result<Option<Refusals>, Error> {
    let snapshot = journal.state().await?;
    Ok(snapshot.plan().map(|plan| plan.refusals.clone()))
}

/// Drives a platform as hard as the log says.
pub(crate) fn drive(pace: &Pace, state: &State) {
    for (effect, paced) in state.programme.paces() {
        let (calls_per_second, concurrent_calls) = (paced.calls_per_second, paced.concurrent_calls);
        pace.set(*effect, Limits { calls_per_second, concurrent_calls });
    }
}
