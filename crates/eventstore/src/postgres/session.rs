//! A writing connection to a log on a server: three round trips and a commit for a group.
//!
//! The counter row is locked in a statement of its own and stream versions are read in the next:
//! read in the same, they would be those from before the wait. All rows are written by one
//! statement, whose arrays are taken apart by one call each; arrays are never joined to each other.
//! A failed connection is dropped, and the next transaction opens another: the server may restart
//! at any time.

use std::time::Duration;

use sql::{Param, Row, Statement, Writer, ends_the_session, within};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::STEP;
use crate::group::{Group, Head, Stream};
use crate::names::Names;
use crate::numbers::{signed, unsigned};
use crate::session::Session;

/// The channel of append notifications.
pub(super) const CHANNEL: &str = "tramonto_appended";

/// How much longer than a step the writing of one row may take.
const ROW: Duration = Duration::from_micros(500);

const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT position, recorded_at, last_stream FROM tramonto.log_head FOR UPDATE";

/// Each statement sees what was committed before it, as the rule needs after it waited.
const BEGIN_LEASE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const WRITE: &str = "
    WITH new_stream AS (
        INSERT INTO tramonto.stream (id, name, category, last_version)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
    ), old_stream AS (
        UPDATE tramonto.stream s SET last_version = moved.last_version
        FROM unnest($5::bigint[], $6::bigint[]) moved (id, last_version) WHERE s.id = moved.id
    ), head AS (
        UPDATE tramonto.log_head SET position = $7, recorded_at = $8, last_stream = $9
    )
    INSERT INTO tramonto.event (position, id, stream, category, version, kind, schema_version,
        effective_at, recorded_at, actor, reason, correlation_id, causation_id, payload)
    SELECT e.position, e.id, e.stream, e.category, e.version, e.kind, e.schema_version,
        e.effective_at, $8, e.actor, e.reason, e.correlation_id, e.causation_id, e.payload
    FROM unnest($10::bigint[], $11::uuid[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::int[], $17::timestamptz[], $18::text[], $19::text[], $20::uuid[],
        $21::uuid[], $22::text[])
        e (position, id, stream, category, version, kind, schema_version, effective_at, actor,
            reason, correlation_id, causation_id, payload)";

pub(super) struct ServerSession {
    options: PgConnectOptions,
    /// `None` before the first transaction and after a failure.
    connection: Option<PgConnection>,
    names: Names,
}

impl ServerSession {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None, names: Names::new() }
    }

    /// Begins a transaction. The connection of the last one may be gone since; as nothing was asked
    /// of it yet, a new one replaces it.
    async fn begin_with(&mut self, begin: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
        if let Some(mut connection) = self.connection.take() {
            match within(STEP, sqlx::raw_sql(begin).fetch_all(&mut connection)).await {
                Ok(rows) => {
                    self.connection = Some(connection);
                    return Ok(rows);
                }
                Err(error) if was_gone(&error) => {
                    tracing::debug!(%error, "writing connection reopened");
                }
                Err(error) => return Err(error),
            }
        }
        self.names.clear();
        let mut connection = sql::connect(&self.options).await?;
        let rows = within(STEP, sqlx::raw_sql(begin).fetch_all(&mut connection)).await?;
        self.connection = Some(connection);
        Ok(rows)
    }

    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

impl Session for ServerSession {
    async fn begin(&mut self) -> Result<Head, sqlx::Error> {
        let begun = self.begin_with(BEGIN).await?;
        let row = begun.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Head {
            position: unsigned(row.try_get(0)?)?,
            recorded_at: row.try_get(1)?,
            last_stream: row.try_get(2)?,
        })
    }

    async fn begin_lease(&mut self) -> Result<(), sqlx::Error> {
        self.begin_with(BEGIN_LEASE).await.map(|_| ())
    }

    async fn rows<T: Row>(
        &mut self,
        statement: Statement,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        within(STEP, Writer::Postgres(self.connection()?).rows(statement, params)).await
    }

    async fn write(&mut self, group: &mut Group<'_>) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let kinds = within(STEP, self.names.of(group, Writer::Postgres(connection))).await?;
        let rows = u32::try_from(group.pending.len()).unwrap_or(u32::MAX);
        within(STEP + ROW * rows, insert(group, kinds, connection)).await
    }

    /// Commits, and notifies listeners of the new end of the log.
    async fn commit(&mut self, head: Option<u64>) -> Result<(), sqlx::Error> {
        let notify = head.map_or_else(String::new, |head| format!("NOTIFY {CHANNEL}, '{head}'; "));
        let commit = AssertSqlSafe(format!("{notify}COMMIT"));
        within(STEP, sqlx::raw_sql(commit).execute(self.connection()?)).await.map(|_| ())
    }

    async fn roll_back(&mut self, after: Option<&sqlx::Error>) {
        self.names.clear();
        let Some(mut connection) = self.connection.take() else { return };
        if after.is_some_and(ends_the_session) {
            return;
        }
        match within(STEP, sqlx::raw_sql("ROLLBACK").execute(&mut connection)).await {
            Ok(_) => self.connection = Some(connection),
            Err(error) => tracing::debug!(%error, "writing connection lost"),
        }
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            sql::close(connection).await;
        }
    }
}

/// Writes the rows of a group, column by column.
async fn insert(
    group: &Group<'_>,
    kinds: Vec<i64>,
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    let changed = group.streams.iter().filter(|stream| stream.changed);
    let (old, new): (Vec<&Stream<'_>>, Vec<&Stream<'_>>) = changed.partition(|it| it.stored);
    let events: Vec<_> = group.pending.iter().collect();
    let streams_of = events.iter().filter_map(|event| group.streams.get(event.stream));
    let (streams, categories): (Vec<i64>, Vec<i64>) =
        streams_of.map(|stream| (stream.id, stream.category)).unzip();
    sqlx::query(WRITE)
        .bind(each(&new, |stream| stream.id))
        .bind(each(&new, |stream| stream.name.as_str()))
        .bind(each(&new, |stream| stream.category))
        .bind(each(&new, |stream| stream.last.map(signed)))
        .bind(each(&old, |stream| stream.id))
        .bind(each(&old, |stream| stream.last.map(signed)))
        .bind(signed(group.head.position))
        .bind(group.head.recorded_at)
        .bind(group.head.last_stream)
        .bind(each(&events, |it| signed(it.written.position)))
        .bind(each(&events, |it| it.event.id))
        .bind(streams)
        .bind(categories)
        .bind(each(&events, |it| signed(it.written.version)))
        .bind(kinds)
        .bind(each(&events, |it| i32::from(it.event.schema_version)))
        .bind(each(&events, |it| it.event.effective_at))
        .bind(each(&events, |it| it.event.actor.as_str()))
        .bind(each(&events, |it| it.event.reason.as_deref()))
        .bind(each(&events, |it| it.event.correlation_id))
        .bind(each(&events, |it| it.event.causation_id))
        .bind(each(&events, |it| it.event.payload.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

/// One column of rows.
fn each<'r, R, T>(rows: &[&'r R], column: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| column(row)).collect()
}

/// Whether the connection was gone before anything was asked of it. One that does not answer may
/// not be.
fn was_gone(error: &sqlx::Error) -> bool {
    let waited =
        matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut);
    ends_the_session(error) && !waited
}
