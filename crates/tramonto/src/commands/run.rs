//! `tramonto run`: the engine under the real clock, every part in one process.

use std::process::ExitCode;
use std::sync::Arc;

use engine::parts::WorkerSettings;
use engine::{EngineSettings, RunMode, embedded};
use eventstore::{Clock, Origin};

use crate::cli::{Global, RunArgs};
use crate::embedded::Store;
use crate::{Error, RealClock, StoreUrl, commands};

/// Runs until it is stopped; a second signal ends it at once, which loses nothing either.
pub async fn execute(args: RunArgs, global: &Global) -> Result<ExitCode, Error> {
    if let StoreUrl::Postgres(_) = &global.store {
        return super::serving::all(args, global).await;
    }
    // A wrong setting ends the command before anything is opened.
    let settings = settings(&args)?;
    let settings = EngineSettings { platform: args.service.platform.choice()?, ..settings };
    let home = global.home()?;
    if args.plan.is_none() {
        home.expect_store()?;
    }
    let plan = commands::plan_or_default(args.plan.as_deref())?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let store = Store::open(home, Arc::clone(&clock), false, &plan.programme).await?;
    let programme = match Store::programme(&store.log).await? {
        Some(programme) if args.plan.is_none() => programme,
        _ => {
            let origin = Origin { actor: global.actor(), ..Origin::part("") };
            store.adopt(&plan, clock, &origin).await?;
            plan.programme
        }
    };
    embedded::run(store, programme, settings, &args.service.process()).await?;
    Ok(ExitCode::SUCCESS)
}

/// How the parts work, by the flags.
pub(super) fn settings(args: &RunArgs) -> Result<EngineSettings, Error> {
    Ok(EngineSettings {
        sweep: args.sweep.settings(),
        arm_ahead: args.sweep.arm_ahead.0,
        workers: WorkerSettings { count: args.workers, ..WorkerSettings::default() },
        notices: super::notices::delivery(&args.notices)?,
        canaries: super::canary::endpoints(&args.canaries)?,
        sessions: args.sessions.on_access_closed.clone(),
        answers: args.answers.settings(),
        mode: if args.until_idle { RunMode::UntilIdle } else { RunMode::Continuous },
        ..EngineSettings::default()
    })
}
