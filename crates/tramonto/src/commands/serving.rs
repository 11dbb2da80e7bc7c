//! The services: each is a list of parts, with the settings of its flags.

use domain::Capabilities;
use engine::EngineSettings;
use engine::parts::{NoticeDelivery, PartKind, WorkerSettings};
use engine::services::{self, IntakeSettings};

use super::{canary, healthcheck, message, notices};
use crate::Error;
use crate::cli::{Global, LmtpArgs, RunArgs, ServiceCommand};

pub(super) async fn execute(command: ServiceCommand, global: &Global) -> Result<(), Error> {
    let usual = EngineSettings::default();
    let (name, parts, engine, args) = match command {
        ServiceCommand::Scheduler(args) => {
            let arm_ahead = args.sweep.arming.arm_ahead.0;
            let engine = EngineSettings { sweep: args.sweep.settings(), arm_ahead, ..usual };
            ("scheduler", PartKind::SCHEDULER, engine, args.service)
        }
        ServiceCommand::Worker(args) => {
            let effects = args.effects.unwrap_or(Capabilities::OF_WORKERS);
            let engine = EngineSettings {
                arm_ahead: args.arming.arm_ahead.0,
                workers: WorkerSettings { effects, count: args.workers.workers },
                notices: notices::delivery(&args.notices)?,
                canaries: canary::endpoints(&args.canaries)?,
                sessions: args.sessions.on_access_closed,
                ..usual
            };
            ("worker", PartKind::WORKER, engine, args.service)
        }
        ServiceCommand::Projector(args) => ("projector", PartKind::PROJECTOR, usual, *args),
        ServiceCommand::Relay(args) => {
            let engine = EngineSettings { expand_events: args.expand, ..usual };
            ("relay", PartKind::RELAY, engine, args.service)
        }
        ServiceCommand::Api(args) => ("api", PartKind::API, usual, *args),
        ServiceCommand::Policy(args) => {
            let (answers, process) = (args.answers.anywhere(), args.service.process());
            return services::policy(&global.settings()?, &answers, &process).await;
        }
        ServiceCommand::Portal(args) => {
            let settings = global.settings_with(args.archive.as_ref())?;
            return services::portal(settings, args.listen, args.watch.0).await;
        }
        ServiceCommand::Intake(args) => return intake(*args, global).await,
        ServiceCommand::Check { url, listen } => {
            return healthcheck::execute(url.as_ref(), listen).await;
        }
    };
    services::run(name, parts, args.settings(engine, global)?).await
}

/// Every service in one process.
pub(super) async fn all(args: RunArgs, global: &Global) -> Result<(), Error> {
    let engine = super::run::settings(&args)?;
    services::run("run", PartKind::SHARED, args.service.settings(engine, global)?).await
}

async fn intake(args: LmtpArgs, global: &Global) -> Result<(), Error> {
    let relay = match notices::delivery(&args.notices)? {
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
        reader: message::reader(&args.reading),
        portal: args.portal_url.map(|url| url.0),
        templates: args.letters,
        relay,
    };
    Box::pin(services::intake(stores, settings)).await
}
