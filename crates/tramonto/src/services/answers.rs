//! The answers to mail servers: as a service of their own, as a part of all services, and beside the
//! embedded engine.
//!
//! Invariant: the port is open from the start; until the store was read, and whenever it has been away for
//! too long, mail is told to come again. Deliberately absent: the bus.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Tick;
use eventstore::{Clock, EventStore};
use policy::{Follower, Known, Limits, Server};
use registry::Registry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deployment::Patience;
use super::gauges;
use super::parts::Ground;
use super::vitals::{Condition, Vitals};
use super::watch::Watched;
use crate::cli::{AnswerArgs, Global, PolicyArgs};
use crate::embedded::{Engine, Store};
use crate::log::{Log, postgres_options};
use crate::{Error, RealClock, StorePlace};
use engine::runner::{self, Passes};

const PART: &str = "policy";
/// Where mail servers ask when nothing else is said: the port of most examples of Postfix.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 10_040);
/// After a pass that failed the next one follows soon: mail waits.
const AGAIN: TimeDelta = TimeDelta::seconds(1);

/// Answers mail servers until it is told to stop.
pub(crate) async fn answering(args: &PolicyArgs, global: &Global) -> Result<ExitCode, Error> {
    let stop = CancellationToken::new();
    let signals = tokio::spawn(crate::signals::stop_on_signal(stop.clone()));
    let watched = Watched::begin()?;
    let vitals = Arc::clone(&watched.vitals);
    vitals.show(PART, Condition::Waiting("the store was not read yet".to_owned()));
    watched.answer(PART, args.service.listen, &stop).await?;
    let mut tasks = JoinSet::new();
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let known = known(&args.answers, &clock);
    let address = args.answers.policy_listen.unwrap_or(USUAL);
    tasks.spawn(listen(address, &known).await?.run(stop.clone()));
    if let StorePlace::Postgres(url) = &global.store {
        // What is wrong with the command line is told at once, and not waited for.
        postgres_options(global, url)?;
    }
    let patience = Patience { vitals: &vitals, stop: &stop };
    let find = || find(global, Arc::clone(&clock));
    let found = patience.until(PART, find).await;
    if let Some((log, registry)) = &found {
        let vitals = Arc::clone(&vitals);
        follow(log.port(), Arc::clone(registry), known, vitals, stop.clone()).await;
    }
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(args.service.stop_within(), ended).await.is_err() {
        tasks.shutdown().await;
    }
    if let Some((log, _)) = found {
        log.close().await;
    }
    signals.abort();
    tracing::info!(service = PART, "has stopped; mail servers defer what they would have asked");
    Ok(ExitCode::SUCCESS)
}

/// The log and the registry, both for reading.
async fn find(global: &Global, clock: Arc<dyn Clock>) -> Result<(Log, Arc<Registry>), Error> {
    let log = Log::open_to_read(&global.settings()?, clock).await?;
    let Some(programme) = Store::programme(&*log.port()).await? else {
        return Err(Error::Usage("no plan is adopted; run `tramonto plan adopt FILE`".to_owned()));
    };
    let registry = match &global.store {
        StorePlace::Folder(_) => {
            Registry::open_read_only(&global.home()?.registry(), &programme).await?
        }
        StorePlace::Postgres(url) => {
            Registry::connect(postgres_options(global, url)?, &programme).await?
        }
    };
    Ok((log, Arc::new(registry)))
}

/// Answers as one part of a process with others.
pub(super) async fn part(ground: Ground, args: AnswerArgs) {
    let clock = Arc::clone(&ground.deployment.clock);
    let known = known(&args, &clock);
    let address = args.policy_listen.unwrap_or(USUAL);
    let listen = || listen(address, &known);
    let Some(server) = ground.patience().until(PART, listen).await else { return };
    let answering = tokio::spawn(server.run(ground.stop.clone()));
    if let Some(registry) = ground.registry(PART).await {
        let log = Arc::clone(&ground.deployment.log);
        let vitals = Arc::clone(&ground.vitals);
        follow(log, registry, known, vitals, ground.stop.clone()).await;
    }
    if let Err(error) = answering.await {
        tracing::error!("the answers to mail servers ended: {error}");
    }
}

/// Answers beside the embedded engine.
pub(crate) struct Beside(JoinSet<()>);

/// Begins to answer beside the embedded engine, where an address says so.
pub(crate) async fn beside(
    engine: &Engine,
    args: &AnswerArgs,
    vitals: &Arc<Vitals>,
    stop: &CancellationToken,
) -> Result<Beside, Error> {
    let mut tasks = JoinSet::new();
    if let Some(address) = args.policy_listen {
        let Engine { store, journal, .. } = engine;
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let known = known(args, &clock);
        tasks.spawn(listen(address, &known).await?.run(stop.clone()));
        let registry =
            Registry::open_read_only(&store.home.registry(), journal.programme()).await?;
        let (log, vitals) = (Arc::clone(journal.store()), Arc::clone(vitals));
        tasks.spawn(follow(log, Arc::new(registry), known, vitals, stop.clone()));
    }
    Ok(Beside(tasks))
}

impl Beside {
    /// Waits until those in the middle of a request have their answer.
    pub(crate) async fn finish(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

fn known(args: &AnswerArgs, clock: &Arc<dyn Clock>) -> Arc<Known> {
    Arc::new(Known::new(Arc::clone(clock), args.policy_stale.0, &args.policy_domains))
}

async fn listen(address: SocketAddr, known: &Arc<Known>) -> Result<Server, Error> {
    let server = Server::bind(address, Arc::clone(known), Limits::default()).await?;
    tracing::info!(service = PART, bound = %server.address(), "answers mail servers");
    Ok(server)
}

/// Keeps what is known as young as the store, until it is told to stop.
async fn follow(
    log: Arc<dyn EventStore>,
    registry: Arc<Registry>,
    known: Arc<Known>,
    vitals: Arc<Vitals>,
    stop: CancellationToken,
) {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let follower = Follower::new(Arc::clone(&log), registry, Arc::clone(&known));
    let mut following =
        Following { follower, known, vitals, clock: Arc::clone(&clock), failing: false };
    runner::serve(PART, clock, log.appended(), stop, &mut following).await;
}

struct Following {
    follower: Follower,
    known: Arc<Known>,
    vitals: Arc<Vitals>,
    clock: Arc<dyn Clock>,
    failing: bool,
}

#[async_trait]
impl Passes for Following {
    /// A pass never fails as such: what is known stays good for a while, and the next pass follows soon.
    async fn pass(&mut self) -> Result<Tick, Error> {
        let passed = self.follower.tick().await;
        let condition = match &passed {
            Err(error) if !self.known.is_fresh() => Condition::Failing(error.to_string()),
            Ok(_) if !self.known.is_fresh() => {
                Condition::Waiting("no plan is adopted; run `tramonto plan adopt`".to_owned())
            }
            Ok(_) | Err(_) => Condition::Working,
        };
        self.vitals.show(PART, condition);
        gauges::upkeep();
        match (&passed, self.failing) {
            (Err(error), false) => {
                tracing::warn!("{PART}: {error}; mail is deferred if this lasts");
            }
            (Ok(_), true) => tracing::info!("{PART}: the store is read again"),
            (Ok(_), false) | (Err(_), true) => {}
        }
        self.failing = passed.is_err();
        // Nothing is known better than before: the store is asked again soon.
        let again = Tick { progress: 0, next_wake: self.clock.now().checked_add_signed(AGAIN) };
        Ok(passed.unwrap_or(again))
    }
}
