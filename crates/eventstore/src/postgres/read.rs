//! Reads: each function is one or two statements, each a transaction of its own.

use sql::{rows_within, within};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::STEP;
use crate::numbers::{decode, limit_of, signed, unsigned};
use crate::{Direction, Filter, NewEvent, RecordedEvent, StreamName};

/// An event, in the order in which [`event`] takes it apart.
macro_rules! select_events {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT e.position, s.name, e.version, e.recorded_at, e.id, k.name, e.schema_version, ",
            "e.effective_at, e.actor, e.reason, e.correlation_id, e.causation_id, e.payload FROM ",
            $from,
            " JOIN tramonto.stream s ON s.id = e.stream JOIN tramonto.kind k ON k.id = e.kind ",
            $rest
        )
    };
}

// A page is taken from the index first and the names are joined to it: a planner whose statistics
// are behind a log that grew fast would else join all that is left of the log and sort it, page
// after page.

const LOG: &str = select_events!(
    "(SELECT * FROM tramonto.event WHERE position > $1 AND position <= $2
      ORDER BY position LIMIT $3) e",
    "ORDER BY e.position"
);

/// Each category is read in its own order from its index, and those few are merged: no other
/// event is read.
const CATEGORIES: &str = select_events!(
    "(SELECT found.* FROM tramonto.category c CROSS JOIN LATERAL (
        SELECT * FROM tramonto.event
        WHERE category = c.id AND position > $1 AND position <= $2
        ORDER BY category, position LIMIT $3
    ) found WHERE c.name = ANY($4) ORDER BY found.position LIMIT $3) e",
    "ORDER BY e.position"
);

const FORWARDS: &str = select_events!(
    "(SELECT * FROM tramonto.event WHERE stream = $1 AND version >= $2
      ORDER BY version LIMIT $3) e",
    "ORDER BY e.version"
);
const BACKWARDS: &str = select_events!(
    "(SELECT * FROM tramonto.event WHERE stream = $1 AND version <= $2
      ORDER BY version DESC LIMIT $3) e",
    "ORDER BY e.version DESC"
);

const ONE: &str = select_events!("tramonto.event e", "WHERE e.id = $1");

/// The last position.
pub(crate) async fn head(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let head = sqlx::query_scalar("SELECT position FROM tramonto.log_head").fetch_one(connection);
    unsigned(within(STEP, head).await?)
}

/// Events of one stream; `None` where it does not exist.
pub(crate) async fn stream(
    connection: &mut PgConnection,
    stream: &StreamName,
    from: u64,
    direction: Direction,
    limit: usize,
) -> Result<Option<Vec<RecordedEvent>>, sqlx::Error> {
    let found = sqlx::query_scalar("SELECT id FROM tramonto.stream WHERE name = $1")
        .bind(stream.as_str())
        .fetch_optional(&mut *connection);
    let Some(id) = within(STEP, found).await? else { return Ok(None) };
    let id: i64 = id;
    let statement = match direction {
        Direction::Forwards => FORWARDS,
        Direction::Backwards => BACKWARDS,
    };
    let query = sqlx::query(statement).bind(id).bind(signed(from)).bind(limit_of(limit));
    let found = rows_within(STEP, query.fetch(connection)).await?;
    found.iter().map(event).collect::<Result<Vec<_>, _>>().map(Some)
}

/// The event with an id.
pub(crate) async fn one(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<RecordedEvent>, sqlx::Error> {
    let found = sqlx::query(ONE).bind(id).fetch_optional(connection);
    within(STEP, found).await?.as_ref().map(event).transpose()
}

/// Events of the log after `after` up to `head`.
pub(crate) async fn log(
    connection: &mut PgConnection,
    after: u64,
    head: u64,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    let all = filter.categories.is_empty();
    let query = sqlx::query(if all { LOG } else { CATEGORIES });
    let query = query.bind(signed(after)).bind(signed(head)).bind(limit_of(limit));
    let query = if all { query } else { query.bind(&filter.categories) };
    rows_within(STEP, query.fetch(connection)).await?.iter().map(event).collect()
}

fn event(row: &PgRow) -> Result<RecordedEvent, sqlx::Error> {
    Ok(RecordedEvent {
        position: unsigned(row.try_get(0)?)?,
        stream: StreamName::new(row.try_get::<&str, _>(1)?).map_err(decode)?,
        version: unsigned(row.try_get(2)?)?,
        recorded_at: row.try_get(3)?,
        event: NewEvent {
            id: row.try_get(4)?,
            kind: row.try_get(5)?,
            schema_version: u16::try_from(row.try_get::<i32, _>(6)?).map_err(decode)?,
            effective_at: row.try_get(7)?,
            actor: row.try_get(8)?,
            reason: row.try_get(9)?,
            correlation_id: row.try_get(10)?,
            causation_id: row.try_get(11)?,
            payload: row.try_get(12)?,
        },
    })
}
