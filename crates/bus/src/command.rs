//! Commands from outside: asked for in one message, answered in one.
//!
//! Invariant: a command counts as taken only when it is answered, and it is answered only once its
//! outcome is known; whoever has no answer sends the same command again, with the same id. What is
//! refused, or can't be read, is kept as a dead letter before it is answered, without what it said
//! where that may name somebody or hold a secret. Deliberately absent: a queue of commands. Nothing
//! waits anywhere but at the sender.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CloudEvent, Error};

/// The largest command: a registration has some hundred bytes.
const LARGEST: usize = 64 * 1024;

/// A kind of command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandKind {
    /// Its name, e.g. `place-hold`.
    pub name: &'static str,
    /// May what it says name somebody, or hold a secret? Then it is kept nowhere but where it is
    /// carried out.
    pub is_confidential: bool,
}

/// Where commands come in. Any number of processes may listen; each command comes to one of them.
/// `tests/commands.rs` says what every adapter must do.
#[async_trait]
pub trait CommandInbox: Send + Sync {
    /// Waits for the next command that can be read. Those that can't are answered and kept here.
    async fn next(&self) -> Result<Box<dyn IncomingCommand>, Error>;

    /// The newest commands that were refused or could not be read, oldest first.
    async fn dead_letters(&self) -> Result<Vec<DeadCommand>, Error>;

    /// Ends every `next`, waiting or to come, with [`Error::Closed`]. Commands under way can still
    /// be answered.
    fn close(&self);
}

/// A command in somebody's hands. Dropped without an answer, its sender sends it again.
#[async_trait]
pub trait IncomingCommand: Send {
    /// Which kind of command, e.g. `place-hold`: one of those the inbox was opened for.
    fn kind(&self) -> &str;

    /// The event as sent. Its id identifies the command permanently: the same id is the same
    /// command.
    fn event(&self) -> &CloudEvent;

    /// Answers it. One that is refused or invalid is kept first.
    async fn answer(self: Box<Self>, answer: Answer) -> Result<(), Error>;
}

/// Where commands go out.
#[async_trait]
pub trait CommandSender: Send + Sync {
    /// Sends a command, again and again with the same id, until it is answered. Where that takes
    /// longer than `within`, [`Error::Unavailable`]: the command may or may not have been carried
    /// out.
    async fn send(
        &self,
        kind: &str,
        command: &CloudEvent,
        within: Duration,
    ) -> Result<Answer, Error>;
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The outcome.
    pub status: AnswerStatus,
    /// The same in one sentence.
    pub sentence: String,
    /// The position in the log up to which its outcome is recorded; for accepted ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerStatus {
    /// It is carried out, now or before, and recorded.
    Accepted,
    /// It was understood, but may not be carried out.
    Refused,
    /// It can't be understood.
    Invalid,
    /// It could not be looked at now: send it again later.
    Unavailable,
}

/// A command that was refused or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadCommand {
    /// Which kind it was sent as.
    pub kind: String,
    /// Its id, where it had one.
    pub id: Option<String>,
    /// Why it was not carried out, in one sentence.
    pub reason: String,
    /// What was sent; empty where its kind is confidential.
    pub data: Bytes,
}

impl CommandKind {
    /// A kind that names mailboxes by id only.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, is_confidential: false }
    }

    /// A kind that may name somebody, or hold a secret.
    pub const fn confidential(name: &'static str) -> Self {
        Self { name, is_confidential: true }
    }
}

impl Answer {
    /// It is carried out, and recorded up to this position.
    pub fn accepted(sentence: impl Into<String>, position: u64) -> Self {
        let (status, sentence) = (AnswerStatus::Accepted, sentence.into());
        Self { status, sentence, position: Some(position) }
    }

    /// It may not be carried out.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Refused, sentence: sentence.into(), position: None }
    }

    /// It can't be understood.
    pub fn invalid(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Invalid, sentence: sentence.into(), position: None }
    }

    /// It could not be looked at now.
    pub fn unavailable(sentence: impl Into<String>) -> Self {
        Self { status: AnswerStatus::Unavailable, sentence: sentence.into(), position: None }
    }

    /// Is the command kept, for somebody to look at?
    pub(crate) fn is_kept(&self) -> bool {
        match self.status {
            AnswerStatus::Refused | AnswerStatus::Invalid => true,
            AnswerStatus::Accepted | AnswerStatus::Unavailable => false,
        }
    }
}

/// The type of a kind of command.
pub(crate) fn type_of(kind: &str) -> String {
    CloudEvent::type_of(&format!("command.{kind}"))
}

/// Looks at a command before anybody carries it out; the error is one sentence to its sender.
pub(crate) fn checked(
    kinds: &[CommandKind],
    kind: &str,
    read: Result<CloudEvent, String>,
    size: usize,
) -> Result<CloudEvent, String> {
    if size > LARGEST {
        return Err(format!("the command has {size} bytes; at most {LARGEST} are read"));
    }
    if !kinds.iter().any(|known| known.name == kind) {
        let shown: String = kind.chars().take(60).collect();
        let names: Vec<&str> = kinds.iter().map(|known| known.name).collect();
        return Err(format!("{shown:?} is no command; send one of {}", names.join(", ")));
    }
    let event = read?;
    if event.kind != type_of(kind) {
        return Err(format!("ce-type is {:?}, but it must be {:?}", event.kind, type_of(kind)));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&event.data) {
        Ok(_) => Ok(event),
        Err(error) => Err(format!("the data is no JSON document: {error}")),
    }
}

/// What a dead letter keeps of what was sent.
pub(crate) fn kept(kinds: &[CommandKind], kind: &str, data: Bytes) -> Bytes {
    let withheld = kinds.iter().any(|known| known.name == kind && known.is_confidential);
    if withheld { Bytes::new() } else { data }
}
