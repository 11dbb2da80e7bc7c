//! The services: each is a list of parts, with the settings of its flags.

use domain::Capabilities;
use engine::EngineSettings;
use engine::parts::{NoticeDelivery, PartKind, WorkerSettings};
use engine::services::{self, IntakeSettings};

use crate::Error;
use crate::cli::{
    Global, LmtpArgs, PolicyArgs, PortalArgs, RelayArgs, RunArgs, SchedulerArgs, ServiceArgs,
    WorkerArgs,
};

pub(super) async fn scheduler(args: SchedulerArgs, global: &Global) -> Result<(), Error> {
    let engine = EngineSettings {
        sweep: args.sweep.settings(),
        arm_ahead: args.sweep.arming.arm_ahead.0,
        ..EngineSettings::default()
    };
    run("scheduler", PartKind::SCHEDULER, engine, &args.service, global).await
}

pub(super) async fn worker(args: WorkerArgs, global: &Global) -> Result<(), Error> {
    let effects = args.effects.unwrap_or(Capabilities::OF_WORKERS);
    let engine = EngineSettings {
        arm_ahead: args.arming.arm_ahead.0,
        workers: WorkerSettings { effects, count: args.workers.workers },
        notices: super::notices::delivery(&args.notices)?,
        canaries: super::canary::endpoints(&args.canaries)?,
        sessions: args.sessions.on_access_closed,
        ..EngineSettings::default()
    };
    run("worker", PartKind::WORKER, engine, &args.service, global).await
}

pub(super) async fn projector(args: &ServiceArgs, global: &Global) -> Result<(), Error> {
    let engine = EngineSettings::default();
    run("projector", PartKind::PROJECTOR, engine, args, global).await
}

pub(super) async fn relay(args: RelayArgs, global: &Global) -> Result<(), Error> {
    let engine = EngineSettings { expand_events: args.expand, ..EngineSettings::default() };
    run("relay", PartKind::RELAY, engine, &args.service, global).await
}

pub(super) async fn api(args: &ServiceArgs, global: &Global) -> Result<(), Error> {
    run("api", PartKind::API, EngineSettings::default(), args, global).await
}

/// Every service in one process.
pub(super) async fn all(args: RunArgs, global: &Global) -> Result<(), Error> {
    let engine = super::run::settings(&args)?;
    run("run", PartKind::SHARED, engine, &args.service, global).await
}

async fn run(
    name: &'static str,
    parts: &[PartKind],
    engine: EngineSettings,
    args: &ServiceArgs,
    global: &Global,
) -> Result<(), Error> {
    services::run(name, parts, args.settings(engine, global)?).await
}

pub(super) async fn policy(args: &PolicyArgs, global: &Global) -> Result<(), Error> {
    let (answers, process) = (args.answers.anywhere(), args.service.process());
    services::policy(&global.settings()?, &answers, &process).await
}

pub(super) async fn portal(args: &PortalArgs, global: &Global) -> Result<(), Error> {
    let settings = global.settings_with(args.archive.as_ref())?;
    services::portal(settings, args.listen, args.watch.0).await
}

pub(super) async fn intake(args: LmtpArgs, global: &Global) -> Result<(), Error> {
    let relay = match super::notices::delivery(&args.notices)? {
        NoticeDelivery::Relay(relay) => Some(relay),
        NoticeDelivery::Disabled | NoticeDelivery::Mailer(_) => None,
    };
    let stores = global.settings_with(args.archive.as_ref())?;
    let settings = IntakeSettings {
        listen: args.listen,
        watch: args.watch.0,
        largest: args.largest,
        connections: args.connections,
        per_sender: args.per_sender,
        per_minute: args.per_minute,
        reader: super::message::reader(&args.reading),
        portal: args.portal_url.map(|url| url.0),
        templates: args.letters,
        relay,
    };
    Box::pin(services::intake(stores, settings)).await
}
