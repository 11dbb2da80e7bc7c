//! Connections to a `PostgreSQL` server with a bound on every wait.
//!
//! A network that forwards nothing must end a call, not hold it: each wait for the server is
//! bounded on this side, and a connection that was waited for in vain, or dropped in the middle of
//! something, is closed and never used again. What talks to a server is a trait object
//! ([`BoxFuture`]): `sqlx`'s protocol is compiled in this crate, and not again in each crate that
//! waits for it. Deliberately absent: `sqlx`'s pool, which waits without a bound for an answer when
//! it takes a connection back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::{Stream, TryStreamExt};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The longest wait for a new connection, or for a lent one to come back.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest wait for an idle connection to answer, or for one to close.
const PING: Duration = Duration::from_secs(5);

/// What the server does when the other end is gone: it notices, and ends the session with its
/// locks.
const SESSION: [(&str, &str); 4] = [
    ("client_connection_check_interval", "2s"),
    ("tcp_keepalives_idle", "10s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
];

/// The settings of every session on one of our databases.
pub fn session(options: PgConnectOptions) -> PgConnectOptions {
    let named = options.get_application_name().is_some();
    let options = if named { options } else { options.application_name("tramonto") };
    options.options(SESSION).disable_statement_logging()
}

/// Opens a connection.
pub fn connect(options: &PgConnectOptions) -> BoxFuture<'_, Result<PgConnection, sqlx::Error>> {
    within(CONNECT, options.connect()).boxed()
}

/// Closes a connection politely; the server need not answer.
pub fn close(connection: PgConnection) -> BoxFuture<'static, ()> {
    let closing = async move {
        if let Err(error) = within(PING, connection.close()).await {
            tracing::debug!(%error, "connection did not close cleanly");
        }
    };
    closing.boxed()
}

/// Whether a connection answers.
fn answers(connection: &mut PgConnection) -> BoxFuture<'_, bool> {
    within(PING, connection.ping()).map(|answer| answer.is_ok()).boxed()
}

/// Waits for the server, but not forever.
pub async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_elapsed| {
        let text = format!("no answer within {} s", limit.as_secs());
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
    })
}

/// All rows of an answer, with a limit on the wait for each.
pub(crate) async fn rows_within<R>(
    limit: Duration,
    mut answer: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
) -> Result<Vec<R>, sqlx::Error> {
    let mut rows = Vec::new();
    while let Some(row) = within(limit, answer.try_next()).await? {
        rows.push(row);
    }
    Ok(rows)
}

/// A few connections, lent out in turn.
#[derive(Debug)]
pub struct Connections {
    options: Box<PgConnectOptions>,
    /// The longest wait for a row of an answer.
    pub(crate) answer: Duration,
    idle: Mutex<Vec<PgConnection>>,
    permits: Semaphore,
}

/// A connection that is lent out. It comes back through [`Lent::give_back`] alone: one that is
/// dropped may be in the middle of something and is closed, which rolls back what it did.
#[derive(Debug)]
pub struct Lent<'a> {
    home: &'a Connections,
    /// The connection.
    pub connection: PgConnection,
    _permit: SemaphorePermit<'a>,
}

impl Connections {
    /// At most `most` connections with these options, each row of whose answers may take as long as
    /// `answer`. None is opened yet.
    pub fn new(options: PgConnectOptions, most: usize, answer: Duration) -> Self {
        let (options, idle) = (Box::new(options), Mutex::default());
        Self { options, answer, idle, permits: Semaphore::new(most) }
    }

    /// A connection that answers: an idle one, or a new one. Where an idle one does not answer, the
    /// server was restarted or is cut off, and the other idle ones are of no use either.
    pub async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        let permit = self.permits.acquire();
        let permit = within(CONNECT, async { permit.await.or(Err(sqlx::Error::PoolClosed)) });
        let permit = permit.await?;
        let idle = self.idle().pop();
        if let Some(mut connection) = idle {
            if answers(&mut connection).await {
                return Ok(Lent { home: self, connection, _permit: permit });
            }
            self.idle().clear();
        }
        let connection = connect(&self.options).await?;
        Ok(Lent { home: self, connection, _permit: permit })
    }

    /// Opens a connection that the caller keeps.
    pub async fn open(&self) -> Result<PgConnection, sqlx::Error> {
        connect(&self.options).await
    }

    /// Closes the idle connections and lends none any more.
    pub async fn close(&self) {
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
    /// Returns a connection whose work went well.
    pub fn give_back(self) {
        if !self.home.permits.is_closed() {
            self.home.idle().push(self.connection);
        }
    }
}
