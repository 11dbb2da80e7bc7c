//! The services, each as its command asks for it.

use std::process::ExitCode;

use domain::{Capabilities, Capability};

use crate::Error;
use crate::cli::{
    ApiArgs, ArmAhead, Global, ProjectorArgs, RelayArgs, RunArgs, SchedulerArgs, ServiceArgs,
    SweepArgs, WorkerArgs,
};
use crate::services::{self, Part, Service, WorkerPart};

const EVERY_EFFECT: Capabilities = Capabilities::OF_PLATFORM.with(Capability::Activate);

pub(super) async fn scheduler(args: SchedulerArgs, global: &Global) -> Result<ExitCode, Error> {
    let parts = vec![Part::Schedule, Part::Sweep, Part::Reconcile];
    run("scheduler", parts, args.sweep, &args.service, global).await
}

pub(super) async fn worker(args: WorkerArgs, global: &Global) -> Result<ExitCode, Error> {
    let effects = args.effects.unwrap_or(EVERY_EFFECT);
    let notices = super::notices::post(&args.notices)?;
    let worker = WorkerPart { effects, workers: args.workers };
    let mut parts = vec![Part::Work(worker), Part::Notices(notices)];
    parts.extend(super::canary::endpoints(&args.canaries)?.map(Part::Probe));
    parts.extend(args.sessions.on_access_closed.map(Part::Sessions));
    let sweep = SweepArgs { arm_ahead: args.arm_ahead, ..usual() };
    run("worker", parts, sweep, &args.service, global).await
}

pub(super) async fn projector(args: ProjectorArgs, global: &Global) -> Result<ExitCode, Error> {
    run("projector", vec![Part::Table, Part::Provision], usual(), &args.service, global).await
}

pub(super) async fn relay(args: RelayArgs, global: &Global) -> Result<ExitCode, Error> {
    let parts = vec![Part::Relay { expand: args.expand }];
    run("relay", parts, usual(), &args.service, global).await
}

pub(super) async fn api(args: ApiArgs, global: &Global) -> Result<ExitCode, Error> {
    run("api", vec![Part::Commands], usual(), &args.service, global).await
}

/// Every service in one process.
pub(super) async fn all(args: RunArgs, global: &Global) -> Result<ExitCode, Error> {
    let worker = WorkerPart { effects: EVERY_EFFECT, workers: args.workers };
    let notices = super::notices::post(&args.notices)?;
    let mut parts = vec![
        Part::Schedule,
        Part::Sweep,
        Part::Reconcile,
        Part::Work(worker),
        Part::Notices(notices),
        Part::Table,
        Part::Provision,
        Part::Relay { expand: false },
        Part::Commands,
    ];
    parts.extend(super::canary::endpoints(&args.canaries)?.map(Part::Probe));
    parts.extend(args.sessions.on_access_closed.map(Part::Sessions));
    if args.answers.policy_listen.is_some() {
        parts.push(Part::Answer(args.answers));
    }
    run("run", parts, args.sweep, &args.service, global).await
}

async fn run(
    name: &'static str,
    parts: Vec<Part>,
    sweep: SweepArgs,
    args: &ServiceArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    services::run(Service { name, parts, sweep }, args, global).await
}

/// What is said to a service that hands out no work.
fn usual() -> SweepArgs {
    SweepArgs { arm_ahead: ArmAhead(Some(chrono::Duration::days(14))), batch: 65_536, orders: 16 }
}
