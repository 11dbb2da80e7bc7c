use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};

/// Maximum connections of one process: a worker makes one call at a time.
const CONNECTIONS: u32 = 8;

/// Timeouts of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a connection, a new or a pooled one.
    pub connect: Duration,
    /// For a lock held by another transaction.
    pub lock: Duration,
    /// For one statement, including locks; then the server cancels it.
    pub statement: Duration,
    /// For a whole call, once it has a connection: for a server that vanished silently.
    pub call: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            lock: Duration::from_secs(20),
            statement: Duration::from_mins(1),
            call: Duration::from_secs(90),
        }
    }
}

impl Waits {
    /// A connection pool with these timeouts; no connection is opened yet.
    pub(super) fn pool(self, options: PgConnectOptions) -> PgPool {
        let settings = self.settings();
        // Slow statements show in the measured duration of the call.
        let options = options.disable_statement_logging();
        PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(self.connect)
            .after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(async move {
                    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options)
    }

    /// Settings of a session. A session whose client vanished within a transaction releases its
    /// locks in time; 0 would mean no limit.
    fn settings(self) -> String {
        let milliseconds = |wait: Duration| wait.as_millis().max(1);
        format!(
            "SET lock_timeout = {lock}; SET statement_timeout = {statement};
             SET idle_in_transaction_session_timeout = {lock};
             SET client_connection_check_interval = {check};
             SET synchronous_commit = on; SET timezone = 'UTC'; SET search_path = directory",
            lock = milliseconds(self.lock),
            statement = milliseconds(self.statement),
            check = milliseconds(self.lock.min(Duration::from_secs(5))),
        )
    }
}
