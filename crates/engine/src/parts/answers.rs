//! Answers mail servers in Postfix's policy delegation protocol.
//!
//! Invariant: while the store has not been read, or has been unavailable for too long, mail is
//! deferred. Deliberately absent: the bus.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Clock, EventStore};
use policy::{Follower, Limits, Server, Snapshot};
use registry::Registry;
use tokio_util::sync::CancellationToken;

use super::{Context, Part, Progress};
use crate::Error;
use crate::health::PartStatus;
use crate::metrics;
use crate::tasks::Tasks;

/// The part's name in logs and in the health report.
pub const NAME: &str = "policy";
/// The rest after a failed read: mail is waiting.
const RETRY: TimeDelta = TimeDelta::seconds(1);

/// How mail servers are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSettings {
    /// Where mail servers ask; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long answers hold without contact to the store; then mail is deferred.
    pub stale_after: Duration,
    /// Domains in which every address is a mailbox of the programme.
    pub domains: Vec<String>,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        // The port of most Postfix examples.
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_040);
        Self { listen, stale_after: Duration::from_secs(30), domains: Vec::new() }
    }
}

/// A server that listens: it defers mail until a part keeps its answers up to date.
pub struct AnswerServer(Arc<Snapshot>);

impl AnswerServer {
    /// Listens until `stop`.
    pub async fn listen(
        settings: &AnswerSettings,
        clock: &Arc<dyn Clock>,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let AnswerSettings { listen, stale_after, domains } = settings;
        let snapshot = Arc::new(Snapshot::new(Arc::clone(clock), *stale_after, domains));
        let server = Server::bind(*listen, Arc::clone(&snapshot), Limits::default()).await?;
        tracing::info!(service = NAME, bound = %server.address(), "listening for mail servers");
        tasks.spawn(server.run(stop.clone()));
        Ok(Self(snapshot))
    }

    /// The part that keeps the answers up to date with this store.
    pub fn follow(self, log: Arc<dyn EventStore>, registry: Arc<Registry>) -> Answers {
        let follower = Follower::new(log, registry, Arc::clone(&self.0));
        Answers { follower, snapshot: self.0, failing: false }
    }
}

pub(super) async fn build(context: &Context) -> Result<Option<Answers>, Error> {
    let Some(settings) = &context.settings.answers else { return Ok(None) };
    let registry = Arc::clone(context.store.registry().await?);
    let (journal, Context { tasks, stop, .. }) = (context.journal(), context);
    let server = AnswerServer::listen(settings, journal.clock(), tasks, stop).await?;
    Ok(Some(server.follow(Arc::clone(journal.store()), registry)))
}

/// Keeps the answers as recent as the store.
pub struct Answers {
    follower: Follower,
    snapshot: Arc<Snapshot>,
    failing: bool,
}

#[async_trait]
impl Part for Answers {
    /// Fails only in its status: the answers hold for a while, and the next read follows soon.
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let read = self.follower.tick().await;
        metrics::upkeep();
        match (&read, self.failing) {
            (Err(error), false) => {
                tracing::warn!(%error, "cannot read the store; mail is deferred if this lasts");
            }
            (Ok(_), true) => tracing::info!("the store is available again"),
            (Ok(_), false) | (Err(_), true) => {}
        }
        self.failing = read.is_err();
        let status = match &read {
            Err(error) if !self.snapshot.is_fresh() => PartStatus::Failing(error.to_string()),
            Ok(_) if !self.snapshot.is_fresh() => PartStatus::Waiting(
                "no plan is adopted; adopt one with `tramonto plan adopt FILE \
                 --reason TEXT`"
                    .to_owned(),
            ),
            Ok(_) | Err(_) => PartStatus::Working,
        };
        let progress = match read {
            Ok(tick) => tick.into(),
            Err(_) => Progress::idle(now.checked_add_signed(RETRY)),
        };
        Ok(Progress { status, ..progress })
    }
}
