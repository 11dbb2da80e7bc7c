//! Commands from other systems, by request and reply.
//!
//! Invariant: a command is answered only once its outcome is known; a sender without an answer
//! sends the same command again, with the same id. A refused or unreadable command is stored as a
//! dead letter before it is answered, without its data if that may contain personal data or a
//! secret. Deliberately absent: a queue of commands. Only the sender waits.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::CloudEvent;

/// The maximum size of a command: a registration has some hundred bytes.
const LARGEST: usize = 64 * 1024;

/// A kind of command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandKind {
    /// Its name, e.g. `place-hold`.
    pub name: &'static str,
    /// May its data contain personal data or a secret? Then only the component that carries it out
    /// stores it.
    pub is_confidential: bool,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The outcome.
    pub status: AnswerStatus,
    /// The outcome in one sentence.
    pub sentence: String,
    /// The position in the log of an accepted command's outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerStatus {
    /// Carried out, now or before, and recorded.
    Accepted,
    /// Understood, but not permitted.
    Refused,
    /// Not understood.
    Invalid,
    /// Not processed now: send it again later.
    Unavailable,
}

impl CommandKind {
    /// A kind whose data names mailboxes by id only.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, is_confidential: false }
    }

    /// A kind whose data may contain personal data or a secret.
    pub const fn confidential(name: &'static str) -> Self {
        Self { name, is_confidential: true }
    }
}

impl Answer {
    /// Carried out, and recorded up to this position.
    pub fn accepted(sentence: impl Into<String>, position: u64) -> Self {
        let (status, sentence) = (AnswerStatus::Accepted, sentence.into());
        Self { status, sentence, position: Some(position) }
    }

    /// Not permitted.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Refused, sentence: sentence.into(), position: None }
    }

    /// Not understood.
    pub fn invalid(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Invalid, sentence: sentence.into(), position: None }
    }

    /// Not processed now.
    pub fn unavailable(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Unavailable, sentence: sentence.into(), position: None }
    }

    /// Is the command dead-lettered?
    pub(crate) fn is_kept(&self) -> bool {
        match self.status {
            AnswerStatus::Refused | AnswerStatus::Invalid => true,
            AnswerStatus::Accepted | AnswerStatus::Unavailable => false,
        }
    }
}

/// Validates a command before it is carried out; the error is a sentence for its sender.
pub(crate) fn checked(
    kinds: &[CommandKind],
    kind: &str,
    read: Result<CloudEvent, String>,
    size: usize,
) -> Result<CloudEvent, String> {
    if size > LARGEST {
        return Err(format!("the command has {size} bytes; the limit is {LARGEST}"));
    }
    if !kinds.iter().any(|known| known.name == kind) {
        let shown: String = kind.chars().take(60).collect();
        let names: Vec<&str> = kinds.iter().map(|known| known.name).collect();
        return Err(format!("unknown command {shown:?}; send one of {}", names.join(", ")));
    }
    let event = read?;
    if event.kind != CloudEvent::command_type(kind) {
        return Err(format!(
            "ce-type is {:?}; expected {:?}",
            event.kind,
            CloudEvent::command_type(kind)
        ));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&event.data) {
        Ok(_) => Ok(event),
        Err(error) => Err(format!("the data is not a JSON document: {error}")),
    }
}

/// The part of a command that a dead letter stores.
pub(crate) fn kept(kinds: &[CommandKind], kind: &str, data: Bytes) -> Bytes {
    let withheld = kinds.iter().any(|known| known.name == kind && known.is_confidential);
    if withheld { Bytes::new() } else { data }
}
