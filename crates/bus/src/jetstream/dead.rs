//! Dead letters: orders that failed permanently, stored with their reason first of all.

use std::collections::VecDeque;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::api::Fault;
use super::connection::Connection;
use crate::Error;

/// The header with the reason, one sentence.
pub(super) const REASON: &str = "Tramonto-Reason";
/// The header with the number of deliveries.
pub(super) const DELIVERIES: &str = "Tramonto-Deliveries";
/// Maximum dead letters returned, the newest.
const SHOWN: usize = 1_000;

/// A message to be dead-lettered.
pub(super) struct Dead {
    /// `order` or `command`.
    pub(super) what: &'static str,
    /// Its subject.
    pub(super) subject: String,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its payload.
    pub(super) payload: Bytes,
    /// The reason, one sentence.
    pub(super) reason: String,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    num_pending: u64,
}

impl Connection {
    /// Stores a dead letter, and declares the stream again if it is gone.
    pub(super) async fn bury(&self, dead: Dead) -> Result<(), Error> {
        let Dead { what, subject, mut headers, payload, reason } = dead;
        headers.insert(REASON, one_line(&reason));
        loop {
            match self.store(&subject, headers.clone(), payload.clone()).await {
                Ok(()) => {
                    metrics::counter!("tramonto_dead_letters_total", "subject" => what)
                        .increment(1);
                    return Ok(());
                }
                Err(Fault::Missing) => self.declare_stream(&self.topology.dead()).await?,
                Err(fault) => return Err(self.failed(fault)),
            }
        }
    }

    /// The newest dead letters of a subject, oldest first.
    pub(super) async fn dead_letters(&self, subject: &str) -> Result<Vec<Message>, Error> {
        let stream = self.topology.dead_stream();
        let config = json!({
            "ack_policy": "none", "deliver_policy": "all", "replay_policy": "instant",
            "filter_subject": subject, "inactive_threshold": 10_000_000_000_u64,
            "mem_storage": true, "num_replicas": 1,
        });
        let payload = json!({ "stream_name": stream, "config": config });
        let made = match self.ask::<Made>(&format!("CONSUMER.CREATE.{stream}"), &payload).await {
            Ok(made) => made,
            Err(Fault::Missing) => return Ok(Vec::new()),
            Err(fault) => return Err(self.failed(fault)),
        };
        let mut newest = VecDeque::new();
        for _ in 0..made.num_pending {
            let fetched = self.fetch(&stream, &made.name).await;
            let Some(message) = fetched.map_err(|fault| self.failed(fault))? else { break };
            if newest.len() >= SHOWN {
                newest.pop_front();
            }
            newest.push_back(message);
        }
        Ok(newest.into())
    }
}

/// A header value is one line of text.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { ' ' } else { each }).take(1_000).collect()
}
