//! The servers that services share: the database and the bus, found in any order of start.
//!
//! Invariant: a service waits for a missing server, with growing rests; what it waits for is logged
//! once, and shown by `/readyz`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bus::{Connection, InHandTimes, JetStreamQueue, Login, NatsOptions, Secret, WorkQueue};
use domain::{ProgrammeId, State};
use eventstore::{Clock, EventStore, Journal, PostgresStore};
use platform::Directory;
use registry::Registry;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::OnceCell;

use crate::embedded;
use crate::health::PartStatus;
use crate::parts::Stores;
use crate::process::Process;
use crate::store::StoreSettings;
use crate::{Error, RealClock};

/// The capacity of the queue of orders. The first service to start declares the stream, so all
/// declare it alike; the sweep keeps the number of orders far below.
const QUEUE_CAPACITY: u32 = 10_000;

/// How the bus is reached.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// The servers of one cluster.
    pub urls: Vec<Secret>,
    /// How this process logs in.
    pub login: Login,
    /// The certificate authority of the servers (PEM); the system's own otherwise.
    pub root_certificate: Option<PathBuf>,
    /// Copies of each stream among the servers.
    pub replicas: usize,
}

/// Where the servers of a deployment are.
#[derive(Debug, Clone)]
pub struct DeploymentSettings {
    /// The store, which is a database.
    pub store: StoreSettings,
    /// The bus.
    pub bus: BusSettings,
}

/// An open deployment.
pub(crate) struct Deployment {
    /// How the database is reached.
    pub(crate) options: PgConnectOptions,
    /// The log, and the state folded from it.
    pub(crate) journal: Arc<Journal>,
    /// The clock of this process.
    pub(crate) clock: Arc<dyn Clock>,
    /// The bus.
    pub(crate) bus: Connection,
    /// The queue of orders on it.
    pub(crate) queue: Arc<dyn WorkQueue>,
    log: PostgresStore,
}

impl Deployment {
    /// Waits for the servers, and for a plan; `None` where the process was stopped first.
    pub(crate) async fn find(
        process: &Process,
        settings: &DeploymentSettings,
        times: InHandTimes,
    ) -> Result<Option<Self>, Error> {
        let options = settings.store.connect_options()?;
        Ok(Self::open(process, settings, options, times).await)
    }

    async fn open(
        process: &Process,
        settings: &DeploymentSettings,
        options: PgConnectOptions,
        times: InHandTimes,
    ) -> Option<Self> {
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let connect = || PostgresStore::connect(options.clone(), Arc::clone(&clock));
        let log = found(process, "store", connect).await?;
        let store: Arc<dyn EventStore> = Arc::new(log.clone());
        let programme = || async {
            embedded::Store::programme(&*store).await?.ok_or_else(|| {
                Error::NotFound("no plan is adopted; run `tramonto plan adopt FILE`".to_owned())
            })
        };
        let programme = found(process, "programme", programme).await?;
        let options_of_bus = settings.bus.options(&programme);
        let connect = || async {
            let connection = Connection::open(&options_of_bus).await?;
            let orders = bus::Settings { capacity: QUEUE_CAPACITY, ..bus::Settings::default() };
            let queue = JetStreamQueue::open(&connection, orders, times).await?;
            Ok::<_, bus::Error>((connection, queue))
        };
        let (bus, queue) = found(process, "bus", connect).await?;
        let journal = Journal::new(programme, store, Arc::clone(&clock), State::default(), 0);
        let journal = Arc::new(journal);
        Some(Self { options, journal, clock, bus, queue: Arc::new(queue), log })
    }

    /// Writes what is queued and closes the log.
    pub(crate) async fn close(&self) {
        self.log.close().await;
    }

    /// Registry and directory of the database, each opened when it is first needed.
    pub(crate) fn stores(&self) -> SharedStores {
        let (options, programme) = (self.options.clone(), self.journal.programme().clone());
        SharedStores { options, programme, registry: OnceCell::new(), directory: OnceCell::new() }
    }
}

/// Waits for a dependency, and reports it.
async fn found<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    process: &Process,
    part: &'static str,
    attempt: impl FnMut() -> F,
) -> Option<T> {
    let found = process.wait_for(part, attempt).await?;
    process.health.report(part, PartStatus::Working);
    Some(found)
}

impl BusSettings {
    fn options(&self, programme: &ProgrammeId) -> NatsOptions {
        let mut options = NatsOptions::new("", programme.clone());
        options.urls.clone_from(&self.urls);
        options.login = self.login.clone();
        options.tls_root.clone_from(&self.root_certificate);
        options.replicas = self.replicas;
        options
    }
}

/// Registry and directory of a database.
pub(crate) struct SharedStores {
    options: PgConnectOptions,
    programme: ProgrammeId,
    registry: OnceCell<Arc<Registry>>,
    directory: OnceCell<Arc<Directory>>,
}

#[async_trait]
impl Stores for SharedStores {
    async fn registry(&self) -> Result<Arc<Registry>, Error> {
        let open = || async {
            let registry = Registry::connect(self.options.clone(), &self.programme).await?;
            Ok::<_, Error>(Arc::new(registry))
        };
        self.registry.get_or_try_init(open).await.cloned()
    }

    async fn directory(&self) -> Result<Arc<Directory>, Error> {
        let open = || async {
            let directory = Directory::connect(self.options.clone()).await?;
            Ok::<_, Error>(Arc::new(directory))
        };
        self.directory.get_or_try_init(open).await.cloned()
    }
}
