//! The mirror of the log on a stream.
//!
//! A page is published without waiting for each acknowledgement, and every message names its
//! predecessor: the first by the sequence number of the stream's last message, each other by the id
//! of the one before it. (By numbers alone, an overtaken publisher could append the middle of its
//! page if its count happens to match the new end; ids alone are lost by a server that restarts.)
//! So if one is rejected, all that follow are, and the order holds.

use async_nats::HeaderValue;
use async_nats::header::{
    NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID,
};
use async_nats::jetstream;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::api::{Fault, StreamState};
use super::connection::Connection;
use super::headers::{headers_of, read_event};
use crate::{Error, EventMirror, Mark, Mirrored, Tail};

/// A mirror on `JetStream`.
pub struct JetStreamMirror {
    connection: Connection,
    context: Context,
    stream: String,
}

#[derive(Deserialize)]
struct Got {
    message: RawMessage,
}

impl JetStreamMirror {
    /// Opens the programme's mirror: declares its stream, or fails if it guarantees too little.
    pub async fn open(connection: &Connection) -> Result<Self, Error> {
        connection.declare_stream(&connection.topology.event()).await?;
        let mut context = jetstream::new(connection.client.clone());
        context.set_timeout(connection.timeout);
        let stream = connection.topology.event_stream();
        Ok(Self { connection: connection.clone(), context, stream })
    }

    async fn end(&self) -> Result<Tail, Fault> {
        let StreamState { last_seq: sequence, messages, .. } =
            self.connection.stream_info(&self.stream, None).await?.state;
        if messages == 0 {
            return Ok(Tail { sequence, last: None });
        }
        let get = format!("STREAM.MSG.GET.{}", self.stream);
        let found = self.connection.ask::<Got>(&get, &json!({ "seq": sequence })).await?;
        let last = mark_of(found.message).ok_or_else(|| {
            let problem = format!(
                "the last message of {} was not published by this program; remove the stream with \
                 `nats stream rm {}`; it is refilled from the log",
                self.stream, self.stream
            );
            Fault::Failed(self.connection.refused(problem))
        })?;
        Ok(Tail { sequence, last: Some(last) })
    }

    /// Maps the error of a message that was not stored.
    fn not_stored(&self, message: &Mirrored, error: &PublishError) -> Error {
        let overtaken = || Error::Overtaken { stream: self.stream.clone() };
        match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
                overtaken()
            }
            PublishErrorKind::MaxPayloadExceeded => Error::Unfit {
                what: format!("the event {} ({})", message.event.id, message.kind),
                problem: self.connection.too_large(),
            },
            PublishErrorKind::StreamNotFound
            | PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending => self.connection.unavailable(error.to_string()),
            PublishErrorKind::Other => {
                let source = std::error::Error::source(error);
                let said = source.and_then(|error| error.downcast_ref::<jetstream::Error>());
                match said.map(|said| (said.error_code(), self.connection.fault(said))) {
                    Some((ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT, _)) => overtaken(),
                    Some((_, fault)) => self.connection.failed(fault),
                    None => self.connection.unavailable(error.to_string()),
                }
            }
        }
    }
}

#[async_trait]
impl EventMirror for JetStreamMirror {
    async fn last(&self) -> Result<Tail, Error> {
        match self.end().await {
            Ok(tail) => Ok(tail),
            Err(Fault::Missing) => {
                // The server lost it with its disk, or is starting.
                self.connection.declare_stream(&self.connection.topology.event()).await?;
                self.end().await.map_err(|fault| self.connection.failed(fault))
            }
            Err(fault) => Err(self.connection.failed(fault)),
        }
    }

    async fn publish(&self, after: &Tail, page: &[Mirrored]) -> Result<Tail, Error> {
        let mut sent = Vec::with_capacity(page.len());
        let mut tail = after.clone();
        let mut failure = None;
        let before = page.iter().map(Some);
        for (message, before) in page.iter().zip([None].into_iter().chain(before)) {
            let mark = message.mark()?;
            let mut headers = headers_of(&message.event);
            headers.insert(NATS_MESSAGE_ID, message.event.id.as_str());
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(tail.sequence));
            if let Some(before) = before {
                headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, before.event.id.as_str());
            }
            let subject = self.connection.topology.event_subject(&message.category, &message.kind);
            let data = message.event.data.clone();
            match self.context.publish_with_headers(subject, headers, data).await {
                Ok(stored) => sent.push((message, stored)),
                Err(error) => {
                    failure = Some(self.not_stored(message, &error));
                    break;
                }
            }
            tail = Tail { sequence: tail.sequence.saturating_add(1), last: Some(mark) };
        }
        for (message, stored) in sent {
            match stored.await {
                Ok(stored) if stored.duplicate => {
                    // Stored before, but not at the end that this publisher saw.
                    failure.get_or_insert(Error::Overtaken { stream: self.stream.clone() });
                }
                Ok(_) => {}
                Err(error) => {
                    failure.get_or_insert(self.not_stored(message, &error));
                }
            }
            if failure.is_some() {
                break;
            }
        }
        failure.map_or(Ok(tail), Err)
    }
}

/// The mark of a stored message.
fn mark_of(message: RawMessage) -> Option<Mark> {
    let message = StreamMessage::try_from(message).ok()?;
    Mark::of(&read_event(Some(&message.headers), message.payload).ok()?)
}
