//! Several appends in one transaction, each decided by itself: the same for every database.
//!
//! Events are written first. Ids are read only after an expectation that does not hold (the append
//! may be a repeated one) or a unique violation, after which the whole group is done again with
//! every id read first. Deliberately absent: statements and transaction boundaries, which are each
//! adapter's.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::rules::{self, Decision, Existing, Request};
use crate::{Appended, Error, NewEvent, StreamName, Written};

/// The statements of a database for a group, inside a transaction that the adapter began.
pub(crate) trait Transaction {
    /// Reads some of the group's streams: [`Group::found`] for each that the database has.
    fn find_streams(
        &mut self,
        group: &mut Group<'_>,
        wanted: &[usize],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Writes the pending streams and events of the group, and the head of the log.
    fn write(
        &mut self,
        group: &mut Group<'_>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// The events of a request that are in the log already.
    fn existing(
        &mut self,
        request: &Request,
    ) -> impl Future<Output = Result<HashMap<Uuid, Existing>, sqlx::Error>> + Send;
}

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
    /// The number of its category, for the adapter; 0 until it is known.
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
pub(crate) struct Outcome<'r> {
    pub(crate) answers: Vec<Result<Appended, Error>>,
    pub(crate) head: u64,
    pub(crate) wrote: bool,
    /// The former end of the log.
    start: u64,
    streams: Vec<Stream<'r>>,
}

/// Streams as a writer left them. They are valid while the log ends where the writer left it: then
/// no other wrote. Reading ten thousand streams costs more than a tenth of writing to them.
#[derive(Debug, Default)]
pub(crate) struct StreamCache {
    head: u64,
    streams: HashMap<StreamName, CachedStream>,
}

#[derive(Debug, Clone, Copy)]
struct CachedStream {
    id: i64,
    category: i64,
    last: Option<u64>,
}

/// The most streams in the cache: some megabytes.
const CACHED: usize = 1 << 16;

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

    /// Takes a row that the database has of one of [`Group::streams`].
    pub(crate) fn found(&mut self, at: usize, id: i64, last: u64) {
        if let Some(stream) = self.streams.get_mut(at) {
            (stream.id, stream.last, stream.stored) = (id, Some(last), true);
        }
    }

    /// Carries out the requests. With `check_ids`, every id is read before anything is written.
    pub(crate) async fn carry_out(
        mut self,
        transaction: &mut impl Transaction,
        check_ids: bool,
    ) -> Result<Outcome<'r>, sqlx::Error> {
        let start = self.head.position;
        let streams = self.streams.iter().enumerate();
        let wanted: Vec<usize> =
            streams.filter(|(_, stream)| !stream.stored).map(|(at, _)| at).collect();
        if !wanted.is_empty() {
            transaction.find_streams(&mut self, &wanted).await?;
        }
        let mut answers = Vec::with_capacity(self.requests.len());
        for (at, request) in self.requests.iter().enumerate() {
            let mut judged = self.judge(at, request, &HashMap::new());
            let nothing_against = judged.as_ref().is_ok_and(|it| it.answer.conflicts.is_empty());
            if check_ids || !nothing_against {
                // A repeated event may be one of this very group, which must be in the log to be
                // found.
                transaction.write(&mut self).await?;
                let existing = transaction.existing(request).await?;
                judged = self.judge(at, request, &existing);
            }
            answers.push(judged.map(|decision| self.accept(at, request, decision)));
        }
        transaction.write(&mut self).await?;
        let head = self.head.position;
        Ok(Outcome { answers, head, wrote: head > start, start, streams: self.streams })
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
        let indexes = self.streams_of.get(at).map_or(&[][..], Vec::as_slice);
        for at in decision.fresh {
            let event = request.events.get(at);
            let index = request.stream_of.get(at).and_then(|stream| indexes.get(*stream));
            let written = decision.answer.written.get(at).copied().flatten();
            let (Some(event), Some(index), Some(written)) = (event, index, written) else {
                continue;
            };
            let Some(stream) = self.streams.get_mut(*index) else { continue };
            if stream.id == 0 {
                self.head.last_stream += 1;
                stream.id = self.head.last_stream;
            }
            stream.changed = true;
            stream.last = Some(written.version);
            self.head.position = written.position;
            self.pending.push(Pending { event, written, stream: *index });
        }
        decision.answer
    }

    /// Marks the pending events as written.
    pub(crate) fn written(&mut self) {
        self.pending.clear();
        for stream in self.streams.iter_mut().filter(|stream| stream.changed) {
            (stream.stored, stream.changed) = (true, false);
        }
    }
}

impl StreamCache {
    /// Fills in the streams of a group; none, where another writer wrote since.
    pub(crate) fn fill(&mut self, group: &mut Group<'_>) {
        self.invalidate_unless_at(group.head.position);
        for stream in &mut group.streams {
            if let Some(known) = self.streams.get(stream.name) {
                (stream.id, stream.category) = (known.id, known.category);
                (stream.last, stream.stored) = (known.last, true);
            }
        }
    }

    /// Empties the cache where the log ends elsewhere: another writer wrote.
    fn invalidate_unless_at(&mut self, head: u64) {
        if self.head != head {
            self.streams.clear();
        }
    }

    /// Takes over the streams of a committed group.
    pub(crate) fn update(&mut self, outcome: &Outcome<'_>) {
        self.invalidate_unless_at(outcome.start);
        self.head = outcome.head;
        if self.streams.len() + outcome.streams.len() > CACHED {
            self.streams.clear();
        }
        for stream in outcome.streams.iter().filter(|it| it.category != 0).take(CACHED) {
            let Stream { id, category, last, .. } = *stream;
            let known = CachedStream { id, category, last };
            match self.streams.get_mut(stream.name) {
                Some(old) => *old = known,
                None => {
                    self.streams.insert(stream.name.clone(), known);
                }
            }
        }
    }
}

impl<'r> Stream<'r> {
    fn new(name: &'r StreamName) -> Self {
        Self { name, id: 0, category: 0, last: None, stored: false, changed: false }
    }
}
