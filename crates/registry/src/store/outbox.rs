//! The outbox: events to be appended to the log. Written with the rows that they concern, removed
//! once the log has them.

use chrono::{DateTime, Utc};
use eventstore::NewEvent;
use uuid::Uuid;

use super::{Error, Registry};
use sql::{Param, Transaction};

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
        self.all(WAITING, vec![Param::Number(limit.into())], read).await
    }
}

pub(super) async fn add(
    transaction: &mut Transaction<'_>,
    event: &NewEvent,
) -> Result<(), sql::Error> {
    let given = vec![
        Param::Id(event.id),
        Param::Text(event.kind.clone()),
        Param::Number(event.schema_version.into()),
        Param::Number(event.effective_at.timestamp_micros()),
        Param::Text(event.actor.clone()),
        Param::OptionalText(event.reason.clone()),
        Param::Id(event.correlation_id),
        Param::Text(event.payload.clone()),
    ];
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
