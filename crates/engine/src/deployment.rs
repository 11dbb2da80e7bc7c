//! The servers that services share: the database and the bus, found in any order of start.
//!
//! Invariant: a service waits for a missing server, with backoff; what it waits for is logged
//! once, and shown by `/readyz`.

use std::sync::Arc;

use bus::{Connection, InHandTimes, JetStreamQueue, WorkQueue};
use eventstore::{Clock, DatabaseStore};
use sqlx::postgres::PgConnectOptions;

use crate::health::PartStatus;
use crate::process::Process;
use crate::queries::no_plan;
use crate::settings::ServiceSettings;
use crate::store::{Store, programme_of};
use crate::{Error, RealClock};

/// The capacity of the queue of orders. The first service to start declares the stream, so all
/// declare it alike; the sweep keeps the number of orders far below.
const QUEUE_CAPACITY: u32 = 10_000;

/// The store, the bus, and the queue of orders on it.
type Servers = (Arc<Store>, Connection, Arc<dyn WorkQueue>);

/// Waits for the servers, and for a plan; `None` where the process was stopped first.
pub(crate) async fn find(
    process: &Process,
    settings: &ServiceSettings,
    times: InHandTimes,
) -> Result<Option<Servers>, Error> {
    // A wrong setting ends the process; only a missing server is waited for.
    let options = settings.store.connect_options()?;
    Ok(open(process, settings, options, times).await)
}

async fn open(
    process: &Process,
    settings: &ServiceSettings,
    options: PgConnectOptions,
    times: InHandTimes,
) -> Option<Servers> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let connect = || DatabaseStore::connect(options.clone(), Arc::clone(&clock));
    let log = found(process, "store", connect).await?;
    let programme = || async { programme_of(&log).await?.ok_or_else(no_plan) };
    let programme = found(process, "programme", programme).await?;
    let options_of_bus = settings.bus.options(&programme);
    let connect = || async {
        let connection = Connection::open(&options_of_bus).await?;
        let orders = bus::Settings { capacity: QUEUE_CAPACITY, ..bus::Settings::default() };
        let queue = JetStreamQueue::open(&connection, orders, times).await?;
        Ok::<_, bus::Error>((connection, queue))
    };
    let (bus, queue) = found(process, "bus", connect).await?;
    let store = Store::over(settings.store.clone(), log, programme, clock, <_>::default());
    Some((Arc::new(store), bus, Arc::new(queue)))
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
