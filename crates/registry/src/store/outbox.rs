//! The outbox: events to be appended to the log. Written with the rows that they concern, removed
//! once the log has them.

use chrono::{DateTime, Utc};
use eventstore::NewEvent;
use uuid::Uuid;

use super::{Error, Registry};
use sql::{Transaction, params};

/// An event in the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) place: i64,
    pub(crate) event: NewEvent,
}

type Row = (i64, Uuid, String, i64, i64, String, Option<String>, Uuid, String);

const WAITING: &str = "
    SELECT place, id, kind, schema_version, effective_at, actor, reason, correlation_id, payload
    FROM outbox ORDER BY place LIMIT $1";
const ADD: &str = "
    INSERT INTO outbox
        (id, kind, schema_version, effective_at, actor, reason, correlation_id, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(super) const REMOVE: &str = "DELETE FROM outbox WHERE place <= $1";

impl Registry {
    /// The oldest events that the log may not have yet, at most `limit`.
    pub(crate) async fn announcements(&self, limit: u32) -> Result<Vec<Announcement>, Error> {
        Ok(self.tables.all(WAITING, params![limit], read).await?)
    }
}

pub(super) async fn add(
    transaction: &mut Transaction<'_>,
    event: &NewEvent,
) -> Result<(), sql::Error> {
    let NewEvent { id, kind, actor, reason, correlation_id, payload, .. } = event;
    let version = u32::from(event.schema_version);
    let effective_at = event.effective_at.timestamp_micros();
    let (kind, actor, reason) = (kind.as_str(), actor.as_str(), reason.as_deref());
    let payload = payload.as_str();
    let given = params![*id, kind, version, effective_at, actor, reason, *correlation_id, payload];
    transaction.run(ADD, given).await.map(|_| ())
}

fn read(row: Row) -> Result<Announcement, String> {
    let (place, id, kind, schema_version, effective_at, actor, reason, correlation_id, payload) =
        row;
    let schema_version = u16::try_from(schema_version).map_err(|error| error.to_string())?;
    let effective_at = DateTime::<Utc>::from_timestamp_micros(effective_at).unwrap_or_default();
    let event = NewEvent {
        id,
        kind,
        schema_version,
        effective_at,
        actor,
        reason,
        correlation_id,
        causation_id: None,
        payload,
    };
    Ok(Announcement { place, event })
}
