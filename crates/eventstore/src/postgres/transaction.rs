//! What a group of appends asks of this database, in three round trips and a commit.
//!
//! The counter row is locked in a statement of its own and stream versions are read in the next:
//! read in the same, they would be those from before the wait. All rows are written by one
//! statement, whose arrays are taken apart by one call each; arrays are never joined to each other.

use std::collections::HashMap;
use std::time::Duration;

use sql::{rows_within, within};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use super::STEP;
use super::names::NameIds;
use crate::Written;
use crate::group::{Group, Head, Pending, Stream, StreamCache, Transaction};
use crate::numbers::{decode, signed, unsigned};
use crate::rules::{Existing, Fact, Request};

/// The channel of append notifications.
pub(crate) const CHANNEL: &str = "tramonto_appended";

/// How much longer than a step the writing of one row may take.
const ROW: Duration = Duration::from_micros(500);

const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT position, recorded_at, last_stream FROM tramonto.log_head FOR UPDATE";

const FIND_STREAMS: &str = "
    SELECT wanted.at, s.id, s.last_version
    FROM unnest($1::text[]) WITH ORDINALITY wanted (name, at)
    JOIN tramonto.stream s ON s.name = wanted.name";

const FIND_EVENTS: &str = "
    SELECT wanted.at, e.position, e.version, s.name, k.name, e.schema_version, e.payload
    FROM unnest($1::uuid[]) WITH ORDINALITY wanted (id, at)
    JOIN tramonto.event e ON e.id = wanted.id
    JOIN tramonto.stream s ON s.id = e.stream
    JOIN tramonto.kind k ON k.id = e.kind";

const WRITE: &str = "
    WITH new_stream AS (
        INSERT INTO tramonto.stream (id, name, category, last_version)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[], $4::bigint[])
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
    FROM unnest($10::bigint[], $11::uuid[], $12::bigint[], $13::int[], $14::bigint[], $15::int[],
        $16::int[], $17::timestamptz[], $18::text[], $19::text[], $20::uuid[], $21::uuid[],
        $22::text[])
        e (position, id, stream, category, version, kind, schema_version, effective_at, actor,
            reason, correlation_id, causation_id, payload)";

/// A connection that writes, and its caches.
pub(crate) struct Session {
    pub(crate) connection: PgConnection,
    pub(crate) streams: StreamCache,
    kinds: NameIds,
    categories: NameIds,
}

impl Session {
    pub(crate) fn new(connection: PgConnection) -> Self {
        let (kinds, categories) = (NameIds::kinds(), NameIds::categories());
        Self { connection, streams: StreamCache::default(), kinds, categories }
    }

    /// Begins a transaction and waits until no other append is under way.
    pub(crate) async fn begin(&mut self) -> Result<Head, sqlx::Error> {
        let begun = within(STEP, sqlx::raw_sql(BEGIN).fetch_all(&mut self.connection)).await?;
        let row = begun.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Head {
            position: unsigned(row.try_get(0)?)?,
            recorded_at: row.try_get(1)?,
            last_stream: row.try_get(2)?,
        })
    }

    /// Commits, and notifies listeners of the new end of the log.
    pub(crate) async fn commit(&mut self, head: u64) -> Result<(), sqlx::Error> {
        let commit = AssertSqlSafe(format!("NOTIFY {CHANNEL}, '{head}'; COMMIT"));
        within(STEP, sqlx::raw_sql(commit).execute(&mut self.connection)).await?;
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        self.kinds.clear();
        self.categories.clear();
        within(STEP, sqlx::raw_sql("ROLLBACK").execute(&mut self.connection)).await?;
        Ok(())
    }

    /// Fills in the categories of a group's streams and returns the kinds of its events.
    async fn kinds_of(&mut self, group: &mut Group<'_>) -> Result<Vec<i32>, sqlx::Error> {
        let unnamed = |stream: &&mut Stream<'_>| stream.changed && stream.category == 0;
        for stream in group.streams.iter_mut().filter(unnamed) {
            let category = stream.name.category();
            stream.category = self.categories.id_of(&mut self.connection, category).await?.into();
        }
        let mut kinds = Vec::with_capacity(group.pending.len());
        for pending in &group.pending {
            kinds.push(self.kinds.id_of(&mut self.connection, &pending.event.kind).await?);
        }
        Ok(kinds)
    }
}

impl Transaction for Session {
    async fn find_streams(
        &mut self,
        group: &mut Group<'_>,
        wanted: &[usize],
    ) -> Result<(), sqlx::Error> {
        let streams = wanted.iter().filter_map(|at| group.streams.get(*at));
        let names: Vec<&str> = streams.map(|stream| stream.name.as_str()).collect();
        let found = sqlx::query(FIND_STREAMS).bind(names);
        for row in rows_within(STEP, found.fetch(&mut self.connection)).await? {
            let Some(at) = wanted.get(index_of(row.try_get(0)?)?) else { continue };
            group.found(*at, row.try_get(1)?, unsigned(row.try_get(2)?)?);
        }
        Ok(())
    }

    async fn write(&mut self, group: &mut Group<'_>) -> Result<(), sqlx::Error> {
        if group.pending.is_empty() {
            return Ok(());
        }
        let bound = STEP + ROW * u32::try_from(group.pending.len()).unwrap_or(u32::MAX);
        let kinds = within(STEP, self.kinds_of(group)).await?;
        let columns = Columns::of(group, kinds)?;
        within(bound, columns.write(group.head, &mut self.connection)).await?;
        group.written();
        Ok(())
    }

    async fn existing(
        &mut self,
        request: &Request,
    ) -> Result<HashMap<Uuid, Existing>, sqlx::Error> {
        let ids: Vec<Uuid> = request.events.iter().map(|event| event.id).collect();
        let found = sqlx::query(FIND_EVENTS).bind(ids);
        let mut existing = HashMap::new();
        for row in rows_within(STEP, found.fetch(&mut self.connection)).await? {
            let at = index_of(row.try_get(0)?)?;
            let stream = request.stream_of.get(at).and_then(|at| request.streams.get(*at));
            let (Some(event), Some(stream)) = (request.events.get(at), stream) else { continue };
            let (position, version) = (unsigned(row.try_get(1)?)?, unsigned(row.try_get(2)?)?);
            let fact = Fact {
                stream: row.try_get(3)?,
                kind: row.try_get(4)?,
                schema_version: u16::try_from(row.try_get::<i32, _>(5)?).map_err(decode)?,
                payload: row.try_get(6)?,
            };
            let same = fact.is(stream, event);
            existing.insert(event.id, Existing { written: Written { position, version }, same });
        }
        Ok(existing)
    }
}

/// The rows of a group, column by column.
struct Columns<'r> {
    new_streams: Vec<&'r Stream<'r>>,
    old_streams: Vec<&'r Stream<'r>>,
    events: Vec<&'r Pending<'r>>,
    streams: Vec<i64>,
    categories: Vec<i32>,
    kinds: Vec<i32>,
}

impl<'r> Columns<'r> {
    fn of(group: &'r Group<'_>, kinds: Vec<i32>) -> Result<Self, sqlx::Error> {
        let changed = group.streams.iter().filter(|stream| stream.changed);
        let (old_streams, new_streams) = changed.partition(|stream| stream.stored);
        let streams_of = group.pending.iter().filter_map(|event| group.streams.get(event.stream));
        let (streams, categories): (Vec<i64>, Vec<i64>) =
            streams_of.map(|stream| (stream.id, stream.category)).unzip();
        Ok(Self {
            new_streams,
            old_streams,
            events: group.pending.iter().collect(),
            streams,
            categories: narrow(categories)?,
            kinds,
        })
    }

    async fn write(&self, head: Head, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let news = &self.new_streams;
        let new_categories: Vec<i64> = news.iter().map(|stream| stream.category).collect();
        sqlx::query(WRITE)
            .bind(each(news, |stream| stream.id))
            .bind(each(news, |stream| stream.name.as_str()))
            .bind(narrow(new_categories)?)
            .bind(each(news, |stream| stream.last.map(signed)))
            .bind(each(&self.old_streams, |stream| stream.id))
            .bind(each(&self.old_streams, |stream| stream.last.map(signed)))
            .bind(signed(head.position))
            .bind(head.recorded_at)
            .bind(head.last_stream)
            .bind(each(&self.events, |it| signed(it.written.position)))
            .bind(each(&self.events, |it| it.event.id))
            .bind(&self.streams)
            .bind(&self.categories)
            .bind(each(&self.events, |it| signed(it.written.version)))
            .bind(&self.kinds)
            .bind(each(&self.events, |it| i32::from(it.event.schema_version)))
            .bind(each(&self.events, |it| it.event.effective_at))
            .bind(each(&self.events, |it| it.event.actor.as_str()))
            .bind(each(&self.events, |it| it.event.reason.as_deref()))
            .bind(each(&self.events, |it| it.event.correlation_id))
            .bind(each(&self.events, |it| it.event.causation_id))
            .bind(each(&self.events, |it| it.event.payload.as_str()))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// One column of rows.
fn each<'r, R, T>(rows: &[&'r R], column: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| column(row)).collect()
}

fn narrow(numbers: Vec<i64>) -> Result<Vec<i32>, sqlx::Error> {
    numbers.into_iter().map(|number| i32::try_from(number).map_err(decode)).collect()
}

/// The index of a row's item; the database counts from 1.
fn index_of(ordinal: i64) -> Result<usize, sqlx::Error> {
    usize::try_from(ordinal - 1).map_err(decode)
}
