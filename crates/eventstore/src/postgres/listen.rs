//! Listening for appends of other processes.
//!
//! The listener is registered first and the head read then, so that nothing falls between; and as a
//! notice may be lost all the same, the head is read every second. That read goes through the listening
//! connection, so one that is dead is found out as well, and is made anew with growing pauses.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;

use super::connections::{STEP, within};
use super::transaction::CHANNEL;
use crate::head::tell;
use crate::numbers::unsigned;

/// How long a lost notice can delay its events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pauses before the server is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Tells of appends without end. What goes wrong here goes wrong for the reader too, who reports it.
pub(crate) async fn run(options: PgConnectOptions, head: watch::Sender<u64>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match register(&options).await {
            Ok(listener) => {
                pause = FIRST_PAUSE;
                let error = attend(listener, &head).await;
                tracing::debug!(%error, "no longer told of appends; listening anew");
            }
            Err(error) => tracing::debug!(%error, "could not listen for appends"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Each listener gets a pool of its own, for one connection: a dead one can't keep its place in it.
async fn register(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(STEP)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    within(STEP, listener.listen(CHANNEL)).await?;
    Ok(listener)
}

/// Tells of appends until the connection fails.
async fn attend(mut listener: PgListener, head: &watch::Sender<u64>) -> sqlx::Error {
    loop {
        let look = sqlx::query_scalar("SELECT position FROM tramonto.log_head");
        match within(STEP, look.fetch_one(&mut listener)).await.and_then(unsigned) {
            Ok(found) => tell(head, found),
            Err(error) => return error,
        }
        let until = tokio::time::Instant::now() + LOOK_EVERY;
        while let Ok(notice) = tokio::time::timeout_at(until, listener.try_recv()).await {
            match notice {
                Ok(Some(notice)) => notice.payload().parse().map_or((), |found| tell(head, found)),
                Ok(None) => return sqlx::Error::PoolClosed,
                Err(error) => return error,
            }
        }
    }
}
