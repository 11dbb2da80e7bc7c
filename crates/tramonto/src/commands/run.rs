//! `tramonto run`: the engine under the real clock, all parts in one process.

use std::process::ExitCode;
use std::sync::Arc;

use eventstore::{Clock, EventStore, Origin};
use tokio_util::sync::CancellationToken;
use workers::SweepSettings;

use crate::cli::{Global, RunArgs};
use crate::engine::{Engine, Settings, Store};
use crate::{Error, RealClock, StorePlace, commands, runner, services, signals};

/// Runs until it is told to stop; a second signal ends it at once, which loses nothing either.
pub async fn execute(args: RunArgs, global: &Global) -> Result<ExitCode, Error> {
    if let StorePlace::Postgres(_) = &global.store {
        return super::serving::all(args, global).await;
    }
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
            store.adopt(&plan, Arc::clone(&clock), &origin).await?;
            plan.programme
        }
    };
    let settings = Settings {
        arm_ahead: args.sweep.arm_ahead.0,
        workers: args.workers,
        sweep: SweepSettings { batch: args.sweep.batch, orders: u64::from(args.sweep.orders) },
        ..Settings::default()
    };
    let mut engine = Engine::open(store, programme, Arc::clone(&clock), settings).await?;
    engine.start_workers();
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::stop_on_signal(stop.clone()));
    let answers = services::answers_beside(&engine.store, &engine.journal, &args.answers, &stop);
    let answers = answers.await?;
    tracing::info!("the engine runs; stop it with Ctrl-C");
    if args.until_idle {
        engine.until_idle(&stop).await?;
    } else {
        let appended = engine.store.log.appended();
        runner::serve("engine", clock, appended, stop.clone(), &mut engine).await;
    }
    stop.cancel();
    answers.finish().await;
    // Listened to until the end: what is in hand may take long, and the second signal does not wait for it.
    engine.stop().await?;
    signals.abort();
    tracing::info!("the engine has stopped; nothing in hand was lost");
    Ok(ExitCode::SUCCESS)
}
