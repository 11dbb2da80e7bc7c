use async_trait::async_trait;

use crate::{CloudEvent, Error};

/// The mirror of the log on the bus: every event once, in the order of the log, for whoever wants
/// to know. `tests/mirror.rs` says what every adapter must do.
///
/// Where it ends is read from the mirror itself, never remembered: what a publisher believes to
/// have published may be gone with a server's disk.
#[async_trait]
pub trait EventMirror: Send + Sync {
    /// Where the mirror ends.
    async fn last(&self) -> Result<Tail, Error>;

    /// Publishes a page directly after `after`, in order, and answers with the new end once all of
    /// it is stored. [`Error::Overtaken`] where the mirror does not end at `after` any more. After
    /// any error a part of the page may be stored, always from its start and without a hole.
    async fn publish(&self, after: &Tail, page: &[Mirrored]) -> Result<Tail, Error>;
}

/// Where a mirror ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    /// The last number that the mirror itself gave to a message; 0 for none.
    pub sequence: u64,
    /// What the last message says it is; `None` for an empty mirror.
    pub last: Option<Mark>,
}

/// Which message of the mirror one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The position of its event in the log.
    pub position: u64,
    /// Which part of the event it is, from 1; 0 for an event in one message.
    pub part: u32,
    /// The message's id.
    pub id: String,
}

impl Mark {
    /// Reads what a message says of itself.
    pub(crate) fn of(event: &CloudEvent) -> Option<Self> {
        let position = event.number("position")?;
        let part = event.number("part").map_or(Ok(0), u32::try_from).ok()?;
        Some(Self { position, part, id: event.id.clone() })
    }
}

/// An event on its way to the mirror. Its extensions `position` and, for a part of an event, `part`
/// say where it stands.
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
    /// Its mark; the error says that it has none.
    pub(crate) fn mark(&self) -> Result<Mark, Error> {
        Mark::of(&self.event).ok_or_else(|| Error::Unfit {
            what: format!("the event {}", self.event.id),
            problem: "it does not say its position".to_owned(),
        })
    }
}
