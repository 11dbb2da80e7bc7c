use std::time::Duration;

use sql::{PgConnectOptions, session};

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
    /// Options of sessions with these timeouts. A session whose client vanished within a
    /// transaction releases its locks in time; 0 would mean no limit.
    pub(super) fn session(self, options: PgConnectOptions) -> PgConnectOptions {
        let milliseconds = |wait: Duration| wait.as_millis().max(1).to_string();
        session(options).options([
            ("lock_timeout", milliseconds(self.lock)),
            ("statement_timeout", milliseconds(self.statement)),
            ("idle_in_transaction_session_timeout", milliseconds(self.lock)),
            ("synchronous_commit", "on".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("search_path", "directory".to_owned()),
        ])
    }
}
