//! Several appends in one transaction, each decided by itself: the same for every database.
//!
//! Events are written first. Ids are read only after an expectation that does not hold (the append
//! may be a repeated one) or a unique violation, after which the whole group is done again with
//! every id read first. Deliberately absent: the boundaries of transactions, which are the
//! writer's.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sql::Statement;
use uuid::Uuid;

use crate::numbers::{decode, unsigned};
use crate::read::texts;
use crate::rules::{self, Decision, Existing, Fact, Request};
use crate::session::Session;
use crate::{Appended, Error, NewEvent, StreamName, Written};

/// Streams by name: the names come as one JSON array, whose indexes come back.
const FIND_STREAMS: Statement = Statement {
    sqlite: "
        SELECT wanted.key, s.id, s.last_version
        FROM json_each($1) wanted CROSS JOIN stream s ON s.name = wanted.value",
    postgres: "
        SELECT wanted.at - 1, s.id, s.last_version
        FROM json_array_elements_text($1::json) WITH ORDINALITY wanted (name, at)
        JOIN tramonto.stream s ON s.name = wanted.name",
};

/// Events by id: the ids come as one JSON array of hexadecimal text, whose indexes come back.
const FIND_EVENTS: Statement = Statement {
    sqlite: "
        SELECT wanted.key, e.position, e.version, s.name, k.name, e.schema_version, e.payload
        FROM json_each($1) wanted
        CROSS JOIN event e ON e.id = unhex(wanted.value)
        CROSS JOIN stream s ON s.id = e.stream
        CROSS JOIN kind k ON k.id = e.kind",
    postgres: "
        SELECT wanted.at - 1, e.position, e.version, s.name, k.name, e.schema_version::bigint,
            e.payload
        FROM json_array_elements_text($1::json) WITH ORDINALITY wanted (id, at)
        JOIN tramonto.event e ON e.id = wanted.id::uuid
        JOIN tramonto.stream s ON s.id = e.stream
        JOIN tramonto.kind k ON k.id = e.kind",
};

/// The end of the log, from its counter row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) position: u64,
    pub(crate) recorded_at: DateTime<Utc>,
    /// The highest number of a stream.
    pub(crate) last_stream: i64,
}

/// A stream that the group touches.
#[derive(Debug)]
pub(crate) struct Stream<'r> {
    pub(crate) name: &'r StreamName,
    /// Its number; 0 before a new stream's first event.
    pub(crate) id: i64,
    /// The number of its category, for the session; 0 until it is known.
    pub(crate) category: i64,
    pub(crate) last: Option<u64>,
    /// Does the database have it?
    pub(crate) stored: bool,
    /// Does it differ from the database?
    pub(crate) changed: bool,
}

/// An event that is accepted and not yet written.
#[derive(Debug)]
pub(crate) struct Pending<'r> {
    pub(crate) event: &'r NewEvent,
    pub(crate) written: Written,
    /// Its stream, as an index into [`Group::streams`].
    pub(crate) stream: usize,
}

/// Appends that are carried out together, and the log as they move it on.
#[derive(Debug)]
pub(crate) struct Group<'r> {
    requests: &'r [Request],
    /// The streams of all requests, each once.
    pub(crate) streams: Vec<Stream<'r>>,
    /// For each request, the indexes of its streams.
    streams_of: Vec<Vec<usize>>,
    pub(crate) head: Head,
    pub(crate) pending: Vec<Pending<'r>>,
}

/// The answers to the requests, and the resulting end of the log.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Result<Appended, Error>>,
    pub(crate) head: u64,
    pub(crate) wrote: bool,
}

impl<'r> Group<'r> {
    /// Takes requests to be carried out `now` on a log that ends at `head`.
    pub(crate) fn new(requests: &'r [Request], head: Head, now: DateTime<Utc>) -> Self {
        let mut streams = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        let mut streams_of = Vec::with_capacity(requests.len());
        for request in requests {
            let indexes = request.streams.iter().map(|name| {
                let mut add = || {
                    streams.push(Stream::new(name));
                    streams.len() - 1
                };
                // One request alone names each stream once.
                if requests.len() == 1 {
                    add()
                } else {
                    *index.entry(name.as_str()).or_insert_with(add)
                }
            });
            streams_of.push(indexes.collect());
        }
        let head = Head { recorded_at: rules::recorded_at(now, head.recorded_at), ..head };
        Self { requests, streams, streams_of, head, pending: Vec::new() }
    }

    /// Carries out the requests. With `check_ids`, every id is read before anything is written.
    pub(crate) async fn carry_out(
        mut self,
        session: &mut impl Session,
        check_ids: bool,
    ) -> Result<Outcome, sqlx::Error> {
        let start = self.head.position;
        self.find_streams(session).await?;
        let mut answers = Vec::with_capacity(self.requests.len());
        for (at, request) in self.requests.iter().enumerate() {
            let mut judged = self.judge(at, request, &HashMap::new());
            if check_ids || judged.is_err() {
                // A repeated event may be one of this very group, which must be in the log to be
                // found.
                self.write(session).await?;
                judged = self.judge(at, request, &existing(session, request).await?);
            }
            answers.push(judged.map(|decision| self.accept(at, request, decision)));
        }
        self.write(session).await?;
        let head = self.head.position;
        Ok(Outcome { answers, head, wrote: head > start })
    }

    async fn find_streams(&mut self, session: &mut impl Session) -> Result<(), sqlx::Error> {
        let names = texts(self.streams.iter().map(|stream| stream.name.as_str()));
        let found: Vec<(i64, i64, i64)> = session.rows(FIND_STREAMS, vec![names]).await?;
        for (at, id, last) in found {
            if let Some(stream) = self.streams.get_mut(usize::try_from(at).map_err(decode)?) {
                (stream.id, stream.last, stream.stored) = (id, Some(unsigned(last)?), true);
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        at: usize,
        request: &Request,
        existing: &HashMap<Uuid, Existing>,
    ) -> Result<Decision, Error> {
        let indexes = self.streams_of.get(at).into_iter().flatten();
        let last: Vec<Option<u64>> =
            indexes.map(|at| self.streams.get(*at).and_then(|stream| stream.last)).collect();
        request.decide(self.head.position, &last, existing)
    }

    /// Takes the events that are to be written.
    fn accept(&mut self, at: usize, request: &'r Request, decision: Decision) -> Appended {
        let Decision { written, repeated } = decision;
        let indexes = self.streams_of.get(at).map_or(&[][..], Vec::as_slice);
        let new = if repeated { 0 } else { written.len() };
        for ((at, event), written) in request.events().zip(&written).take(new) {
            let Some(index) = indexes.get(at) else { continue };
            let Some(stream) = self.streams.get_mut(*index) else { continue };
            if stream.id == 0 {
                self.head.last_stream += 1;
                stream.id = self.head.last_stream;
            }
            stream.changed = true;
            stream.last = Some(written.version);
            self.head.position = written.position;
            self.pending.push(Pending { event, written: *written, stream: *index });
        }
        Appended { written }
    }

    /// Writes the pending events.
    async fn write(&mut self, session: &mut impl Session) -> Result<(), sqlx::Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        session.write(self).await?;
        self.pending.clear();
        for stream in self.streams.iter_mut().filter(|stream| stream.changed) {
            (stream.stored, stream.changed) = (true, false);
        }
        Ok(())
    }
}

/// The events of a request that are in the log already.
async fn existing(
    session: &mut impl Session,
    request: &Request,
) -> Result<HashMap<Uuid, Existing>, sqlx::Error> {
    type Found = (i64, i64, i64, String, String, i64, String);
    let ids = texts(request.events.iter().map(|event| event.id.simple().to_string()));
    let mut existing = HashMap::new();
    let found: Vec<Found> = session.rows(FIND_EVENTS, vec![ids]).await?;
    for (at, position, version, stream, kind, schema_version, payload) in found {
        let at = usize::try_from(at).map_err(decode)?;
        let name = request.stream_of.get(at).and_then(|stream| request.streams.get(*stream));
        let (Some(event), Some(name)) = (request.events.get(at), name) else { continue };
        let written = Written { position: unsigned(position)?, version: unsigned(version)? };
        let schema_version = u16::try_from(schema_version).map_err(decode)?;
        let fact = Fact { stream: &stream, kind: &kind, schema_version, payload: &payload };
        existing.insert(event.id, Existing { written, same: fact.is(name, event) });
    }
    Ok(existing)
}

impl<'r> Stream<'r> {
    fn new(name: &'r StreamName) -> Self {
        Self { name, id: 0, category: 0, last: None, stored: false, changed: false }
    }
}
