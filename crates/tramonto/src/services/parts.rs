//! What a service can do, each part a loop of passes under its own name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::{Connection, WorkQueue};
use chrono::TimeDelta;
use domain::{Capabilities, PlatformCapabilities, Tick};
use eventstore::{Clock, Journal};
use metrics::gauge;
use platform::{Measured, Pace, Paced, Platform, PostgresDirectory};
use projections::PostgresTable;
use registry::Registry;
use scheduler::Scheduler;
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workers::canary::ProbeEndpoints;
use workers::{SessionCommand, Sweep, SweepSettings, Worker};

use super::arrivals::{Arrivals, Awaiting};
use super::deployment::{Deployment, Patience};
use super::gauges::number;
use super::lead::Lead;
use super::vitals::{Condition, Vitals};
use crate::Error;
use crate::cli::{AnswerArgs, SweepArgs};
use crate::embedded;
use engine::notices::Post;
use engine::platform_choice::PlatformChoice;
use engine::provision::Provisioner;
use engine::runner::{self, Passes};
use engine::sessions::Sessions;

/// How often an effect's pace is looked up in the log.
const KEEP_PACE: TimeDelta = TimeDelta::seconds(1);

/// How soon it is looked again whether mailboxes that are on their way have arrived.
const ARRIVING: TimeDelta = TimeDelta::milliseconds(200);

/// One thing that a service does.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Starts phases on their dates. Any number decide at once; the log lets one win.
    Schedule,
    /// Hands out work. One at a time.
    Sweep,
    /// Compares the mail directory with the log. One at a time.
    Reconcile,
    /// Carries orders out.
    Work(WorkerPart),
    /// Tells holders, where there is a mail relay. One at a time.
    Notices(Post),
    /// Probes our own mailboxes beside each boundary. One at a time.
    Probe(ProbeEndpoints),
    /// Keeps the table with one row per mailbox. One at a time.
    Table,
    /// Gives the mail directory its mailboxes. One at a time.
    Provision,
    /// Mirrors the log to the bus. One at a time.
    Relay {
        /// Also a message for each mailbox of an event.
        expand: bool,
    },
    /// Takes commands from outside.
    Commands,
    /// Ends the sessions of those whose access has closed. One at a time.
    Sessions(SessionCommand),
    /// Answers mail servers.
    Answer(AnswerArgs),
}

/// What a worker takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerPart {
    /// Only orders of these effects.
    pub(crate) effects: Capabilities,
    /// Orders side by side.
    pub(crate) workers: usize,
}

/// What the parts of a process stand on.
#[derive(Clone)]
pub(crate) struct Ground {
    /// The store.
    pub(crate) deployment: Deployment,
    /// The bus.
    pub(crate) connection: Connection,
    /// Work on its way.
    pub(crate) queue: Arc<dyn WorkQueue>,
    /// Where each part shows itself.
    pub(crate) vitals: Arc<Vitals>,
    /// Ends every part.
    pub(crate) stop: CancellationToken,
    /// How long a silent leader is waited for.
    pub(crate) lease: Duration,
    /// How work is handed out.
    pub(crate) sweep: SweepArgs,
    /// What does the work.
    pub(crate) platform: PlatformChoice,
}

/// The platform, once it is there.
pub(super) struct Found {
    pub(super) platform: Arc<dyn Platform>,
    /// What is on its way to it, where it is given its mailboxes.
    pub(super) arrivals: Option<Arrivals>,
}

/// What a part does in one pass; `None` where it stood by for another process.
#[async_trait]
pub(crate) trait PartPasses: Send {
    /// One pass.
    async fn pass(&mut self) -> Result<Option<Tick>, Error>;
}

/// Passes that show how they went.
struct Shown<P> {
    part: &'static str,
    passes: P,
    vitals: Arc<Vitals>,
    clock: Arc<dyn Clock>,
    /// The longest rest: a lease is renewed, and a silent leader found out, in time.
    again: TimeDelta,
}

#[async_trait]
impl<P: PartPasses> Passes for Shown<P> {
    async fn pass(&mut self) -> Result<Tick, Error> {
        let outcome = self.passes.pass().await;
        let condition = match &outcome {
            Ok(Some(_)) => Condition::Working,
            Ok(None) => Condition::Standby,
            Err(error) => Condition::Failing(error.to_string()),
        };
        self.vitals.show(self.part, condition);
        let tick = outcome?.unwrap_or_default();
        let again = self.clock.now().checked_add_signed(self.again);
        let wakes = [tick.next_wake, again];
        Ok(Tick { next_wake: wakes.into_iter().flatten().min(), ..tick })
    }
}

impl Part {
    /// Starts it; it runs until the ground's stop.
    pub(crate) fn start(self, ground: &Ground, tasks: &mut JoinSet<()>) {
        let ground = ground.clone();
        match self {
            Self::Schedule => drop(tasks.spawn(schedule(ground))),
            Self::Sweep => drop(tasks.spawn(sweep(ground))),
            Self::Reconcile => drop(tasks.spawn(super::reconcile::reconcile(ground))),
            Self::Work(part) => drop(tasks.spawn(work(ground, part))),
            Self::Notices(post) => drop(tasks.spawn(super::notices::notices(ground, post))),
            Self::Probe(endpoints) => drop(tasks.spawn(super::canaries::probe(ground, endpoints))),
            Self::Table => drop(tasks.spawn(table(ground))),
            Self::Provision => drop(tasks.spawn(provision(ground))),
            Self::Relay { expand } => drop(tasks.spawn(super::relay::relay(ground, expand))),
            Self::Sessions(command) => drop(tasks.spawn(sessions(ground, command))),
            Self::Commands => drop(tasks.spawn(super::commands::commands(ground))),
            Self::Answer(args) => drop(tasks.spawn(super::answers::part(ground, args))),
        }
    }
}

impl Ground {
    /// Makes a part's passes until it is stopped, and shows how each went.
    pub(crate) async fn serve(&self, part: &'static str, passes: impl PartPasses) {
        let Deployment { clock, log, .. } = &self.deployment;
        let mut shown = Shown {
            part,
            passes,
            vitals: Arc::clone(&self.vitals),
            clock: Arc::clone(clock),
            again: TimeDelta::from_std(self.lease / 3).unwrap_or(TimeDelta::MAX),
        };
        let (clock, stop) = (Arc::clone(clock), self.stop.clone());
        runner::serve(part, clock, log.appended(), stop, &mut shown).await;
    }

    /// The lease of a part of which one works at a time.
    pub(crate) fn lead(&self, name: &'static str) -> Lead {
        let Deployment { log, owner, .. } = &self.deployment;
        Lead::new(Arc::clone(log), name, owner.clone(), self.lease)
    }

    pub(super) fn patience(&self) -> Patience<'_> {
        Patience { vitals: &self.vitals, stop: &self.stop }
    }

    fn options(&self) -> PgConnectOptions {
        self.deployment.options.clone()
    }

    /// The mail directory, once it is there.
    pub(super) async fn directory(&self, part: &'static str) -> Option<Arc<PostgresDirectory>> {
        let open = || PostgresDirectory::open(self.options());
        self.patience().until(part, open).await.map(Arc::new)
    }

    /// The platform that does the work, once it is there.
    pub(super) async fn platform(&self, part: &'static str) -> Option<Found> {
        match &self.platform {
            PlatformChoice::Directory => {
                let platform = self.directory(part).await?;
                let log = Arc::clone(&self.deployment.log);
                let directory = Arc::<PostgresDirectory>::clone(&platform);
                Some(Found { platform, arrivals: Some(Arrivals::new(log, directory)) })
            }
            PlatformChoice::Webhook(settings) => {
                let registry = self.registry(part).await?;
                let programme = self.deployment.journal.programme();
                // What is wrong with it is wrong until it is set right: that is shown, and waited for.
                let open = || async {
                    engine::platform_choice::webhook(settings, programme, Arc::clone(&registry))
                };
                let platform = self.patience().until(part, open).await?;
                Some(Found { platform: Arc::new(platform), arrivals: None })
            }
        }
    }

    /// The registry, once it is there.
    pub(crate) async fn registry(&self, part: &'static str) -> Option<Arc<Registry>> {
        let programme = self.deployment.journal.programme();
        let open = || Registry::connect(self.options(), programme);
        self.patience().until(part, open).await.map(Arc::new)
    }
}

async fn schedule(ground: Ground) {
    let scheduler = Scheduler::new(Arc::clone(&ground.deployment.journal));
    ground.serve("scheduler", Scheduling(scheduler)).await;
}

struct Scheduling(Scheduler);

#[async_trait]
impl PartPasses for Scheduling {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        Ok(Some(self.0.tick().await?))
    }
}

async fn sweep(ground: Ground) {
    let Some(found) = ground.platform("sweep").await else { return };
    let sweeping = Sweeping {
        journal: Arc::clone(&ground.deployment.journal),
        queue: Arc::clone(&ground.queue),
        reach: reach(&*found.platform, &ground.sweep),
        settings: SweepSettings {
            batch: ground.sweep.batch,
            orders: u64::from(ground.sweep.orders),
        },
        lead: ground.lead("sweep"),
        arrivals: found.arrivals,
        sweep: None,
    };
    ground.serve("sweep", sweeping).await;
}

struct Sweeping {
    journal: Arc<Journal>,
    queue: Arc<dyn WorkQueue>,
    reach: PlatformCapabilities,
    settings: SweepSettings,
    lead: Lead,
    /// Where the platform is one that is given its mailboxes.
    arrivals: Option<Arrivals>,
    /// What was handed out while it was ours; another's concern once it is not.
    sweep: Option<Sweep>,
}

#[async_trait]
impl PartPasses for Sweeping {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            self.sweep = None;
            return Ok(None);
        }
        if let Some(arrivals) = &self.arrivals
            && arrivals.any().await?
        {
            let next_wake = self.journal.now().checked_add_signed(ARRIVING);
            return Ok(Some(Tick { progress: 0, next_wake }));
        }
        let sweep = self.sweep.get_or_insert_with(|| {
            let (journal, queue) = (Arc::clone(&self.journal), Arc::clone(&self.queue));
            Sweep::new(journal, queue, self.reach, self.settings)
        });
        Ok(Some(sweep.tick().await?))
    }
}

async fn work(ground: Ground, part: WorkerPart) {
    let Some(Found { platform, arrivals }) = ground.platform("worker").await else { return };
    let reach = reach(&*platform, &ground.sweep);
    let pace = Pace::default();
    let measured = Measured::new(platform);
    let platform: Arc<dyn Platform> = match arrivals {
        Some(arrivals) => {
            let awaiting = Awaiting { platform: measured, arrivals };
            Arc::new(Paced::new(awaiting, pace.clone()))
        }
        None => Arc::new(Paced::new(measured, pace.clone())),
    };
    let mut hands = JoinSet::new();
    for _ in 0..part.workers.max(1) {
        let Ground { deployment, queue, .. } = &ground;
        let (journal, queue) = (Arc::clone(&deployment.journal), Arc::clone(queue));
        let platform = Arc::clone(&platform);
        let worker = Worker::new(journal, queue, platform, reach, part.effects, rand::random());
        hands.spawn(runner::work(worker));
    }
    let Deployment { journal, clock, .. } = &ground.deployment;
    let pacing = Pacing { journal: Arc::clone(journal), clock: Arc::clone(clock), pace };
    ground.serve("worker", pacing).await;
    // The queue was closed: each ends with the order it has in hand.
    while hands.join_next().await.is_some() {}
}

/// Drives the platform as hard as the log says.
struct Pacing {
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    pace: Pace,
}

#[async_trait]
impl PartPasses for Pacing {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        embedded::drive(&self.pace, &*self.journal.state().await?);
        let next_wake = self.clock.now().checked_add_signed(KEEP_PACE);
        Ok(Some(Tick { progress: 0, next_wake }))
    }
}

pub(super) fn reach(platform: &dyn Platform, sweep: &SweepArgs) -> PlatformCapabilities {
    let arm_ahead = sweep.arm_ahead.0.filter(|_| platform.arms());
    PlatformCapabilities { controls: platform.controls(), arm_ahead }
}

async fn table(ground: Ground) {
    let open = || {
        let Deployment { log, journal, owner, .. } = &ground.deployment;
        let (programme, log) = (journal.programme().clone(), Arc::clone(log));
        PostgresTable::connect(ground.options(), programme, log, owner.clone())
    };
    let Some(table) = ground.patience().until("table", open).await else { return };
    let clock = Arc::clone(&ground.deployment.clock);
    let lead = ground.lead(PostgresTable::LEASE);
    ground.serve("table", Tabling { table, clock, lead }).await;
}

struct Tabling {
    table: PostgresTable,
    clock: Arc<dyn Clock>,
    /// The table's own lease: asked for here too while there is nothing to do, so that it is known who leads.
    lead: Lead,
}

#[async_trait]
impl PartPasses for Tabling {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        let now = self.clock.now();
        let lag = self.table.status(now).await?.lag_events;
        gauge!("tramonto_projection_lag_events", "projection" => "mailboxes").set(number(lag));
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        let tick = self.table.tick(now).await?;
        let lag = self.table.status(now).await?.lag_events;
        gauge!("tramonto_projection_lag_events", "projection" => "mailboxes").set(number(lag));
        Ok(Some(tick))
    }
}

async fn provision(ground: Ground) {
    if let PlatformChoice::Webhook(_) = ground.platform {
        tracing::info!("a provider has its mailboxes already; nothing is provisioned");
        return;
    }
    let Some(directory) = ground.directory("provisioner").await else { return };
    let Some(registry) = ground.registry("provisioner").await else { return };
    let provisioner = Provisioner::new(Arc::clone(&ground.deployment.log), registry, directory);
    let journal = Arc::clone(&ground.deployment.journal);
    let lead = ground.lead("directory");
    ground.serve("provisioner", Provisioning { provisioner, journal, lead }).await;
}

struct Provisioning {
    provisioner: Provisioner,
    journal: Arc<Journal>,
    lead: Lead,
}

#[async_trait]
impl PartPasses for Provisioning {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        self.provisioner.say(embedded::refusals(&self.journal).await?).await?;
        Ok(Some(self.provisioner.tick().await?))
    }
}

async fn sessions(ground: Ground, command: SessionCommand) {
    let Some(registry) = ground.registry("sessions").await else { return };
    let Deployment { journal, owner, .. } = &ground.deployment;
    let (journal, owner) = (Arc::clone(journal), owner.clone());
    let sessions = Sessions::new(journal, registry, Arc::new(command), owner);
    ground.serve("sessions", Ending(sessions)).await;
}

struct Ending(Sessions);

#[async_trait]
impl PartPasses for Ending {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        Ok(Some(self.0.pass().await?))
    }
}
