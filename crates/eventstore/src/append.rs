use std::fmt;

use crate::{NewEvent, StreamName};

/// The expected version of a stream; otherwise there is a [`Conflict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Anything. For facts that nothing can contradict.
    Any,
    /// The stream has no event yet.
    NoStream,
    /// The stream has at least one event.
    StreamExists,
    /// The stream's last event has this version.
    Exact(u64),
}

/// One atomic append, to one stream or to many: where one stream is in conflict, nothing is written
/// and every conflict is reported.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// The expected version of each stream, checked even for a stream that gets no event; a stream
    /// that is not named is `Any`.
    pub expected: Vec<(StreamName, ExpectedVersion)>,
    /// The events, in the order they get in the log. Streams may be interleaved.
    pub events: Vec<(StreamName, NewEvent)>,
}

impl Append {
    /// Events of one stream.
    pub fn to(stream: StreamName, expected: ExpectedVersion, events: Vec<NewEvent>) -> Self {
        let named = stream.clone();
        Self {
            expected: vec![(stream, expected)],
            events: events.into_iter().map(|event| (named.clone(), event)).collect(),
        }
    }
}

/// The place of an event in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its position in the whole log.
    pub position: u64,
    /// Its version in its stream.
    pub version: u64,
}

/// The answer to an append.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// For each event, in the order sent, its place.
    pub written: Vec<Written>,
}

impl Appended {
    /// The last position written, if anything was.
    pub fn last_position(&self) -> Option<u64> {
        self.written.iter().map(|written| written.position).max()
    }
}

/// A stream that is not at its expected version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The stream.
    pub stream: StreamName,
    /// What the writer expected.
    pub expected: ExpectedVersion,
    /// The version of its last event; `None` if it has none.
    pub actual: Option<u64>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, expected, actual } = self;
        write!(f, "wrong expected version on stream {stream}: expected ")?;
        match expected {
            ExpectedVersion::Any => write!(f, "any")?,
            ExpectedVersion::NoStream => write!(f, "no stream")?,
            ExpectedVersion::StreamExists => write!(f, "a stream")?,
            ExpectedVersion::Exact(version) => write!(f, "{version}")?,
        }
        match actual {
            Some(version) => write!(f, ", found {version}"),
            None => write!(f, ", found no stream"),
        }
    }
}
