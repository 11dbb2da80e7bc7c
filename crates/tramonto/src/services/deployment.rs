//! What every service stands on: the store, the registry, the mail directory and the bus, found in any
//! order of start.
//!
//! Invariant: nothing here gives up. Whatever is not there yet is waited for with growing rests, and what
//! is waited for is told once, and shown by `/readyz`.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bus::{Connection, InHandTimes, JetStreamQueue, Login, NatsOptions, Secret, WorkQueue};
use domain::{ProgrammeId, State};
use engine::store::StoreSettings;
use eventstore::{Clock, EventStore, Journal, PostgresStore};
use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use super::vitals::{Condition, Vitals};
use crate::cli::{Global, ServiceArgs};
use crate::embedded::Store;
use crate::log::{expect_certificates, password};
use crate::{Error, RealClock, StorePlace};

const FIRST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Where no file names a password or a token of the bus.
const BUS_PASSWORD: &str = "TRAMONTO_BUS_PASSWORD";
const BUS_TOKEN: &str = "TRAMONTO_BUS_TOKEN";

/// The store of a deployment and its programme.
#[derive(Clone)]
pub(crate) struct Deployment {
    /// How the database is reached.
    pub(crate) options: PgConnectOptions,
    /// The log.
    pub(crate) log: Arc<dyn EventStore>,
    /// The log in the domain's words.
    pub(crate) journal: Arc<Journal>,
    /// The clock of this process.
    pub(crate) clock: Arc<dyn Clock>,
    /// The store and what opens it.
    pub(crate) settings: StoreSettings,
    /// This process, among all that ask for a lease.
    pub(crate) owner: String,
    store: PostgresStore,
}

/// Tells what a part waits for, once for each reason.
pub(crate) struct Patience<'a> {
    /// Where it is shown.
    pub(crate) vitals: &'a Vitals,
    /// Ends the wait.
    pub(crate) stop: &'a CancellationToken,
}

impl Patience<'_> {
    /// Tries again until it works; `None` where the service was told to stop first.
    pub(crate) async fn until<T, E: Display, F: Future<Output = Result<T, E>>>(
        &self,
        part: &'static str,
        mut attempt: impl FnMut() -> F,
    ) -> Option<T> {
        let mut rest = FIRST_REST;
        let mut told = String::new();
        loop {
            let outcome = tokio::select! {
                () = self.stop.cancelled() => return None,
                outcome = attempt() => outcome,
            };
            let problem = match outcome {
                Ok(found) => {
                    if !told.is_empty() {
                        tracing::info!(part, "what was waited for is there");
                    }
                    return Some(found);
                }
                Err(error) => error.to_string(),
            };
            self.vitals.show(part, Condition::Waiting(problem.clone()));
            if told != problem {
                tracing::warn!(part, "waiting: {problem}");
                told = problem;
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(rest) => {}
            }
            rest = (rest * 2).min(LONGEST_REST);
        }
    }
}

impl Deployment {
    /// Finds the store, and the programme in it.
    pub(crate) async fn find(
        name: &'static str,
        global: &Global,
        patience: &Patience<'_>,
    ) -> Result<Option<Self>, Error> {
        let StorePlace::Postgres(_) = &global.store else {
            return Err(Error::Usage(format!(
                "services share a database and {} is a folder; name one as --store \
                 postgres://USER@HOST/NAME, or run all in one process with `tramonto run`",
                global.store
            )));
        };
        let settings = global.settings()?;
        let options = settings.connect_options()?;
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let connect = || PostgresStore::connect(options.clone(), Arc::clone(&clock));
        let Some(store) = patience.until("store", connect).await else { return Ok(None) };
        patience.vitals.show("store", Condition::Working);
        let log: Arc<dyn EventStore> = Arc::new(store.clone());
        let programme = || async {
            Store::programme(&*log).await?.ok_or_else(|| {
                Error::Usage("no plan is adopted; run `tramonto plan adopt FILE`".to_owned())
            })
        };
        let Some(programme) = patience.until("programme", programme).await else {
            return Ok(None);
        };
        patience.vitals.show("programme", Condition::Working);
        let journal =
            Journal::new(programme, Arc::clone(&log), Arc::clone(&clock), State::default(), 0);
        let owner = format!("{name}-{}", uuid::Uuid::now_v7());
        Ok(Some(Self { options, log, journal: Arc::new(journal), clock, settings, owner, store }))
    }

    /// Carries out what is queued and closes the log.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

/// How the bus is reached.
pub(crate) fn bus_options(
    args: &ServiceArgs,
    programme: &ProgrammeId,
) -> Result<NatsOptions, Error> {
    let Some(place) = &args.bus else {
        return Err(Error::Usage(
            "services need a bus; name one as --bus nats://HOST:4222, or run all in one process with \
             `tramonto run --store FOLDER`"
                .to_owned(),
        ));
    };
    let mut options = NatsOptions::new("", programme.clone());
    options.urls = place.0.iter().map(|url| Secret::new(url.as_str())).collect();
    options.replicas = usize::from(args.bus_replicas);
    if let Some(authority) = &args.bus_root_certificate {
        expect_certificates(authority)?;
    }
    options.tls_root.clone_from(&args.bus_root_certificate);
    let token = password(args.bus_token_file.as_deref(), BUS_TOKEN)?;
    let secret = password(args.bus_password_file.as_deref(), BUS_PASSWORD)?;
    options.login = if let Some(file) = &args.bus_credentials {
        Login::CredentialsFile(file.clone())
    } else if let Some(token) = token {
        Login::Token(Secret::new(token.expose_secret()))
    } else if let Some(password) = secret {
        let user = place.0.first().map(|url| url.username().to_owned()).unwrap_or_default();
        if user.is_empty() {
            return Err(Error::Usage(
                "a password for the bus needs its user; write --bus nats://USER@HOST:4222"
                    .to_owned(),
            ));
        }
        Login::User { user, password: Secret::new(password.expose_secret()) }
    } else {
        Login::Open
    };
    if args.bus_tls && place.0.iter().any(|url| url.scheme() != "tls") && options.tls_root.is_none()
    {
        return Err(Error::Usage(
            "--bus-tls is asked for and the bus is written without; write --bus tls://HOST:4222"
                .to_owned(),
        ));
    }
    Ok(options)
}

/// The bus, and the queue of work orders on it.
pub(crate) async fn find_bus(
    options: &NatsOptions,
    orders: bus::Settings,
    times: InHandTimes,
    patience: &Patience<'_>,
) -> Option<(Connection, Arc<dyn WorkQueue>)> {
    let connect = || async {
        let connection = Connection::open(options).await?;
        let queue = JetStreamQueue::open(&connection, orders, times).await?;
        Ok::<_, bus::Error>((connection, queue))
    };
    let (connection, queue) = patience.until("bus", connect).await?;
    patience.vitals.show("bus", Condition::Working);
    Some((connection, Arc::new(queue)))
}
