//! Events that can be expanded by mailbox: those with the same content for each of their mailboxes.

use domain::{MailboxSet, Subjects};
use eventstore::RecordedEvent;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Error;

/// The mailboxes of an event and its content for each; none for an event that is not expanded.
#[derive(Default)]
pub(super) struct Members {
    mailboxes: MailboxSet,
    /// The payload without the set, as the members of a JSON object without its braces.
    said: String,
}

impl Members {
    /// The mailboxes for which this event has the same content.
    pub(super) fn of(event: &RecordedEvent) -> Result<Self, Error> {
        let fact = event.fact()?;
        let Subjects::Alike(mailboxes) = fact.event.subjects() else {
            return Ok(Self::default());
        };
        let mailboxes = mailboxes.clone();
        let written = || {
            let mut payload: Map<String, Value> = serde_json::from_str(&event.event.payload)?;
            payload.remove("mailboxes");
            serde_json::to_string(&payload)
        };
        let said = written().map_err(|error| Error::Stopped {
            projection: "relay",
            position: event.position,
            kind: event.event.kind.clone(),
            problem: error.to_string(),
        })?;
        let said = said.strip_prefix('{').and_then(|said| said.strip_suffix('}'));
        Ok(Self { mailboxes, said: said.unwrap_or_default().to_owned() })
    }

    /// The number of messages.
    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.mailboxes.len()).unwrap_or(u32::MAX)
    }

    /// The parts after the first `done` ones, with their mailboxes: part 1 is the lowest number.
    pub(super) fn after(&self, done: u32) -> impl Iterator<Item = (u32, u32)> {
        let from = self.mailboxes.select(done);
        let rest = from.map(|from| self.mailboxes.range(from..)).into_iter().flatten();
        (done.saturating_add(1)..).zip(rest)
    }

    /// The content for one mailbox, without the braces.
    pub(super) fn said(&self) -> &str {
        &self.said
    }

    /// The message id of this part; `None` if there is no such part.
    pub(super) fn message_id(&self, event: Uuid, part: u32) -> Option<String> {
        let number = self.mailboxes.select(part.checked_sub(1)?)?;
        Some(message_id(event, number).to_string())
    }
}

/// The id of the message for one mailbox of an event.
pub(super) fn message_id(event: Uuid, number: u32) -> Uuid {
    Uuid::new_v5(&event, number.to_string().as_bytes())
}
