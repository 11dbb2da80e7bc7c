//! `tramonto run`: the engine under the real clock, every part in one process.

use engine::parts::WorkerSettings;
use engine::{EngineSettings, RunMode, embedded};

use super::{canary, notices, plan_file, serving};
use crate::cli::{Global, RunArgs};
use crate::{Error, StoreUrl};

/// Runs until it is stopped; a second signal ends it at once, which loses nothing either.
pub(super) async fn execute(args: RunArgs, global: &Global) -> Result<(), Error> {
    if let StoreUrl::Postgres(_) = &global.store {
        return serving::all(args, global).await;
    }
    // A wrong setting ends the command before anything is opened.
    let settings = settings(&args)?;
    let settings = EngineSettings { platform: args.service.platform.choice()?, ..settings };
    let plan = args.plan.as_deref().map(plan_file::read).transpose()?.map(|(plan, _)| plan);
    let process = args.service.process();
    embedded::run(global.home()?, plan, &global.actor(), settings, &process).await
}

/// How the parts work, by the flags.
pub(super) fn settings(args: &RunArgs) -> Result<EngineSettings, Error> {
    Ok(EngineSettings {
        sweep: args.sweep.settings(),
        arm_ahead: args.sweep.arming.arm_ahead.0,
        workers: WorkerSettings { count: args.workers.workers, ..WorkerSettings::default() },
        notices: notices::delivery(&args.notices)?,
        canaries: canary::endpoints(&args.canaries)?,
        sessions: args.sessions.on_access_closed.clone(),
        answers: args.answers.settings(),
        mode: if args.until_idle { RunMode::UntilIdle } else { RunMode::Continuous },
        ..EngineSettings::default()
    })
}
