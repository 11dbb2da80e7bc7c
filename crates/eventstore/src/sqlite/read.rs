//! Reads: each function is one or two statements, each a transaction of its own.

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqlitePool};
use uuid::Uuid;

use crate::numbers::{decode, limit_of, signed, unsigned};
use crate::{Direction, Filter, NewEvent, RecordedEvent, StreamName};

/// An event, in the order in which [`event`] takes it apart. The cross joins keep the events first.
macro_rules! select_events {
    ($condition:literal) => {
        concat!(
            "SELECT e.position, s.name, e.version, e.recorded_at, e.id, k.name, e.schema_version, ",
            "e.effective_at, e.actor, e.reason, e.correlation_id, e.causation_id, e.payload ",
            "FROM event e CROSS JOIN stream s ON s.id = e.stream CROSS JOIN kind k ON k.id = \
             e.kind ",
            "WHERE ",
            $condition
        )
    };
}

/// The last position.
pub(crate) async fn head(readers: &SqlitePool) -> Result<u64, sqlx::Error> {
    let head = sqlx::query_scalar("SELECT position FROM log_head").fetch_one(readers).await?;
    unsigned(head)
}

/// Events of one stream; `None` where it does not exist.
pub(crate) async fn stream(
    readers: &SqlitePool,
    stream: &StreamName,
    from: u64,
    direction: Direction,
    limit: usize,
) -> Result<Option<Vec<RecordedEvent>>, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT id FROM stream WHERE name = ?")
        .bind(stream.as_str())
        .fetch_optional(readers)
        .await?;
    let Some(id) = found else { return Ok(None) };
    let statement = match direction {
        Direction::Forwards => {
            select_events!("e.stream = ?1 AND e.version >= ?2 ORDER BY e.version LIMIT ?3")
        }
        Direction::Backwards => {
            select_events!("e.stream = ?1 AND e.version <= ?2 ORDER BY e.version DESC LIMIT ?3")
        }
    };
    let rows = sqlx::query(statement).bind(id).bind(signed(from)).bind(limit_of(limit));
    let rows = rows.fetch_all(readers).await?;
    rows.iter().map(event).collect::<Result<Vec<_>, _>>().map(Some)
}

/// The event with an id.
pub(crate) async fn one(
    readers: &SqlitePool,
    id: Uuid,
) -> Result<Option<RecordedEvent>, sqlx::Error> {
    let found = sqlx::query(select_events!("e.id = ?1")).bind(id.as_bytes().as_slice());
    found.fetch_optional(readers).await?.as_ref().map(event).transpose()
}

/// Events of the log after `after` up to `head`.
pub(crate) async fn log(
    readers: &SqlitePool,
    after: u64,
    head: u64,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    const ALL: &str =
        select_events!("e.position > ?1 AND e.position <= ?2 ORDER BY e.position LIMIT ?3");
    let query = if filter.categories.is_empty() {
        sqlx::query(ALL).bind(signed(after)).bind(signed(head)).bind(limit_of(limit))
    } else {
        let categories = categories(readers, filter).await?;
        if categories.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query(AssertSqlSafe(merged(&categories)))
            .bind(signed(after))
            .bind(signed(head))
            .bind(limit_of(limit))
    };
    query.fetch_all(readers).await?.iter().map(event).collect()
}

/// The selected categories that any stream has.
async fn categories(readers: &SqlitePool, filter: &Filter) -> Result<Vec<i64>, sqlx::Error> {
    let known = sqlx::query_as::<_, (i64, String)>("SELECT id, name FROM category");
    let mut known = known.fetch_all(readers).await?;
    known.retain(|(_, name)| filter.categories.contains(name));
    Ok(known.into_iter().map(|(id, _)| id).collect())
}

/// A merge of the categories' own orders: no other event is read, and none is sorted.
fn merged(categories: &[i64]) -> String {
    const ONE: &str = select_events!("e.position > ?1 AND e.position <= ?2 AND e.category = ");
    let each: Vec<String> = categories.iter().map(|id| format!("{ONE}{id}")).collect();
    format!("{} ORDER BY 1 LIMIT ?3", each.join(" UNION ALL "))
}

fn event(row: &SqliteRow) -> Result<RecordedEvent, sqlx::Error> {
    let stream = StreamName::new(row.try_get::<&str, _>(1)?).map_err(decode)?;
    let causation_id = row.try_get::<Option<&[u8]>, _>(11)?.map(Uuid::from_slice).transpose();
    Ok(RecordedEvent {
        position: unsigned(row.try_get(0)?)?,
        stream,
        version: unsigned(row.try_get(2)?)?,
        recorded_at: instant(row.try_get(3)?)?,
        event: NewEvent {
            id: Uuid::from_slice(row.try_get(4)?).map_err(decode)?,
            kind: row.try_get(5)?,
            schema_version: u16::try_from(row.try_get::<i64, _>(6)?).map_err(decode)?,
            effective_at: instant(row.try_get(7)?)?,
            actor: row.try_get(8)?,
            reason: row.try_get(9)?,
            correlation_id: Uuid::from_slice(row.try_get(10)?).map_err(decode)?,
            causation_id: causation_id.map_err(decode)?,
            payload: row.try_get(12)?,
        },
    })
}

/// An instant, kept as microseconds since 1970.
pub(crate) fn instant(microseconds: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| sqlx::Error::Decode(format!("{microseconds} is not an instant").into()))
}
