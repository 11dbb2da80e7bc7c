//! Dead letters: orders and commands that failed permanently, stored with their reason for
//! operators, who read the stream with the `nats` program.

use async_nats::HeaderMap;
use bytes::Bytes;

use super::api::Fault;
use super::connection::Connection;
use crate::Error;

/// The header with the reason, one sentence.
const REASON: &str = "Tramonto-Reason";
/// The header with the number of deliveries.
pub(super) const DELIVERIES: &str = "Tramonto-Deliveries";

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
}

/// A header value is one line of text.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { ' ' } else { each }).take(1_000).collect()
}
