//! The services: each is a list of parts, with the settings of its flags.

use std::process::ExitCode;
use std::sync::Arc;

use domain::Capabilities;
use engine::EngineSettings;
use engine::parts::{ANSWERS, AnswerServer, PartKind, WorkerSettings};
use engine::process::Process;
use engine::services;
use eventstore::Clock;
use registry::Registry;

use crate::cli::{
    ApiArgs, Global, PolicyArgs, ProjectorArgs, RelayArgs, RunArgs, SchedulerArgs, ServiceArgs,
    WorkerArgs,
};
use crate::embedded::Store;
use crate::log::Log;
use crate::{Error, RealClock, StoreUrl};

pub(super) async fn scheduler(args: SchedulerArgs, global: &Global) -> Result<ExitCode, Error> {
    let engine = EngineSettings {
        sweep: args.sweep.settings(),
        arm_ahead: args.sweep.arm_ahead.0,
        ..EngineSettings::default()
    };
    run("scheduler", PartKind::SCHEDULER, engine, &args.service, global).await
}

pub(super) async fn worker(args: WorkerArgs, global: &Global) -> Result<ExitCode, Error> {
    let effects = args.effects.unwrap_or(Capabilities::OF_WORKERS);
    let engine = EngineSettings {
        arm_ahead: args.arm_ahead.0,
        workers: WorkerSettings { effects, count: args.workers },
        notices: super::notices::delivery(&args.notices)?,
        canaries: super::canary::endpoints(&args.canaries)?,
        sessions: args.sessions.on_access_closed,
        ..EngineSettings::default()
    };
    run("worker", PartKind::WORKER, engine, &args.service, global).await
}

pub(super) async fn projector(args: ProjectorArgs, global: &Global) -> Result<ExitCode, Error> {
    let engine = EngineSettings::default();
    run("projector", PartKind::PROJECTOR, engine, &args.service, global).await
}

pub(super) async fn relay(args: RelayArgs, global: &Global) -> Result<ExitCode, Error> {
    let engine = EngineSettings { expand_events: args.expand, ..EngineSettings::default() };
    run("relay", PartKind::RELAY, engine, &args.service, global).await
}

pub(super) async fn api(args: ApiArgs, global: &Global) -> Result<ExitCode, Error> {
    run("api", PartKind::API, EngineSettings::default(), &args.service, global).await
}

/// Every service in one process.
pub(super) async fn all(args: RunArgs, global: &Global) -> Result<ExitCode, Error> {
    let engine = super::run::settings(&args)?;
    run("run", PartKind::SHARED, engine, &args.service, global).await
}

async fn run(
    name: &'static str,
    parts: &[PartKind],
    engine: EngineSettings,
    args: &ServiceArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    services::run(name, parts, &args.servers(global)?, args.settings(engine)?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Answers mail servers until it is stopped. Its port is open from the start: until the store has
/// been read, mail is deferred.
pub(super) async fn policy(args: &PolicyArgs, global: &Global) -> Result<ExitCode, Error> {
    if let StoreUrl::Postgres(_) = &global.store {
        // A wrong flag ends the command; only a missing server is waited for.
        global.settings()?.connect_options()?;
    }
    let settings = args.service.process();
    let process = Process::start(ANSWERS, settings.listen).await?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let (tasks, stop) = (&process.tasks, &process.stop);
    let server = AnswerServer::listen(&args.answers.anywhere(), &clock, tasks, stop).await?;
    let open = || open(global, Arc::clone(&clock));
    let found = process.wait_for(ANSWERS, open).await;
    if let Some((log, registry)) = &found {
        let mut answers = server.follow(log.port(), Arc::clone(registry));
        process.run(&mut answers, clock, log.port().appended()).await;
    }
    process.finish(settings.stop_within).await;
    if let Some((log, _)) = found {
        log.close().await;
    }
    process.end();
    Ok(ExitCode::SUCCESS)
}

/// The log and the registry, both read-only.
async fn open(global: &Global, clock: Arc<dyn Clock>) -> Result<(Log, Arc<Registry>), Error> {
    let log = Log::open_to_read(&global.settings()?, clock).await?;
    let Some(programme) = Store::programme(&*log.port()).await? else {
        return Err(Error::NotFound(
            "no plan is adopted; run `tramonto plan adopt FILE`".to_owned(),
        ));
    };
    let registry = match &global.store {
        StoreUrl::Folder(_) => {
            Registry::open_read_only(&global.home()?.registry(), &programme).await?
        }
        StoreUrl::Postgres(_) => {
            Registry::connect(global.settings()?.connect_options()?, &programme).await?
        }
    };
    Ok((log, Arc::new(registry)))
}
