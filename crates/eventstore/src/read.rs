//! Reads: each statement is a transaction of its own.

use sql::{Param, Reader, Statement};
use uuid::Uuid;

use crate::numbers::{decode, instant, number, unsigned};
use crate::{Direction, Filter, NewEvent, RecordedEvent, StreamName};

/// An event of a `SQLite` log as [`EventRow`]. The cross joins keep the events first. A limit is
/// `+$3` because `SQLite` plans for a bare parameter's value, and so prepares the statement again
/// each time it is bound.
macro_rules! sqlite_events {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT e.position, s.name, e.version, e.recorded_at, e.id, k.name, e.schema_version, ",
            "e.effective_at, e.actor, e.reason, e.correlation_id, e.causation_id, e.payload FROM ",
            $from,
            " CROSS JOIN stream s ON s.id = e.stream CROSS JOIN kind k ON k.id = e.kind ",
            $rest
        )
    };
}

/// An event of a `PostgreSQL` log as [`EventRow`].
///
/// A page is taken from the index first and the names are joined to it: a planner whose statistics
/// are behind a log that grew fast would else join all that is left of the log and sort it, page
/// after page.
macro_rules! postgres_events {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT e.position, s.name, e.version, ",
            "(extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.id, k.name, ",
            "e.schema_version::bigint, (extract(epoch FROM e.effective_at) * 1000000)::bigint, ",
            "e.actor, e.reason, e.correlation_id, e.causation_id, e.payload FROM ",
            $from,
            " JOIN tramonto.stream s ON s.id = e.stream JOIN tramonto.kind k ON k.id = e.kind ",
            $rest
        )
    };
}

/// Position, stream, version, recorded at, id, kind, schema version, effective at, actor, reason,
/// correlation id, causation id, payload; instants in microseconds since 1970.
type EventRow = (
    i64,
    String,
    i64,
    i64,
    Uuid,
    String,
    i64,
    i64,
    String,
    Option<String>,
    Uuid,
    Option<Uuid>,
    String,
);

pub(crate) const HEAD: Statement = Statement {
    sqlite: "SELECT position FROM log_head",
    postgres: "SELECT position FROM tramonto.log_head",
};

const LOG: Statement = Statement {
    sqlite: sqlite_events!(
        "event e",
        "WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT +$3"
    ),
    postgres: postgres_events!(
        "(SELECT * FROM tramonto.event WHERE position > $1 AND position <= $2
          ORDER BY position LIMIT $3) e",
        "ORDER BY e.position"
    ),
};

/// Each category is read in its own order from its index, and those few are merged: no other
/// event is read.
const CATEGORIES: Statement = Statement {
    sqlite: sqlite_events!(
        "category c CROSS JOIN event e ON e.position IN (
            SELECT position FROM event
            WHERE category = c.id AND position > $1 AND position <= $2
            ORDER BY position LIMIT +$3
        )",
        "WHERE c.name IN (SELECT value FROM json_each($4)) ORDER BY e.position LIMIT +$3"
    ),
    postgres: postgres_events!(
        "(SELECT found.* FROM tramonto.category c CROSS JOIN LATERAL (
            SELECT * FROM tramonto.event
            WHERE category = c.id AND position > $1 AND position <= $2
            ORDER BY category, position LIMIT $3
        ) found WHERE c.name IN (SELECT json_array_elements_text($4::json))
          ORDER BY found.position LIMIT $3) e",
        "ORDER BY e.position"
    ),
};

const FORWARDS: Statement = Statement {
    sqlite: sqlite_events!(
        "event e",
        "WHERE e.stream = (SELECT id FROM stream WHERE name = $1) AND e.version >= $2
         ORDER BY e.version LIMIT +$3"
    ),
    postgres: postgres_events!(
        "(SELECT * FROM tramonto.event
          WHERE stream = (SELECT id FROM tramonto.stream WHERE name = $1) AND version >= $2
          ORDER BY version LIMIT $3) e",
        "ORDER BY e.version"
    ),
};

const BACKWARDS: Statement = Statement {
    sqlite: sqlite_events!(
        "event e",
        "WHERE e.stream = (SELECT id FROM stream WHERE name = $1) AND e.version <= $2
         ORDER BY e.version DESC LIMIT +$3"
    ),
    postgres: postgres_events!(
        "(SELECT * FROM tramonto.event
          WHERE stream = (SELECT id FROM tramonto.stream WHERE name = $1) AND version <= $2
          ORDER BY version DESC LIMIT $3) e",
        "ORDER BY e.version DESC"
    ),
};

const STREAM: Statement = Statement {
    sqlite: "SELECT id FROM stream WHERE name = $1",
    postgres: "SELECT id FROM tramonto.stream WHERE name = $1",
};

const ONE: Statement = Statement {
    sqlite: sqlite_events!("event e", "WHERE e.id = $1"),
    postgres: postgres_events!("tramonto.event e", "WHERE e.id = $1"),
};

/// The last position.
pub(crate) async fn head(reader: Reader<'_>) -> Result<u64, sqlx::Error> {
    one(reader.rows(HEAD, Vec::new()).await?).map_or(Err(sqlx::Error::RowNotFound), unsigned)
}

/// Events of one stream; `None` where it does not exist.
pub(crate) async fn stream(
    reader: Reader<'_>,
    stream: &StreamName,
    from: u64,
    direction: Direction,
    limit: usize,
) -> Result<Option<Vec<RecordedEvent>>, sqlx::Error> {
    let name = Param::Text(stream.as_str().to_owned());
    let statement = match direction {
        Direction::Forwards => FORWARDS,
        Direction::Backwards => BACKWARDS,
    };
    let found =
        events(reader, statement, vec![name.clone(), number(from), limit_of(limit)]).await?;
    if found.is_empty() && one::<i64>(reader.rows(STREAM, vec![name]).await?).is_none() {
        return Ok(None);
    }
    Ok(Some(found))
}

/// The event with an id.
pub(crate) async fn find(
    reader: Reader<'_>,
    id: Uuid,
) -> Result<Option<RecordedEvent>, sqlx::Error> {
    Ok(events(reader, ONE, vec![Param::Id(id)]).await?.pop())
}

/// Events of the log after `after` up to `head`.
pub(crate) async fn log(
    reader: Reader<'_>,
    after: u64,
    head: u64,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    let mut params = vec![number(after), number(head), limit_of(limit)];
    if filter.categories.is_empty() {
        return events(reader, LOG, params).await;
    }
    params.push(texts(&filter.categories));
    events(reader, CATEGORIES, params).await
}

/// Texts as one parameter: a JSON array.
pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Param {
    let texts: serde_json::Value = texts.into_iter().map(|text| text.as_ref().to_owned()).collect();
    Param::Text(texts.to_string())
}

fn limit_of(limit: usize) -> Param {
    number(u64::try_from(limit).unwrap_or(u64::MAX))
}

fn one<T>(rows: Vec<(T,)>) -> Option<T> {
    rows.into_iter().next().map(|(value,)| value)
}

async fn events(
    reader: Reader<'_>,
    statement: Statement,
    params: Vec<Param>,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    reader.rows(statement, params).await?.into_iter().map(event).collect()
}

fn event(row: EventRow) -> Result<RecordedEvent, sqlx::Error> {
    let (position, stream, version, recorded_at, id, kind, schema_version, effective_at, ..) = row;
    let (.., actor, reason, correlation_id, causation_id, payload) = row;
    Ok(RecordedEvent {
        position: unsigned(position)?,
        stream: StreamName::new(stream).map_err(decode)?,
        version: unsigned(version)?,
        recorded_at: instant(recorded_at)?,
        event: NewEvent {
            id,
            kind,
            schema_version: u16::try_from(schema_version).map_err(decode)?,
            effective_at: instant(effective_at)?,
            actor,
            reason,
            correlation_id,
            causation_id,
            payload,
        },
    })
}
