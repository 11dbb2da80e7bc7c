//! Listening for appends of other processes.
//!
//! The listener is registered before the head is read, so that no append is missed in between; as a
//! notification may be lost all the same, the head is polled every second. The poll uses the
//! listening connection, which detects a dead one; it is reopened with exponential backoff.

use std::time::Duration;

use sql::within;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;

use super::STEP;
use super::session::CHANNEL;
use crate::numbers::unsigned;
use crate::read::HEAD;
use crate::writer::advance;

/// How long a lost notification can delay its events.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// The backoff before the server is contacted again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Watches for appends without end. A failure here fails for the reader too, which reports it.
pub(crate) async fn run(options: PgConnectOptions, head: watch::Sender<u64>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match register(&options).await {
            Ok(listener) => {
                pause = FIRST_PAUSE;
                let error = watch(listener, &head).await;
                tracing::debug!(%error, "append notifications lost; listening again");
            }
            Err(error) => tracing::debug!(%error, "could not listen for appends"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Each listener gets a pool of its own, for one connection, so that a dead one cannot occupy it.
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

/// Watches for appends until the connection fails.
async fn watch(mut listener: PgListener, head: &watch::Sender<u64>) -> sqlx::Error {
    loop {
        let look = sqlx::query_scalar(HEAD.postgres);
        match within(STEP, look.fetch_one(&mut listener)).await.and_then(unsigned) {
            Ok(found) => advance(head, found),
            Err(error) => return error,
        }
        let until = tokio::time::Instant::now() + POLL_EVERY;
        while let Ok(notice) = tokio::time::timeout_at(until, listener.try_recv()).await {
            match notice {
                Ok(Some(notice)) => {
                    if let Ok(found) = notice.payload().parse() {
                        advance(head, found);
                    }
                }
                Ok(None) => return sqlx::Error::PoolClosed,
                Err(error) => return error,
            }
        }
    }
}
