//! The engine as services: the same parts, each a process of its own, or several in one.
//!
//! Invariants: a service owns nothing that is not in the store, so any of them may be killed at any moment
//! and any number of each may run; where only one may act, a lease says which. A service waits for what is
//! not there yet, goes on after what went away, and when told to stop gives what is in hand a bounded time.
//! Deliberately absent: any order of start, and any state between two passes that the store has not.

mod answers;
mod arrivals;
mod canaries;
mod commands;
mod deployment;
mod gauges;
mod lead;
mod notices;
mod parts;
mod reconcile;
mod relay;
mod vitals;
mod watch;

use std::process::ExitCode;
use std::sync::{Arc, Weak};

use bus::{InHandTimes, WorkQueue};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::cli::{Global, ServiceArgs, SweepArgs};
pub(crate) use answers::{answering, beside as answers_beside};
pub(crate) use arrivals::Arrivals;
use deployment::{Deployment, Patience, bus_options, find_bus};
pub(crate) use gauges::Sources;
pub(crate) use parts::{Part, WorkerPart};
pub(crate) use vitals::{Condition, Vitals};
pub(crate) use watch::Watched;

/// The stream of orders is declared by whichever service comes first, and so alike by all; how many orders are
/// under way is the sweep's to bound, within this.
const MOST_ORDERS: u32 = 10_000;

/// A service to be run: its name, and what it does.
pub(crate) struct Service {
    /// What it calls itself.
    pub(crate) name: &'static str,
    /// What the process does, side by side.
    pub(crate) parts: Vec<Part>,
    /// How the sweep hands out work, and what a worker must know of it.
    pub(crate) sweep: SweepArgs,
}

/// Runs a service until it is told to stop.
pub(crate) async fn run(
    service: Service,
    args: &ServiceArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    // A setting that is wrong is told before anything is waited for.
    let platform = args.platform.choice()?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(crate::signals::stop_on_signal(stop.clone()));
    let watched = Watched::begin()?;
    watched.answer(service.name, args.listen, &stop).await?;
    let Watched { vitals, gauges } = watched;
    let patience = Patience { vitals: &vitals, stop: &stop };
    let Some(deployment) = Deployment::find(service.name, global, &patience).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let options = bus_options(args, deployment.journal.programme())?;
    let orders = bus::Settings { capacity: MOST_ORDERS, ..bus::Settings::default() };
    let times = InHandTimes { ack_wait: args.lease.0, ..InHandTimes::default() };
    let Some((connection, queue)) = find_bus(&options, orders, times, &patience).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let sources = Sources {
        journal: Arc::clone(&deployment.journal),
        queue: Arc::clone(&queue),
        projections: Weak::new(),
    };
    gauges.look_at(sources).await;
    let ground = parts::Ground {
        deployment: deployment.clone(),
        connection,
        queue: Arc::clone(&queue),
        vitals: Arc::clone(&vitals),
        stop: stop.clone(),
        lease: args.lease.0,
        sweep: service.sweep,
        platform,
    };
    let mut tasks = JoinSet::new();
    for part in service.parts {
        part.start(&ground, &mut tasks);
    }
    tracing::info!(service = service.name, programme = %deployment.journal.programme(), "runs");
    stop.cancelled().await;
    finish(service.name, &*queue, tasks, args).await;
    deployment.close().await;
    signals.abort();
    Ok(ExitCode::SUCCESS)
}

/// Lets what is in hand end, but not for longer than was said; the rest is given back by being dropped.
async fn finish(name: &str, queue: &dyn WorkQueue, mut tasks: JoinSet<()>, args: &ServiceArgs) {
    queue.close();
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(args.stop_within(), ended).await.is_err() {
        tracing::warn!(service = name, "what is in hand takes too long and is given back");
        tasks.shutdown().await;
    }
    tracing::info!(service = name, "has stopped; nothing that was recorded is lost");
}
