//! Commands over core NATS: a request, one listener of the queue group, a reply.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::Request;
use async_nats::{HeaderMap, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::api::Fault;
use super::connection::Connection;
use super::dead::Dead;
use super::headers::{headers_of, read_event};
use crate::command::{checked, kept};
use crate::{Answer, AnswerStatus, CloudEvent, CommandKind, Error};

/// All listeners of a programme form one group: each command reaches one of them.
const GROUP: &str = "command";
/// The header with the kind of a dead-lettered command.
const KIND: &str = "Tramonto-Command";
/// How long a sender waits for an answer before it sends again. Longer than a slow command takes,
/// so that retries do not add to an overload.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The pause of a sender while nobody listens.
const REST: Duration = Duration::from_millis(200);

/// Receives commands over NATS. Any number of processes may listen; each command reaches one of
/// them.
pub struct CommandInbox {
    connection: Connection,
    kinds: Arc<[CommandKind]>,
    subscriber: Mutex<Subscriber>,
    closed: watch::Sender<bool>,
}

/// A command in flight. If it is dropped without an answer, its sender sends it again.
pub struct IncomingCommand {
    incoming: Incoming,
    event: CloudEvent,
}

/// A received command, readable or not.
struct Incoming {
    connection: Connection,
    kinds: Arc<[CommandKind]>,
    kind: String,
    message: Message,
}

/// Sends commands over NATS.
pub struct CommandSender {
    connection: Connection,
}

impl CommandInbox {
    /// Listens for these kinds of commands; declares the stream of dead letters, or fails if it
    /// guarantees too little.
    pub async fn open(connection: &Connection, kinds: &[CommandKind]) -> Result<Self, Error> {
        connection.declare_stream(&connection.topology.dead()).await?;
        let subjects = connection.topology.command_subject("*");
        let subscriber = connection.client.queue_subscribe(subjects, GROUP.to_owned()).await;
        let subscriber = subscriber.map_err(|error| connection.unavailable(error.to_string()))?;
        Ok(Self {
            connection: connection.clone(),
            kinds: kinds.into(),
            subscriber: Mutex::new(subscriber),
            closed: watch::Sender::new(false),
        })
    }

    async fn receive(&self) -> Result<Message, Error> {
        let mut closed = self.closed.subscribe();
        let next = async { self.subscriber.lock().await.next().await };
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
            message = next => message.ok_or(Error::Closed),
        }
    }

    /// Waits for the next readable command. Unreadable ones are answered and dead-lettered here.
    pub async fn next(&self) -> Result<IncomingCommand, Error> {
        loop {
            let message = self.receive().await?;
            let kind = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
            let read = read_event(message.headers.as_ref(), message.payload.clone());
            let read = checked(&self.kinds, &kind, read, message.payload.len());
            let (connection, kinds) = (self.connection.clone(), Arc::clone(&self.kinds));
            let incoming = Incoming { connection, kinds, kind, message };
            match read {
                Ok(event) => return Ok(IncomingCommand { incoming, event }),
                Err(sentence) => {
                    if let Err(error) = incoming.answer(Answer::invalid(sentence)).await {
                        tracing::warn!(%error, "unreadable command not answered");
                    }
                }
            }
        }
    }

    /// Ends every `next`, current or future, with [`Error::Closed`]. Commands in flight can still
    /// be answered.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }
}

impl IncomingCommand {
    /// The kind of command, e.g. `place-hold`: one of those for which the inbox was opened.
    pub fn kind(&self) -> &str {
        &self.incoming.kind
    }

    /// The event as sent. Its id identifies the command permanently: the same id is the same
    /// command.
    pub fn event(&self) -> &CloudEvent {
        &self.event
    }

    /// Answers it. A refused or invalid command is dead-lettered first.
    pub async fn answer(self, answer: Answer) -> Result<(), Error> {
        self.incoming.answer(answer).await
    }
}

impl Incoming {
    async fn answer(self, answer: Answer) -> Result<(), Error> {
        let Self { connection, kinds, kind, message } = self;
        // All unknown kinds are one label, or clients could create any number of them.
        let known = kinds.iter().find(|known| known.name == kind);
        let label = known.map_or("unknown", |known| known.name);
        metrics::counter!("tramonto_commands_total", "kind" => label, "answer" => status(&answer))
            .increment(1);
        let id = message.headers.as_ref().and_then(|headers| headers.get("ce-id"));
        let id = id.map(|id| id.as_str().to_owned());
        if answer.is_kept() {
            let mut headers = message.headers.clone().unwrap_or_default();
            headers.insert(KIND, super::dead::one_line(&kind));
            let payload = kept(&kinds, &kind, message.payload);
            let subject = connection.topology.dead_command_subject();
            let reason = answer.sentence.clone();
            connection.bury(Dead { what: "command", subject, headers, payload, reason }).await?;
        }
        let Some(reply) = message.reply else { return Ok(()) };
        let (headers, payload) = reply_to(&connection, id.unwrap_or_default(), &answer);
        let sent = connection.client.publish_with_headers(reply, headers, payload).await;
        sent.map_err(|error| connection.unavailable(error.to_string()))
    }
}

fn status(answer: &Answer) -> &'static str {
    match answer.status {
        AnswerStatus::Accepted => "accepted",
        AnswerStatus::Refused => "refused",
        AnswerStatus::Invalid => "invalid",
        AnswerStatus::Unavailable => "unavailable",
    }
}

/// The answer as a `CloudEvent`; `answers` is the command's id.
fn reply_to(connection: &Connection, id: String, answer: &Answer) -> (HeaderMap, Bytes) {
    let data = json!(answer).to_string();
    let name = format!("{id} {data}");
    let event = CloudEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string(),
        source: format!("/tramonto/{}", connection.programme()),
        kind: CloudEvent::type_of("command.answered"),
        data: data.into(),
        ..CloudEvent::default()
    };
    let event = event.with("answers", id).with("status", status(answer));
    (headers_of(&event), event.data)
}

impl CommandSender {
    /// A sender for the connection's programme.
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone() }
    }

    /// Sends once; `None` if nobody answered in time.
    async fn ask(
        &self,
        subject: &str,
        request: Request,
        within: Duration,
    ) -> Result<Option<Answer>, Error> {
        let request = request.timeout(Some(within));
        let sent = self.connection.send(subject.to_owned(), request).await;
        match sent {
            Ok(message) => serde_json::from_slice(&message.payload).map(Some).map_err(|error| {
                self.connection.refused(format!(
                    "the answer to the command cannot be parsed: \
                    {error}"
                ))
            }),
            Err(Fault::Missing) => Ok(None),
            Err(Fault::Failed(error)) if error.may_retry() => Ok(None),
            Err(fault) => Err(self.connection.failed(fault)),
        }
    }

    /// Sends a command, repeatedly with the same id, until it is answered. [`Error::Unavailable`]
    /// if that takes longer than `within`: the command may or may not have been carried out.
    pub async fn send(
        &self,
        kind: &str,
        command: &CloudEvent,
        within: Duration,
    ) -> Result<Answer, Error> {
        let until = Instant::now() + within;
        let subject = self.connection.topology.command_subject(kind);
        let mut said = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return said.map_or_else(
                    || {
                        Err(self.connection.unavailable(
                            "no service answered the command; send it again with the same id",
                        ))
                    },
                    Ok,
                );
            }
            let headers = headers_of(command);
            let request = Request::new().headers(headers).payload(command.data.clone());
            match self.ask(&subject, request, left.min(ANSWER_WITHIN)).await? {
                Some(answer) if answer.status != AnswerStatus::Unavailable => return Ok(answer),
                answer => said = answer.or(said),
            }
            sleep(REST.min(left)).await;
        }
    }
}
