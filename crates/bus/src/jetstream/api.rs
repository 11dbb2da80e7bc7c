//! Requests to the server: one function that sends them, one table of its errors.

use std::collections::BTreeMap;

use async_nats::client::Request;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{HeaderMap, Message, RequestErrorKind, Subject};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::connection::Connection;
use crate::Error;

/// The subject prefix of `JetStream`'s API.
const API: &str = "$JS.API";

/// Why a request failed, as far as callers distinguish it.
#[derive(Debug)]
pub(super) enum Fault {
    /// The stream, the consumer or the message does not exist.
    Missing,
    /// The stream holds as much as it may.
    Full,
    /// The stream does not end at the expected message.
    Overtaken,
    /// Anything else.
    Failed(Error),
}

/// The acknowledgement of a stored message; only its presence counts.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "seq")]
    _sequence: u64,
}

/// A stream as the server describes it.
#[derive(Deserialize)]
pub(super) struct StreamInfo {
    /// When it was created: it identifies the incarnation of the stream.
    pub(super) created: String,
    pub(super) state: StreamState,
}

/// The content of a stream.
#[derive(Deserialize)]
pub(super) struct StreamState {
    pub(super) messages: u64,
    pub(super) last_seq: u64,
    /// The number of messages of each subject, if asked for.
    #[serde(default)]
    pub(super) subjects: BTreeMap<String, u64>,
}

impl Connection {
    /// The description of a stream, with its subjects among these if there are any.
    pub(super) async fn stream_info(
        &self,
        stream: &str,
        subjects: Option<&str>,
    ) -> Result<StreamInfo, Fault> {
        let filter = json!({ "subjects_filter": subjects });
        self.ask(&format!("STREAM.INFO.{stream}"), &filter).await
    }

    /// Sends a request to `JetStream`'s API.
    pub(super) async fn ask<T>(&self, subject: &str, payload: &Value) -> Result<T, Fault>
    where
        T: DeserializeOwned,
    {
        let request = Request::new().payload(payload.to_string().into());
        self.answer(&self.send(format!("{API}.{subject}"), request).await?)
    }

    /// Publishes to a stream and waits for its acknowledgement.
    pub(super) async fn store(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), Fault> {
        let request = Request::new().headers(headers).payload(payload);
        let answer = self.send(subject.to_owned(), request).await?;
        self.answer::<Stored>(&answer).map(drop)
    }

    /// Requests one message of a consumer; `None` if none is ready.
    pub(super) async fn fetch(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<Option<Message>, Fault> {
        let payload = Bytes::from_static(br#"{"batch":1,"no_wait":true}"#);
        let subject = format!("{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        // An order arrives under its own subject, so only a separate subscription identifies the
        // answer.
        let request = Request::new().payload(payload).inbox(self.client.new_inbox());
        let message = self.send(subject, request).await?;
        // A status instead of an order: none is ready, or the consumer is moving.
        Ok(message.status.is_none().then_some(message))
    }

    /// Sends a request; a subject without a responder is [`Fault::Missing`].
    pub(super) async fn send(&self, subject: String, request: Request) -> Result<Message, Fault> {
        let sent = self.client.send_request(Subject::from(subject.as_str()), request).await;
        sent.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Fault::Missing,
            RequestErrorKind::TimedOut => Fault::Failed(match self.denied.told(&subject) {
                Some(denied) => self.refused(denied),
                None => self.unavailable(format!(
                    "it did not answer within {} s; check nats-server",
                    self.timeout.as_secs_f32()
                )),
            }),
            RequestErrorKind::MaxPayloadExceeded => Fault::Failed(Error::Unfit {
                what: "a message".to_owned(),
                problem: self.too_large(),
            }),
            RequestErrorKind::InvalidSubject => {
                Fault::Failed(self.refused(format!("the subject is invalid: {error}")))
            }
            RequestErrorKind::Other => Fault::Failed(self.unavailable(error.to_string())),
        })
    }

    pub(super) fn too_large(&self) -> String {
        let limit = self.client.max_payload();
        format!("it is larger than {limit} bytes; raise max_payload in nats-server's configuration")
    }

    fn answer<T: DeserializeOwned>(&self, message: &Message) -> Result<T, Fault> {
        match serde_json::from_slice(&message.payload) {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Err { error }) => Err(self.fault(&error)),
            Err(error) => {
                let problem = format!(
                    "its answer cannot be parsed ({error}); check that it is a \
                                       nats-server"
                );
                Err(Fault::Failed(self.refused(problem)))
            }
        }
    }

    /// Maps an error of `JetStream`.
    pub(super) fn fault(&self, error: &jetstream::Error) -> Fault {
        match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND
            | ErrorCode::CONSUMER_NOT_FOUND
            | ErrorCode::NO_MESSAGE_FOUND => Fault::Missing,
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE
            | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Fault::Overtaken,
            ErrorCode::STREAM_STORE_FAILED if error.to_string().contains("maximum messages") => {
                Fault::Full
            }
            _ if error.code() >= 500 => Fault::Failed(self.unavailable(error.to_string())),
            _ => Fault::Failed(self.refused(error.to_string())),
        }
    }

    /// The error of a fault that its caller cannot handle.
    pub(super) fn failed(&self, fault: Fault) -> Error {
        match fault {
            Fault::Missing => self.unavailable(
                "JetStream does not answer; enable it in nats-server's configuration, or wait \
                 until the cluster has a leader",
            ),
            Fault::Full => self.unavailable("the stream is full"),
            Fault::Overtaken => self.unavailable("another publisher wrote first"),
            Fault::Failed(error) => error,
        }
    }
}
