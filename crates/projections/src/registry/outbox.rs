//! What the log is still to be told. Written with the rows it tells of, removed once the log has it.

use chrono::{DateTime, Utc};
use eventstore::NewEvent;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::{Error, Registry};

/// An event in the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) place: i64,
    pub(crate) event: NewEvent,
}

const WAITING: &str = "
    SELECT place, id, kind, schema_version, effective_at, actor, reason, correlation_id, payload
    FROM outbox ORDER BY place LIMIT ?";
const ADD: &str = "
    INSERT INTO outbox
        (id, kind, schema_version, effective_at, actor, reason, correlation_id, payload)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

impl Registry {
    /// The oldest events that the log was perhaps not told yet, at most `limit`.
    pub(crate) async fn announcements(&self, limit: u32) -> Result<Vec<Announcement>, Error> {
        let rows = sqlx::query(WAITING).bind(limit).fetch_all(&self.readers).await;
        let rows = rows.map_err(|error| self.place.fault(error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.place.fault(error))
    }

    /// The log has everything up to that place.
    pub(crate) async fn announced(&self, place: i64) -> Result<(), Error> {
        let mut writer = self.writer.lock().await;
        let removed = sqlx::query("DELETE FROM outbox WHERE place <= ?").bind(place);
        removed.execute(&mut *writer).await.map_err(|error| self.place.fault(error))?;
        Ok(())
    }
}

pub(super) async fn add(
    connection: &mut SqliteConnection,
    event: &NewEvent,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(ADD)
        .bind(event.id.as_bytes().as_slice())
        .bind(&event.kind)
        .bind(event.schema_version)
        .bind(event.effective_at.timestamp_micros())
        .bind(&event.actor)
        .bind(&event.reason)
        .bind(event.correlation_id.as_bytes().as_slice())
        .bind(&event.payload);
    row.execute(connection).await.map(|_| ())
}

fn read(row: &SqliteRow) -> Result<Announcement, sqlx::Error> {
    let id = |column: usize| {
        let bytes: &[u8] = row.try_get(column)?;
        Uuid::from_slice(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    let effective_at = DateTime::<Utc>::from_timestamp_micros(row.try_get(4)?);
    let event = NewEvent {
        id: id(1)?,
        kind: row.try_get(2)?,
        schema_version: row.try_get(3)?,
        effective_at: effective_at.unwrap_or_default(),
        actor: row.try_get(5)?,
        reason: row.try_get(6)?,
        correlation_id: id(7)?,
        causation_id: None,
        payload: row.try_get(8)?,
    };
    Ok(Announcement { place: row.try_get(0)?, event })
}
