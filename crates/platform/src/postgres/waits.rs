use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};

/// Connections that one process opens at most: a worker makes a call at a time.
const CONNECTIONS: u32 = 8;

/// How long a directory waits for its server, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a connection, new or one of those in use.
    pub connect: Duration,
    /// For a lock that another transaction holds.
    pub lock: Duration,
    /// For one statement, the lock included; the server ends it then.
    pub statement: Duration,
    /// For a whole call, once it has a connection: where the server is gone without a word.
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
    /// Connections with these limits; none is made yet.
    pub(super) fn pool(self, options: PgConnectOptions) -> PgPool {
        let settings = self.settings();
        // Slow statements are seen in the duration of the call, which is measured.
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

    /// For a session of the server. One whose client vanished in the middle of a transaction gives
    /// its locks back in time; 0 would be no limit at all.
    fn settings(self) -> String {
        let milliseconds = |wait: Duration| wait.as_millis().max(1);
        format!(
            "SET lock_timeout = {lock}; SET statement_timeout = {statement};
             SET idle_in_transaction_session_timeout = {lock};
             SET client_connection_check_interval = {check};
             SET synchronous_commit = on; SET timezone = 'UTC'",
            lock = milliseconds(self.lock),
            statement = milliseconds(self.statement),
            check = milliseconds(self.lock.min(Duration::from_secs(5))),
        )
    }
}
