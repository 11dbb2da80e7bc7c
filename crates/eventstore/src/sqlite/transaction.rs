//! One transaction that carries out several appends, each judged by itself.
//!
//! Events are inserted first and ids are looked up only when something speaks against it: an expectation
//! that does not hold (the append may be a repeated one), or a unique violation, after which the whole
//! group is done again with every id looked up. A unique violation is never swallowed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::names::Names;
use super::read::instant;
use super::statements::{FIND_EVENTS, FIND_STREAMS, INSERT_EVENTS, ROWS, UPSERT_STREAMS};
use crate::numbers::{signed, unsigned};
use crate::rules::{self, Decision, Fact, Known, Request};
use crate::{Appended, Error, NewEvent, StreamName, Written};

/// What the requests of one transaction came to, and where the log ends then.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Result<Appended, Error>>,
    pub(crate) head: u64,
    pub(crate) wrote: bool,
}

/// A transaction in the making; the caller begins and ends it.
pub(crate) struct Transaction<'a> {
    pub(crate) connection: &'a mut SqliteConnection,
    pub(crate) kinds: &'a mut Names,
    pub(crate) categories: &'a mut Names,
}

/// A stream that the group touches.
struct Stream<'a> {
    name: &'a StreamName,
    /// Its number and its category's; 0 before a new stream's first event.
    id: i64,
    category: i64,
    last: Option<u64>,
    changed: bool,
}

/// An event that is decided upon and not yet inserted.
struct Pending<'a> {
    event: &'a NewEvent,
    written: Written,
    stream: i64,
    category: i64,
    kind: i64,
}

/// The log as the group moves it on.
struct Progress<'a> {
    head: u64,
    recorded_at: DateTime<Utc>,
    streams: Vec<Stream<'a>>,
    pending: Vec<Pending<'a>>,
    /// The highest number of a stream, once it was asked for.
    last_stream_id: Option<i64>,
}

impl Transaction<'_> {
    /// Carries out the requests. `careful`: every id is looked up before anything is inserted.
    pub(crate) async fn run(
        mut self,
        requests: &[Request],
        now: DateTime<Utc>,
        careful: bool,
    ) -> Result<Outcome, sqlx::Error> {
        let (start, last_recorded) = self.log_head().await?;
        let (streams, streams_of) = self.streams(requests).await?;
        let mut progress = Progress {
            head: start,
            recorded_at: rules::recorded_at(now, last_recorded),
            streams,
            pending: Vec::new(),
            last_stream_id: None,
        };
        let mut answers = Vec::with_capacity(requests.len());
        for (request, indexes) in requests.iter().zip(&streams_of) {
            let answer = match self.decide(request, indexes, &mut progress, careful).await? {
                Ok(decision) => {
                    self.accept(request, indexes, &decision, &mut progress).await?;
                    Ok(decision.answer)
                }
                Err(refusal) => Err(refusal),
            };
            answers.push(answer);
        }
        let wrote = progress.head > start;
        if wrote {
            self.insert_pending(&mut progress).await?;
            self.save_streams(&progress.streams).await?;
            self.save_log_head(progress.head, progress.recorded_at).await?;
        }
        Ok(Outcome { answers, head: progress.head, wrote })
    }

    async fn decide(
        &mut self,
        request: &Request,
        indexes: &[usize],
        progress: &mut Progress<'_>,
        careful: bool,
    ) -> Result<Result<Decision, Error>, sqlx::Error> {
        let stream = |at: &usize| progress.streams.get(*at).and_then(|stream| stream.last);
        let last: Vec<Option<u64>> = indexes.iter().map(stream).collect();
        let at_first = request.decide(progress.head, &last, &HashMap::new());
        let nothing_against = at_first.as_ref().is_ok_and(|it| it.answer.conflicts.is_empty());
        if nothing_against && !careful {
            return Ok(at_first);
        }
        // Events of this very group may be what is repeated: they must be found as well.
        self.insert_pending(progress).await?;
        let known = self.known(request).await?;
        Ok(request.decide(progress.head, &last, &known))
    }

    /// Takes the events that are to be written.
    async fn accept<'r>(
        &mut self,
        request: &'r Request,
        indexes: &[usize],
        decision: &Decision,
        progress: &mut Progress<'r>,
    ) -> Result<(), sqlx::Error> {
        for (at, event) in
            decision.fresh.iter().filter_map(|at| Some((*at, request.events.get(*at)?)))
        {
            let stream = request.stream_of.get(at).and_then(|stream| indexes.get(*stream));
            let Some(stream) = stream.and_then(|at| progress.streams.get_mut(*at)) else {
                continue;
            };
            let Some(written) = decision.answer.written.get(at).copied().flatten() else {
                continue;
            };
            if stream.id == 0 {
                let last = match progress.last_stream_id {
                    Some(last) => last,
                    None => self.last_stream_id().await?,
                };
                stream.id = last + 1;
                progress.last_stream_id = Some(stream.id);
            }
            if !stream.changed {
                let category = stream.name.category();
                stream.category = self.categories.number(self.connection, category).await?;
                stream.changed = true;
            }
            stream.last = Some(written.version);
            progress.head = written.position;
            let kind = self.kinds.number(self.connection, &event.kind).await?;
            let (stream, category) = (stream.id, stream.category);
            progress.pending.push(Pending { event, written, stream, category, kind });
        }
        Ok(())
    }

    /// The streams of all requests, each once, and for each request where its own are among them.
    async fn streams<'r>(
        &mut self,
        requests: &'r [Request],
    ) -> Result<(Vec<Stream<'r>>, Vec<Vec<usize>>), sqlx::Error> {
        let mut index: HashMap<&str, usize> = HashMap::new();
        let mut streams: Vec<Stream<'r>> = Vec::new();
        let mut streams_of = Vec::with_capacity(requests.len());
        for request in requests {
            let indexes = request.streams.iter().map(|name| {
                *index.entry(name.as_str()).or_insert_with(|| {
                    streams.push(Stream { name, id: 0, category: 0, last: None, changed: false });
                    streams.len() - 1
                })
            });
            streams_of.push(indexes.collect());
        }
        let names = streams.iter().map(|stream| stream.name.as_str());
        let found = sqlx::query(FIND_STREAMS).bind(json_array(names));
        for row in found.fetch_all(&mut *self.connection).await? {
            if let Some(stream) = streams.get_mut(index_of(&row)?) {
                stream.id = row.try_get(1)?;
                stream.last = Some(unsigned(row.try_get(2)?)?);
            }
        }
        Ok((streams, streams_of))
    }

    /// Those events of a request that are in the log already.
    async fn known(&mut self, request: &Request) -> Result<HashMap<Uuid, Known>, sqlx::Error> {
        let ids: Vec<String> =
            request.events.iter().map(|event| event.id.simple().to_string()).collect();
        let found = sqlx::query(FIND_EVENTS).bind(json_array(ids.iter().map(String::as_str)));
        let mut known = HashMap::new();
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
            known.insert(event.id, Known { written: Written { position, version }, same });
        }
        Ok(known)
    }

    async fn insert_pending(&mut self, progress: &mut Progress<'_>) -> Result<(), sqlx::Error> {
        let recorded_at = progress.recorded_at.timestamp_micros();
        for chunk in progress.pending.chunks(ROWS) {
            let mut query = INSERT_EVENTS.of(chunk.len());
            for Pending { event, written, stream, category, kind } in chunk {
                query = query
                    .bind(signed(written.position))
                    .bind(event.id.as_bytes().as_slice())
                    .bind(*stream)
                    .bind(*category)
                    .bind(signed(written.version))
                    .bind(*kind)
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
        progress.pending.clear();
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

    async fn log_head(&mut self) -> Result<(u64, DateTime<Utc>), sqlx::Error> {
        let row = sqlx::query_as("SELECT position, recorded_at FROM log_head");
        let (position, recorded_at): (i64, i64) = row.fetch_one(&mut *self.connection).await?;
        Ok((unsigned(position)?, instant(recorded_at)?))
    }

    async fn save_log_head(
        &mut self,
        position: u64,
        recorded_at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE log_head SET position = ?, recorded_at = ?")
            .bind(signed(position))
            .bind(recorded_at.timestamp_micros())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn last_stream_id(&mut self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM stream")
            .fetch_one(&mut *self.connection)
            .await
    }
}

fn json_array<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<serde_json::Value>().to_string()
}

/// Which of the things asked for a row answers.
fn index_of(row: &SqliteRow) -> Result<usize, sqlx::Error> {
    usize::try_from(row.try_get::<i64, _>(0)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
