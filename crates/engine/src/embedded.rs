//! The embedded engine: every part in one process, on one folder.
//!
//! The same parts run under the real clock (`run`) and under a virtual one (a rehearsal): only the
//! caller of their ticks differs. Invariant: an engine may be dropped at any moment and opened
//! again.

use std::sync::Arc;
use std::time::Duration;

use bus::{InProcess, WorkQueue};
use domain::Plan;
use eventstore::{EventStore, Journal, Origin};
use platform::Platform;
use projections::Projections;
use registry::Registry;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;

use crate::health::{Health, PartStatus};
use crate::metrics::MetricSources;
use crate::parts::{Context, Part, PartKind, Progress, Sequence};
use crate::platform_choice::PlatformLink;
use crate::process::Process;
use crate::provisioning::PendingMailboxes;
use crate::runner::Runner;
use crate::settings::{EngineSettings, ProcessSettings, RunMode};
use crate::store::{Store, StoreSettings, other_programme, save_read_models};
use crate::tasks::Tasks;
use crate::{EngineLock, Error, Home};

/// The engine's name in logs and in the health report.
const NAME: &str = "engine";
/// The longest wait for the outcome of an in-flight order, which may also end without one.
const OUTCOME_WAIT: Duration = Duration::from_millis(20);

/// The parts of the embedded engine that decide, in the order in which they tick: mailboxes are
/// provisioned before orders for them are dispatched.
const IN_TURN: [PartKind; 5] =
    [PartKind::Provision, PartKind::Work, PartKind::Schedule, PartKind::Sweep, PartKind::Reconcile];
/// The parts that talk to mail servers.
const OUTGOING: [PartKind; 2] = [PartKind::Notices, PartKind::Canaries];

/// A part, and its name in logs and in the health report.
type NamedPart = (&'static str, Box<dyn Part>);

/// The embedded engine.
pub struct Engine {
    /// The store.
    pub store: Arc<Store>,
    /// The log, and the state folded from it.
    pub journal: Arc<Journal>,
    /// The registry, with its personal data.
    pub registry: Arc<Registry>,
    /// The queue of orders.
    pub queue: Arc<dyn WorkQueue>,
    /// The read models, which follow the log.
    pub projections: Arc<Projections>,
    sequence: Sequence,
    runner: Runner,
    /// What a clean stop waits for: workers, notices, canaries, answers.
    tasks: Tasks,
    /// What a clean stop aborts: parts that continue from their checkpoint.
    followers: Tasks,
    /// Keeps other engines off the folder.
    lock: Option<EngineLock>,
}

/// What an engine works through, where it is not its own store.
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventStore>,
    /// The queue of orders.
    pub queue: Arc<dyn WorkQueue>,
    /// The mail platform.
    pub platform: Arc<dyn Platform>,
}

/// Runs an engine on a folder until it is stopped, or idle. With a plan, the store is created where
/// it is missing, and the plan is adopted where it has none; without one, the store must exist.
pub async fn run(
    home: Home,
    plan: Option<Plan>,
    actor: &str,
    settings: EngineSettings,
    process: &ProcessSettings,
) -> Result<(), Error> {
    let store = open_for(home, plan, actor).await?;
    let listen = process.listen;
    let process = Process::without_endpoints(NAME)?;
    let mode = settings.mode;
    let clock = Arc::clone(store.journal().clock());
    let runner = Runner::new(clock, Arc::clone(&process.health), process.stop.clone());
    let mut engine = Box::pin(Engine::assemble(store, None, settings, runner)).await?;
    if let Some(address) = listen {
        match process.answer_probes(address).await {
            // Two engines may run on one machine with the defaults: the second is not probed.
            Err(taken) if address == ProcessSettings::LISTEN => {
                tracing::warn!(%taken, "running without probe endpoints");
            }
            outcome => outcome?,
        }
    }
    process.metrics.observe(engine.metric_sources()).await;
    tracing::info!("started; press Ctrl-C to stop");
    match mode {
        RunMode::Continuous | RunMode::Rehearsal => engine.run().await,
        RunMode::UntilIdle => {
            process.health.report(NAME, PartStatus::Working);
            engine.until_idle(&process.stop).await?;
        }
    }
    process.metrics.stop_observing().await;
    engine.stop().await?;
    process.end();
    Ok(())
}

async fn open_for(home: Home, plan: Option<Plan>, actor: &str) -> Result<Store, Error> {
    if plan.is_none() {
        home.expect_store()?;
    }
    let named = plan.as_ref().map(|plan| plan.programme.clone());
    let plan = plan.map_or_else(Plan::cec_pac, Ok)?;
    let settings = StoreSettings::embedded(home.folder());
    let store = Store::open_to_fill(settings, &plan, &Origin::part(actor)).await?;
    if let Some(named) = named.filter(|named| named != store.programme()) {
        return Err(other_programme(&store.settings().url, store.programme(), &named));
    }
    Ok(store)
}

impl Engine {
    /// Opens an engine over a store that is open to be worked on, and starts its workers.
    pub async fn open(store: Store, settings: EngineSettings) -> Result<Self, Error> {
        let runner = alone(&store);
        Box::pin(Self::assemble(store, None, settings, runner)).await
    }

    /// The same, through ports that are handed in.
    pub async fn with_ports(
        store: Store,
        ports: Ports,
        settings: EngineSettings,
    ) -> Result<Self, Error> {
        let runner = alone(&store);
        Box::pin(Self::assemble(store, Some(ports), settings, runner)).await
    }

    async fn assemble(
        mut store: Store,
        ports: Option<Ports>,
        settings: EngineSettings,
        runner: Runner,
    ) -> Result<Self, Error> {
        let (log, queue, platform) = match ports {
            Some(Ports { log, queue, platform }) => (log, queue, Some(platform)),
            None => (Arc::clone(store.log()), in_process_queue(), None),
        };
        let (home, lock) = (store.settings().home()?, store.take_lock());
        let programme = store.programme().clone();
        let projections = Projections::open(home.folder(), programme.clone(), Arc::clone(&log));
        let projections = Arc::new(projections.await?);
        let (state, position) = projections.state().await?;
        let clock = Arc::clone(&runner.clock);
        let journal = Arc::new(Journal::new(programme, log, clock, state, position));
        let store = Arc::new(store.with_journal(Arc::clone(&journal)));
        let registry = Arc::clone(store.registry().await?);
        let directory = Arc::clone(store.directory().await?);
        let link = platform.map(|platform| {
            let pending = PendingMailboxes::new(Arc::clone(journal.store()), directory);
            Arc::new(PlatformLink::new(platform, Some(pending), settings.arm_ahead))
        });
        let (tasks, followers, mode) = (Tasks::default(), Tasks::default(), settings.mode);
        let context = Context {
            queue: Arc::clone(&queue),
            store: Arc::clone(&store),
            projections: Some(Arc::clone(&projections)),
            bus: None,
            leases: None,
            settings,
            stop: runner.stop.clone(),
            tasks: tasks.clone(),
            link: OnceCell::new_with(link),
        };
        let mut in_turn = built(&IN_TURN, &context).await?;
        let outgoing = built(&OUTGOING, &context).await?;
        let mut beside = built(&[PartKind::Answers], &context).await?;
        match mode {
            RunMode::Continuous => beside.extend(outgoing),
            RunMode::UntilIdle | RunMode::Rehearsal => in_turn.extend(outgoing),
        }
        let mut following = vec![PartKind::Projections, PartKind::Sessions];
        if mode != RunMode::Rehearsal {
            following.push(PartKind::Discard);
        }
        let following = built(&following, &context).await?;
        let sequence = Sequence(in_turn.into_iter().map(|(_, part)| part).collect());
        let engine = Self {
            store,
            journal,
            registry,
            queue,
            projections,
            sequence,
            runner,
            tasks,
            followers,
            lock,
        };
        for (name, part) in beside {
            engine.tasks.spawn(engine.running(name, part));
        }
        for (name, part) in following {
            engine.run_beside(name, part);
        }
        Ok(engine)
    }

    /// Runs one more part beside the others, until the engine is stopped.
    pub fn run_beside(&self, name: &'static str, part: Box<dyn Part>) {
        self.followers.spawn(self.running(name, part));
    }

    fn running(
        &self,
        name: &'static str,
        mut part: Box<dyn Part>,
    ) -> impl Future<Output = ()> + use<> {
        let (runner, appended) = (self.runner.clone(), self.journal.store().appended());
        async move { runner.run(name, &mut *part, appended).await }
    }

    /// What the metrics of this engine are computed from.
    fn metric_sources(&self) -> MetricSources {
        MetricSources {
            journal: Arc::clone(&self.journal),
            queue: Arc::clone(&self.queue),
            projections: Arc::downgrade(&self.projections),
        }
    }

    /// Ticks every part that decides, once and in order.
    pub async fn tick(&mut self) -> Result<Progress, Error> {
        self.sequence.tick(self.runner.clock.now()).await
    }

    /// Runs until the stop.
    async fn run(&mut self) {
        let appended = self.journal.store().appended();
        self.runner.run(NAME, &mut self.sequence, appended).await;
    }

    /// Runs until nothing is left to do now, or until the stop.
    pub async fn until_idle(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let mut appended = self.store.log().appended();
        while !stop.is_cancelled() {
            appended.borrow_and_update();
            // Read before the tick: the tick has seen the outcome of every order that ended since.
            let in_flight = self.in_flight().await?;
            let done = self.tick().await?.done;
            if done == 0 && in_flight == 0 {
                return Ok(());
            }
            if done == 0 {
                self.outcome(&mut appended).await;
            }
        }
        Ok(())
    }

    /// The number of orders that wait in the queue or are being carried out.
    pub async fn in_flight(&self) -> Result<u64, Error> {
        let backlog = self.queue.backlog().await?;
        Ok(backlog.waiting + backlog.delayed + backlog.in_flight)
    }

    /// Waits a short time for the next outcome of an in-flight order.
    pub async fn outcome(&self, appended: &mut watch::Receiver<u64>) {
        if tokio::time::timeout(OUTCOME_WAIT, appended.changed()).await.is_err() {
            tracing::trace!("orders still in flight");
        }
    }

    /// Stops as a crash would: in-flight work is dropped where it stands, and another engine may
    /// open the folder. This one does nothing any more.
    pub async fn crash(&mut self) {
        self.queue.close();
        self.tasks.abort().await;
        self.followers.abort().await;
        self.lock = None;
    }

    /// Stops cleanly: in-flight orders are finished, no others are taken, and the read models are
    /// saved up to the end of the log.
    pub async fn stop(self) -> Result<(), Error> {
        self.queue.close();
        self.runner.stop.cancel();
        self.tasks.finish().await;
        self.followers.abort().await;
        save_read_models(&self.projections, self.runner.clock.now()).await;
        let Self { store, projections, journal, registry, sequence, lock, .. } = self;
        drop((journal, registry, sequence));
        if let Some(projections) = Arc::into_inner(projections) {
            projections.close().await?;
        }
        store.close_log().await;
        if let Some(store) = Arc::into_inner(store) {
            store.close().await?;
        }
        drop(lock);
        Ok(())
    }
}

fn in_process_queue() -> Arc<dyn WorkQueue> {
    Arc::new(InProcess::new(bus::Settings::default()))
}

/// A runner of an engine that is not a process of its own.
fn alone(store: &Store) -> Runner {
    let clock = Arc::clone(store.journal().clock());
    Runner::new(clock, Arc::<Health>::default(), CancellationToken::new())
}

/// Builds parts over a store that is open, so that the first attempt succeeds.
async fn built(kinds: &[PartKind], context: &Context) -> Result<Vec<NamedPart>, Error> {
    let mut parts = Vec::new();
    for kind in kinds {
        parts.extend(kind.build(context).await?.map(|part| (kind.name(), part)));
    }
    Ok(parts)
}
