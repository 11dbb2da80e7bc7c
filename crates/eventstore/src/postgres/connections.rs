//! Connections with a bound on every wait.
//!
//! A network that forwards nothing and says nothing must end a call, not hold it: each wait for the
//! server is bounded on this side, and a connection that was waited for in vain is dropped, never used
//! again. The server has bounds of its own, set with the session, so that a process which is suspended
//! or cut off does not hold the counter row for long. Deliberately absent: `sqlx`'s pool, which waits
//! without a bound for an answer when it takes a connection back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, TryStreamExt};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long the server may take to let us in, or to answer that a connection still lives.
const CONNECT: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_secs(5);
/// How long a caller waits for one of the connections to be free.
const LEND: Duration = Duration::from_secs(10);
/// How long the server may take for a step: many times what the largest takes on a slow machine.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// How many may read at once in one process; a server has to share some hundred among all.
const READERS: usize = 4;

/// What the server enforces by itself, if this side can't any more: nobody waits for another's lock for
/// longer, holds one while idle for longer, or keeps one when the other end is gone.
const SESSION: [(&str, &str); 7] = [
    ("lock_timeout", "8s"),
    ("statement_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("client_connection_check_interval", "2s"),
    ("tcp_keepalives_idle", "10s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
];

/// Adds the bounds that the server keeps.
pub(crate) fn with_bounds(options: PgConnectOptions) -> PgConnectOptions {
    let named = options.get_application_name().is_some();
    let options = if named { options } else { options.application_name("tramonto") };
    options.options(SESSION).disable_statement_logging()
}

/// A new connection.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(CONNECT, options.connect()).await
}

/// Waits for the server, but not for ever.
pub(crate) async fn within<T>(
    bound: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(bound, answer).await.unwrap_or_else(|_elapsed| {
        let text = format!("no answer within {} s", bound.as_secs());
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
    })
}

/// All rows of an answer, waiting for each but not for ever.
pub(crate) async fn rows<R>(
    mut answer: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
) -> Result<Vec<R>, sqlx::Error> {
    let mut rows = Vec::new();
    while let Some(row) = within(STEP, answer.try_next()).await? {
        rows.push(row);
    }
    Ok(rows)
}

/// A few connections, lent out in turn.
#[derive(Debug)]
pub(crate) struct Connections {
    options: PgConnectOptions,
    idle: Mutex<Vec<PgConnection>>,
    permits: Semaphore,
}

/// A connection that is lent out. It comes back by [`Lent::give_back`] alone: one that is dropped, after
/// an error or because its caller is gone, may be in the middle of something and is closed.
pub(crate) struct Lent<'a> {
    home: &'a Connections,
    pub(crate) connection: PgConnection,
    _permit: SemaphorePermit<'a>,
}

impl Connections {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, idle: Mutex::default(), permits: Semaphore::new(READERS) }
    }

    /// A connection that answers: an idle one if there is any, or a new one. Where an idle one does not
    /// answer, the server was restarted or is cut off, and the others are of no use either.
    pub(crate) async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        let permit =
            within(LEND, async { self.permits.acquire().await.or(Err(sqlx::Error::PoolClosed)) });
        let permit = permit.await?;
        let idle = self.idle().pop();
        if let Some(mut connection) = idle {
            if within(PING, connection.ping()).await.is_ok() {
                return Ok(Lent { home: self, connection, _permit: permit });
            }
            self.idle().clear();
        }
        let connection = connect(&self.options).await?;
        Ok(Lent { home: self, connection, _permit: permit })
    }

    /// Closes what is idle; nothing is lent out any more.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            close(connection).await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// The work went well, and the connection can serve another.
    pub(crate) fn give_back(self) {
        if !self.home.permits.is_closed() {
            self.home.idle().push(self.connection);
        }
    }
}

/// Says goodbye, which the server need not hear: it finds out by itself.
pub(crate) async fn close(connection: PgConnection) {
    if let Err(error) = within(PING, connection.close()).await {
        tracing::debug!(%error, "a connection to the event store did not close cleanly");
    }
}
