//! The log and the mail directory, read with plain SQL from a file or a server.

use std::path::PathBuf;

use sql::{Connections, Param, PgConnectOptions, Reader, Statement};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use engine::Error;

/// Position, kind, schema version, instants of effect and record in microseconds since 1970, actor,
/// payload.
pub(super) type LogRow = (i64, String, i64, i64, i64, String, String);
/// The numbers of all mailboxes, and of those that may send, modify, receive and log in.
pub(super) type RightsRow = (String, String, String, String, String);

const LOG: Statement = Statement {
    sqlite: "SELECT event.position, kind.name, schema_version, effective_at, recorded_at, actor,
                    payload
             FROM event JOIN kind ON kind.id = event.kind
             WHERE event.position > $1 ORDER BY event.position LIMIT 64",
    postgres: "SELECT event.position, kind.name, schema_version::bigint,
                      (extract(epoch FROM effective_at) * 1000000)::bigint,
                      (extract(epoch FROM recorded_at) * 1000000)::bigint, actor, payload
               FROM event JOIN kind ON kind.id = event.kind
               WHERE event.position > $1 ORDER BY event.position LIMIT 64",
};
/// One row of text instead of a row per mailbox: two million rows take seconds to transfer.
const RIGHTS: &str = "SELECT coalesce(string_agg(CAST(number AS text), ','), ''),
        coalesce(string_agg(CAST(number AS text), ',') FILTER (WHERE can_send), ''),
        coalesce(string_agg(CAST(number AS text), ',') FILTER (WHERE NOT read_only), ''),
        coalesce(string_agg(CAST(number AS text), ',') FILTER (WHERE can_receive), ''),
        coalesce(string_agg(CAST(number AS text), ',') FILTER (WHERE can_login), '')
    FROM rights";

/// Where rows are read.
pub(super) enum Source {
    File(PathBuf, SqlitePool),
    Server(Connections),
}

impl Source {
    pub(super) fn file(path: PathBuf) -> Self {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        // It reads every row: slow statements are expected.
        let options = options.disable_statement_logging();
        Self::File(path, SqlitePool::connect_lazy_with(options))
    }

    pub(super) fn server(options: &PgConnectOptions) -> Self {
        let options = options.clone().options([("search_path", "tramonto,directory")]);
        Self::Server(Connections::new(options.disable_statement_logging(), 1, sql::ANSWER))
    }

    /// The next rows of the log, in order; none at its end.
    pub(super) async fn log_after(&self, position: i64) -> Result<Vec<LogRow>, Error> {
        self.rows(LOG, vec![Param::Number(position)]).await
    }

    /// The rights by the view of the mail servers.
    pub(super) async fn rights(&self) -> Result<RightsRow, Error> {
        Ok(self.rows(RIGHTS, Vec::new()).await?.pop().unwrap_or_default())
    }

    async fn rows<T: sql::Row>(
        &self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Error> {
        let (name, reader) = match self {
            Self::File(path, pool) => (path.display().to_string(), Reader::Sqlite(pool)),
            Self::Server(connections) => ("database".to_owned(), Reader::Postgres(connections)),
        };
        reader.rows(statement, params).await.map_err(|error| {
            Error::Unavailable(format!(
                "{name}: cannot be read for the completeness check: {error}"
            ))
        })
    }
}
