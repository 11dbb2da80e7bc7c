use async_trait::async_trait;

use crate::{CloudEvent, Error};

/// The mirror of the log on the bus: every event once, in the order of the log, for other systems.
/// `tests/mirror.rs` is the contract of every adapter.
///
/// Its end is read from the mirror itself, never remembered: published messages may be gone with a
/// server's disk.
#[async_trait]
pub trait EventMirror: Send + Sync {
    /// The end of the mirror.
    async fn last(&self) -> Result<Tail, Error>;

    /// Publishes a page directly after `after`, in order, and returns the new end once all of it is
    /// stored. [`Error::Overtaken`] if the mirror does not end at `after` any more. After any error
    /// a part of the page may be stored, always from its start and without a gap.
    async fn publish(&self, after: &Tail, page: &[Mirrored]) -> Result<Tail, Error>;
}

/// The end of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    /// The mirror's sequence number of the last message; 0 if it is empty.
    pub sequence: u64,
    /// The mark of the last message; `None` for an empty mirror.
    pub last: Option<Mark>,
}

/// The identity of a message in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The position of its event in the log.
    pub position: u64,
    /// The part of the event, from 1; 0 for an event in one message.
    pub part: u32,
    /// The message's id.
    pub id: String,
}

impl Mark {
    /// Reads the mark of a message.
    pub(crate) fn of(event: &CloudEvent) -> Option<Self> {
        let position = event.number("position")?;
        let part = event.number("part").map_or(Ok(0), u32::try_from).ok()?;
        Some(Self { position, part, id: event.id.clone() })
    }
}

/// An event to be mirrored. Its extensions `position` and, for a part of an event, `part` are its
/// mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The category of its stream; the subject's last token but one.
    pub category: String,
    /// The kind of event; the subject's last token.
    pub kind: String,
    /// What is published.
    pub event: CloudEvent,
}

impl Mirrored {
    /// Its mark; an error if it has none.
    pub(crate) fn mark(&self) -> Result<Mark, Error> {
        Mark::of(&self.event).ok_or_else(|| Error::Unfit {
            what: format!("the event {}", self.event.id),
            problem: "it has no position".to_owned(),
        })
    }
}
