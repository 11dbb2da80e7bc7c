//! The writing connection of a log in a file.

use sql::{Param, Row, Statement, Writer};
use sqlx::{Connection, SqliteConnection, SqlitePool};

use super::statements::{INSERT_EVENTS, ROWS, UPSERT_STREAMS};
use crate::group::{Group, Head, Stream};
use crate::names::Names;
use crate::numbers::{instant, signed, unsigned};
use crate::session::Session;

const LOG_HEAD: &str =
    "SELECT position, recorded_at, (SELECT coalesce(max(id), 0) FROM stream) FROM log_head";

pub(super) struct FileSession {
    connection: SqliteConnection,
    names: Names,
    /// Closed before the connection that writes: the one that closes last moves the write-ahead log
    /// into the file, and a reader may not.
    readers: Option<SqlitePool>,
}

impl FileSession {
    pub(super) fn new(connection: SqliteConnection, readers: Option<SqlitePool>) -> Self {
        Self { connection, names: Names::new(), readers }
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(statement).execute(&mut self.connection).await.map(|_| ())
    }

    async fn insert_events(&mut self, group: &Group<'_>, kinds: &[i64]) -> Result<(), sqlx::Error> {
        let recorded_at = group.head.recorded_at.timestamp_micros();
        for (chunk, kinds) in group.pending.chunks(ROWS).zip(kinds.chunks(ROWS)) {
            let mut query = INSERT_EVENTS.of(chunk.len());
            for (pending, kind) in chunk.iter().zip(kinds) {
                let (event, written) = (pending.event, pending.written);
                let Some(stream) = group.streams.get(pending.stream) else { continue };
                query = query
                    .bind(signed(written.position))
                    .bind(event.id)
                    .bind(stream.id)
                    .bind(stream.category)
                    .bind(signed(written.version))
                    .bind(kind)
                    .bind(event.schema_version)
                    .bind(event.effective_at.timestamp_micros())
                    .bind(recorded_at)
                    .bind(event.actor.as_str())
                    .bind(event.reason.as_deref())
                    .bind(event.correlation_id)
                    .bind(event.causation_id)
                    .bind(event.payload.as_str());
            }
            query.execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn save_streams(&mut self, streams: &[Stream<'_>]) -> Result<(), sqlx::Error> {
        let changed: Vec<&Stream<'_>> = streams.iter().filter(|stream| stream.changed).collect();
        for chunk in changed.chunks(ROWS) {
            let mut query = UPSERT_STREAMS.of(chunk.len());
            for stream in chunk {
                query = query
                    .bind(stream.id)
                    .bind(stream.name.as_str())
                    .bind(stream.category)
                    .bind(stream.last.map(signed));
            }
            query.execute(&mut self.connection).await?;
        }
        Ok(())
    }
}

impl Session for FileSession {
    async fn begin(&mut self) -> Result<Head, sqlx::Error> {
        self.begin_lease().await?;
        let (position, recorded_at, last_stream): (i64, i64, i64) =
            sqlx::query_as(LOG_HEAD).fetch_one(&mut self.connection).await?;
        let (position, recorded_at) = (unsigned(position)?, instant(recorded_at)?);
        Ok(Head { position, recorded_at, last_stream })
    }

    /// Takes the write lock at once: a transaction that starts with a read cannot wait for it.
    async fn begin_lease(&mut self) -> Result<(), sqlx::Error> {
        self.execute("BEGIN IMMEDIATE").await
    }

    async fn rows<T: Row>(
        &mut self,
        statement: Statement,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        Writer::Sqlite(&mut self.connection).rows(statement, params).await
    }

    async fn write(&mut self, group: &mut Group<'_>) -> Result<(), sqlx::Error> {
        let kinds = self.names.of(group, Writer::Sqlite(&mut self.connection)).await?;
        self.insert_events(group, &kinds).await?;
        self.save_streams(&group.streams).await?;
        sqlx::query("UPDATE log_head SET position = ?, recorded_at = ?")
            .bind(signed(group.head.position))
            .bind(group.head.recorded_at.timestamp_micros())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn commit(&mut self, _head: Option<u64>) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await
    }

    /// After some failures the database has rolled back by itself and reports that here.
    async fn roll_back(&mut self, _after: Option<&sqlx::Error>) {
        self.names.clear();
        if let Err(error) = self.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    async fn close(self) {
        if let Some(readers) = self.readers {
            readers.close().await;
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "event store did not close cleanly");
        }
    }
}
