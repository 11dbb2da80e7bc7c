//! What a group of appends asks of this database, inside a transaction of the writer.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::names::NameIds;
use super::read::instant;
use super::statements::{FIND_EVENTS, FIND_STREAMS, INSERT_EVENTS, ROWS, UPSERT_STREAMS};
use crate::Written;
use crate::group::{Group, Head, Stream, Transaction};
use crate::numbers::{signed, unsigned};
use crate::rules::{Existing, Fact, Request};

/// A transaction that the caller begins and ends.
pub(crate) struct OpenTransaction<'a> {
    pub(crate) connection: &'a mut SqliteConnection,
    pub(crate) kinds: &'a mut NameIds,
    pub(crate) categories: &'a mut NameIds,
}

impl Transaction for OpenTransaction<'_> {
    async fn find_streams(
        &mut self,
        group: &mut Group<'_>,
        wanted: &[usize],
    ) -> Result<(), sqlx::Error> {
        let streams = wanted.iter().filter_map(|at| group.streams.get(*at));
        let names = json_array(streams.map(|stream| stream.name.as_str()));
        let found = sqlx::query(FIND_STREAMS).bind(names);
        for row in found.fetch_all(&mut *self.connection).await? {
            let Some(at) = wanted.get(index_of(&row)?) else { continue };
            group.found(*at, row.try_get(1)?, unsigned(row.try_get(2)?)?);
        }
        Ok(())
    }

    async fn write(&mut self, group: &mut Group<'_>) -> Result<(), sqlx::Error> {
        if group.pending.is_empty() {
            return Ok(());
        }
        let unnamed = |stream: &&mut Stream<'_>| stream.changed && stream.category == 0;
        for stream in group.streams.iter_mut().filter(unnamed) {
            let category = stream.name.category();
            stream.category = self.categories.id_of(self.connection, category).await?;
        }
        self.insert_events(group).await?;
        self.save_streams(&group.streams).await?;
        self.save_log_head(group.head).await?;
        group.written();
        Ok(())
    }

    async fn existing(
        &mut self,
        request: &Request,
    ) -> Result<HashMap<Uuid, Existing>, sqlx::Error> {
        let ids: Vec<String> =
            request.events.iter().map(|event| event.id.simple().to_string()).collect();
        let found = sqlx::query(FIND_EVENTS).bind(json_array(ids.iter().map(String::as_str)));
        let mut existing = HashMap::new();
        for row in found.fetch_all(&mut *self.connection).await? {
            let at = index_of(&row)?;
            let stream = request.stream_of.get(at).and_then(|at| request.streams.get(*at));
            let (Some(event), Some(stream)) = (request.events.get(at), stream) else { continue };
            let (position, version) = (unsigned(row.try_get(1)?)?, unsigned(row.try_get(2)?)?);
            let fact = Fact {
                stream: row.try_get(3)?,
                kind: row.try_get(4)?,
                schema_version: row.try_get(5)?,
                payload: row.try_get(6)?,
            };
            let same = fact.is(stream, event);
            existing.insert(event.id, Existing { written: Written { position, version }, same });
        }
        Ok(existing)
    }
}

impl OpenTransaction<'_> {
    /// Where the log ends.
    pub(crate) async fn log_head(&mut self) -> Result<Head, sqlx::Error> {
        let row = sqlx::query_as(
            "SELECT position, recorded_at, (SELECT coalesce(max(id), 0) FROM stream) FROM log_head",
        );
        let (position, recorded_at, last_stream): (i64, i64, i64) =
            row.fetch_one(&mut *self.connection).await?;
        let (position, recorded_at) = (unsigned(position)?, instant(recorded_at)?);
        Ok(Head { position, recorded_at, last_stream })
    }

    async fn insert_events(&mut self, group: &Group<'_>) -> Result<(), sqlx::Error> {
        let recorded_at = group.head.recorded_at.timestamp_micros();
        for chunk in group.pending.chunks(ROWS) {
            let mut query = INSERT_EVENTS.of(chunk.len());
            for pending in chunk {
                let (event, written) = (pending.event, pending.written);
                let Some(stream) = group.streams.get(pending.stream) else { continue };
                let kind = self.kinds.id_of(self.connection, &event.kind).await?;
                query = query
                    .bind(signed(written.position))
                    .bind(event.id.as_bytes().as_slice())
                    .bind(stream.id)
                    .bind(stream.category)
                    .bind(signed(written.version))
                    .bind(kind)
                    .bind(event.schema_version)
                    .bind(event.effective_at.timestamp_micros())
                    .bind(recorded_at)
                    .bind(event.actor.as_str())
                    .bind(event.reason.as_deref())
                    .bind(event.correlation_id.as_bytes().as_slice())
                    .bind(event.causation_id.as_ref().map(|id| id.as_bytes().as_slice()))
                    .bind(event.payload.as_str());
            }
            query.execute(&mut *self.connection).await?;
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
            query.execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    async fn save_log_head(&mut self, head: Head) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE log_head SET position = ?, recorded_at = ?")
            .bind(signed(head.position))
            .bind(head.recorded_at.timestamp_micros())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

fn json_array<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<serde_json::Value>().to_string()
}

/// The index of a row's item.
fn index_of(row: &SqliteRow) -> Result<usize, sqlx::Error> {
    usize::try_from(row.try_get::<i64, _>(0)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
