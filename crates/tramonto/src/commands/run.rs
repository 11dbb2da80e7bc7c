//! `tramonto run`: the engine under the real clock, all parts in one process.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Tick;
use eventstore::{Clock, EventStore, Origin};
use tokio_util::sync::CancellationToken;
use workers::SweepSettings;

use crate::cli::{Global, RunArgs};
use crate::embedded::{Engine, Settings, Store};
use crate::services::{Condition, Sources, Vitals, Watched};
use crate::{Error, RealClock, StorePlace, commands, services, signals};
use ::engine::runner;
use engine::runner::Passes;

/// What the embedded engine calls itself.
const PART: &str = "engine";

/// Runs until it is told to stop; a second signal ends it at once, which loses nothing either.
pub async fn execute(args: RunArgs, global: &Global) -> Result<ExitCode, Error> {
    if let StorePlace::Postgres(_) = &global.store {
        return super::serving::all(args, global).await;
    }
    // A setting that is wrong is told before anything is opened.
    let platform = args.service.platform.choice()?;
    let stop = CancellationToken::new();
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
        notices: super::notices::post(&args.notices)?,
        notices_beside: !args.until_idle,
        canaries: super::canary::endpoints(&args.canaries)?,
        sweep: SweepSettings { batch: args.sweep.batch, orders: u64::from(args.sweep.orders) },
        platform,
        ..Settings::default()
    };
    let watched = Watched::begin()?;
    let mut engine = Engine::open(store, programme, Arc::clone(&clock), settings).await?;
    answer(&watched, &args, &stop).await?;
    engine.start_workers();
    if let Some(command) = args.sessions.on_access_closed.clone() {
        engine.end_sessions(Arc::new(command));
    }
    let signals = tokio::spawn(signals::stop_on_signal(stop.clone()));
    let sources = Sources {
        journal: Arc::clone(&engine.journal),
        queue: Arc::clone(&engine.queue),
        projections: Arc::downgrade(&engine.projections),
    };
    watched.gauges.look_at(sources).await;
    let answers = services::answers_beside(&engine, &args.answers, &watched.vitals, &stop);
    let answers = answers.await?;
    tracing::info!("the engine runs; stop it with Ctrl-C");
    if args.until_idle {
        watched.vitals.show(PART, Condition::Working);
        engine.until_idle(&stop).await?;
    } else {
        let appended = engine.store.log.appended();
        let mut shown = Shown { engine: &mut engine, vitals: &watched.vitals };
        runner::serve(PART, clock, appended, stop.clone(), &mut shown).await;
    }
    stop.cancel();
    answers.finish().await;
    watched.gauges.look_away().await;
    // Listened to until the end: what is in hand may take long, and the second signal does not wait for it.
    engine.stop().await?;
    signals.abort();
    tracing::info!("the engine has stopped; nothing in hand was lost");
    Ok(ExitCode::SUCCESS)
}

/// Answers questions about the engine. Two engines on one machine may have been told nothing: then the second goes on
/// without.
async fn answer(watched: &Watched, args: &RunArgs, stop: &CancellationToken) -> Result<(), Error> {
    let listen = args.service.listen;
    match watched.answer(PART, listen, stop).await {
        Err(taken) if listen.is_usual() => tracing::warn!("the engine runs unwatched: {taken}"),
        outcome => outcome?,
    }
    Ok(())
}

/// The engine's passes, and how they go.
struct Shown<'a> {
    engine: &'a mut Engine,
    vitals: &'a Vitals,
}

#[async_trait]
impl Passes for Shown<'_> {
    async fn pass(&mut self) -> Result<Tick, Error> {
        let outcome = self.engine.pass().await;
        let condition = match &outcome {
            Ok(_) => Condition::Working,
            Err(error) => Condition::Failing(error.to_string()),
        };
        self.vitals.show(PART, condition);
        outcome
    }
}
