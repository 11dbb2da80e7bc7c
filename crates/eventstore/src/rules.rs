//! The rules of an append, without a database: every adapter applies them.
//!
//! Ids come before expectations: events that are all in the log already are answered with their
//! positions, whatever is expected of their streams, since a repeated call repeats its expectations
//! too. Deliberately absent: reading the log, which each adapter does.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Append, Conflict, Error, ExpectedVersion, NewEvent, StreamName, Written};

/// The largest payload of one event.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 8 << 20;
/// The largest sum of payloads in one append: it is held in memory and written in one transaction.
pub(crate) const MAX_APPEND_BYTES: usize = 64 << 20;
/// The largest number of events in one append: some seconds of writing, while others wait.
pub(crate) const MAX_APPEND_EVENTS: usize = 100_000;
/// The longest kind or actor; both are repeated on each event.
const MAX_NAME_BYTES: usize = 200;
/// The longest reason.
const MAX_REASON_BYTES: usize = 4_096;

/// A well-formed append with its streams numbered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) events: Vec<NewEvent>,
    /// For each event, which of `streams` it goes to.
    pub(crate) stream_of: Vec<usize>,
    /// Each stream once, in the order of first mention.
    pub(crate) streams: Vec<StreamName>,
    expected: Vec<ExpectedVersion>,
}

/// An event of a request that is in the log already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Existing {
    pub(crate) written: Written,
    /// Is it the same fact: stream, kind, schema version and payload?
    pub(crate) same: bool,
}

/// The places of a request's events.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) written: Vec<Written>,
    /// Are they in the log already? Then nothing is written.
    pub(crate) repeated: bool,
}

impl Request {
    pub(crate) fn new(append: Append) -> Result<Self, Error> {
        check_size(&append)?;
        let mut streams = Vec::new();
        let mut expected = Vec::new();
        let mut index: HashMap<StreamName, usize> = HashMap::new();
        for (stream, belief) in append.expected {
            if index.insert(stream.clone(), streams.len()).is_some() {
                return Err(invalid(format!("stream {stream} has two expectations; state one")));
            }
            streams.push(stream);
            expected.push(belief);
        }
        let mut ids = HashSet::with_capacity(append.events.len());
        let mut events = Vec::with_capacity(append.events.len());
        let mut stream_of: Vec<usize> = Vec::with_capacity(append.events.len());
        for (stream, mut event) in append.events {
            check_event(&event)?;
            if !ids.insert(event.id) {
                return Err(duplicate(event.id, "appears twice in one append"));
            }
            event.effective_at = in_microseconds(event.effective_at);
            events.push(event);
            let previous = stream_of.last().copied();
            stream_of.push(match previous.filter(|at| streams.get(*at) == Some(&stream)) {
                Some(at) => at,
                None => *index.entry(stream).or_insert_with_key(|stream| {
                    streams.push(stream.clone());
                    expected.push(ExpectedVersion::Any);
                    streams.len() - 1
                }),
            });
        }
        Ok(Self { events, stream_of, streams, expected })
    }

    /// The events, each with the index of its stream.
    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, &NewEvent)> {
        self.stream_of.iter().copied().zip(&self.events)
    }

    /// Decides on the append, given the log's last position, the last version of each of
    /// [`Request::streams`] and those events that are in the log already.
    pub(crate) fn decide(
        &self,
        head: u64,
        last: &[Option<u64>],
        existing: &HashMap<Uuid, Existing>,
    ) -> Result<Decision, Error> {
        let found = |event: &NewEvent| existing.get(&event.id);
        if let Some(taken) = self.events.iter().find(|it| found(it).is_some_and(|old| !old.same)) {
            return Err(duplicate(taken.id, "is taken by another event in the log"));
        }
        let written: Vec<Written> =
            self.events.iter().filter_map(found).map(|old| old.written).collect();
        if written.len() == self.events.len() {
            return Ok(Decision { written, repeated: true });
        }
        if let Some(old) = self.events.iter().find(|event| found(event).is_some()) {
            let problem = "is in the log already, but other events of the same append are not";
            return Err(duplicate(old.id, problem));
        }
        let actual = last.iter().copied().chain(std::iter::repeat(None));
        let streams = self.streams.iter().zip(&self.expected).zip(actual);
        let conflicts = streams.filter(|((_, expected), actual)| !holds(**expected, *actual));
        let conflicts: Vec<Conflict> = conflicts
            .map(|((stream, expected), actual)| Conflict {
                stream: stream.clone(),
                expected: *expected,
                actual,
            })
            .collect();
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }
        Ok(Decision { written: self.place(head, last), repeated: false })
    }

    /// Gives each event its place.
    fn place(&self, head: u64, last: &[Option<u64>]) -> Vec<Written> {
        let mut next: Vec<u64> =
            last.iter().map(|version| version.map_or(0, |version| version + 1)).collect();
        let mut place = |(stream, position)| {
            let version = next.get_mut(stream).map_or(0, |next: &mut u64| {
                *next += 1;
                *next - 1
            });
            Written { position, version }
        };
        self.stream_of.iter().copied().zip(head + 1..).map(&mut place).collect()
    }
}

/// The identity of a recorded event: everything but its circumstances, which may differ when
/// another process repeats an append.
pub(crate) struct Fact<'a> {
    pub(crate) stream: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) schema_version: u16,
    pub(crate) payload: &'a str,
}

impl Fact<'_> {
    pub(crate) fn is(&self, stream: &StreamName, event: &NewEvent) -> bool {
        self.stream == stream.as_str()
            && self.kind == event.kind
            && self.schema_version == event.schema_version
            && self.payload == event.payload
    }
}

/// Times are kept to the microsecond, as both databases do.
pub(crate) fn in_microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// When the next append counts as recorded: never before the last one, even where the clock went
/// back, so that the log read up to an instant of recording is a prefix of the log.
pub(crate) fn recorded_at(now: DateTime<Utc>, last: DateTime<Utc>) -> DateTime<Utc> {
    in_microseconds(now).max(last)
}

/// Does the belief hold?
fn holds(expected: ExpectedVersion, actual: Option<u64>) -> bool {
    match expected {
        ExpectedVersion::Any => true,
        ExpectedVersion::NoStream => actual.is_none(),
        ExpectedVersion::StreamExists => actual.is_some(),
        ExpectedVersion::Exact(version) => actual == Some(version),
    }
}

fn check_size(append: &Append) -> Result<(), Error> {
    let events = append.events.len();
    if events == 0 {
        return Err(invalid("it holds no event"));
    }
    if events > MAX_APPEND_EVENTS {
        return Err(invalid(format!(
            "it holds {events} events and {MAX_APPEND_EVENTS} is the limit; send it in parts"
        )));
    }
    let bytes: usize = append.events.iter().map(|(_, event)| event.payload.len()).sum();
    if bytes > MAX_APPEND_BYTES {
        return Err(invalid(format!(
            "its payloads have {bytes} bytes and {MAX_APPEND_BYTES} is the limit; send it in parts"
        )));
    }
    Ok(())
}

fn check_event(event: &NewEvent) -> Result<(), Error> {
    let id = event.id;
    let name = |name: &str| {
        !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
    };
    if !name(&event.kind) {
        return Err(invalid(format!("event {id} needs a kind of 1 to {MAX_NAME_BYTES} bytes")));
    }
    if !name(&event.actor) {
        return Err(invalid(format!("event {id} needs an actor of 1 to {MAX_NAME_BYTES} bytes")));
    }
    if event.schema_version == 0 {
        return Err(invalid(format!("event {id} has schema version 0; they count from 1")));
    }
    let reason = event.reason.as_deref().unwrap_or_default();
    if reason.len() > MAX_REASON_BYTES || reason.contains('\0') {
        return Err(invalid(format!(
            "event {id} has a reason that is over {MAX_REASON_BYTES} bytes or holds a NUL"
        )));
    }
    let bytes = event.payload.len();
    if bytes > MAX_PAYLOAD_BYTES {
        return Err(invalid(format!(
            "event {id} has a payload of {bytes} bytes and {MAX_PAYLOAD_BYTES} is the limit"
        )));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&event.payload) {
        return Err(invalid(format!("event {id} has a payload that is not JSON: {error}")));
    }
    Ok(())
}

fn invalid(problem: impl Into<String>) -> Error {
    Error::InvalidAppend(problem.into())
}

fn duplicate(id: Uuid, problem: &'static str) -> Error {
    Error::DuplicateId { id, problem }
}
