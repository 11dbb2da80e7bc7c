//! The engine as services: the same parts, some of them in a process of their own.
//!
//! Invariants: a service owns nothing that is not in the store, so any of them may be killed at any
//! moment and any number of each may run; a lease decides where only one may act. Deliberately
//! absent: any order of start, and any state between two ticks that the store does not have.

mod intake;
mod policy;
mod portal;
mod published;

use std::sync::{Arc, Weak};

use bus::InHandTimes;
use tokio::sync::OnceCell;

pub use self::intake::{IntakeSettings, intake};
pub use self::policy::policy;
pub use self::portal::portal;
use crate::metrics::MetricSources;
use crate::parts::{Context, Lease, LeaseSettings, Leased, Part, PartKind};
use crate::process::Process;
use crate::runner::Runner;
use crate::settings::{EngineSettings, ServiceSettings};
use crate::{Error, deployment};

/// The parts of each service.
impl PartKind {
    /// `scheduler`.
    pub const SCHEDULER: &[Self] = &[Self::Schedule, Self::Sweep, Self::Reconcile];
    /// `worker`.
    pub const WORKER: &[Self] = &[Self::Work, Self::Notices, Self::Canaries, Self::Sessions];
    /// `projector`.
    pub const PROJECTOR: &[Self] = &[Self::Table, Self::Provision];
    /// `relay`.
    pub const RELAY: &[Self] = &[Self::Relay];
    /// `api`.
    pub const API: &[Self] = &[Self::Commands];
    /// Every service in one process.
    pub const SHARED: &[Self] = &[
        Self::Schedule,
        Self::Sweep,
        Self::Reconcile,
        Self::Work,
        Self::Notices,
        Self::Canaries,
        Self::Sessions,
        Self::Table,
        Self::Provision,
        Self::Relay,
        Self::Commands,
        Self::Answers,
    ];
}

/// Runs parts as a service until it is stopped.
pub async fn run(
    name: &'static str,
    parts: &[PartKind],
    settings: ServiceSettings,
) -> Result<(), Error> {
    let process = Process::start(name, settings.process.listen).await?;
    let lease = settings.lease;
    let times = InHandTimes { ack_wait: lease, ..InHandTimes::default() };
    let Some((store, bus, queue)) = deployment::find(&process, &settings, times).await? else {
        return Ok(());
    };
    let owner = format!("{name}-{}", uuid::Uuid::now_v7());
    let context = Arc::new(Context {
        queue,
        store,
        projections: None,
        bus: Some(bus),
        leases: Some(LeaseSettings { owner, ttl: lease }),
        // Processes jitter independently of each other.
        settings: EngineSettings { seed: rand::random(), ..settings.engine },
        stop: process.stop.clone(),
        tasks: process.tasks.clone(),
        link: OnceCell::new(),
    });
    let sources = MetricSources {
        journal: Arc::clone(context.journal()),
        queue: Arc::clone(&context.queue),
        projections: Weak::new(),
    };
    process.metrics.observe(sources).await;
    for part in parts {
        process.tasks.spawn(run_part(*part, Arc::clone(&context), process.clone()));
    }
    tracing::info!(service = name, programme = %context.journal().programme(), "started");
    process.stop.cancelled().await;
    context.queue.close();
    process.finish(settings.process.stop_within).await;
    context.store.close_log().await;
    process.end();
    Ok(())
}

/// Builds a part, once its dependencies are available, and runs it until the stop.
async fn run_part(kind: PartKind, context: Arc<Context>, process: Process) {
    let name = kind.name();
    let Some(built) = process.wait_for(name, || kind.build(&context)).await else { return };
    let Some(part) = built else { return process.health.remove(name) };
    let (clock, health) = (Arc::clone(context.journal().clock()), Arc::clone(&process.health));
    let runner = Runner::new(clock, health, process.stop).with_leases(context.lease_ttl());
    let appended = context.journal().store().appended();
    let mut part: Box<dyn Part> = match kind.lease() {
        None => part,
        Some(lease) => {
            let log = Arc::clone(context.journal().store());
            let lease = Lease::new(log, lease, context.owner(), context.lease_ttl());
            Box::new(Leased::new(part, lease))
        }
    };
    runner.run(name, &mut *part, appended).await;
}
