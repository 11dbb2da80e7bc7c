//! An order in flight, with progress acknowledgements to the server.
//!
//! Every answer waits for the server's confirmation within a bound. A lost answer is harmless: the
//! order is redelivered, and its receiver finds nothing left to do.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::client::Request;
use async_nats::jetstream::AckKind;
use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::api::Fault;
use super::queue::{Shared, dead_order};
use crate::{Delivery, Error, WorkOrder};

/// Longer delays are capped at this one; the sweep finds the work again long before.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

/// An order in flight; if it is dropped without an answer it is requeued.
pub(super) struct InHand {
    order: WorkOrder,
    count: u32,
    held: Option<Held>,
}

/// The context of an answer.
struct Held {
    shared: Arc<Shared>,
    message: Message,
    count: u32,
    progress: AbortHandle,
}

impl InHand {
    /// Parses a message as an order. `None` if it was delivered too often or is not an order: it
    /// was dead-lettered with its reason.
    pub(super) async fn new(shared: Arc<Shared>, message: Message) -> Result<Option<Self>, Fault> {
        let count = delivered(&message);
        let progress = tokio::spawn(keep(Arc::clone(&shared), message.clone())).abort_handle();
        let held = Held { shared, message, count, progress };
        let reason = match serde_json::from_slice::<WorkOrder>(&held.message.payload) {
            Ok(order) if count <= held.shared.max_deliveries => {
                return Ok(Some(Self { order, count, held: Some(held) }));
            }
            Ok(_) => too_often(count - 1),
            Err(error) => format!("it is not a work order: {error}"),
        };
        held.give_up(reason).await.map_err(Fault::Failed)?;
        Ok(None)
    }
}

#[async_trait]
impl Delivery for InHand {
    fn order(&self) -> &WorkOrder {
        &self.order
    }

    fn count(&self) -> u32 {
        self.count
    }

    async fn ack(mut self: Box<Self>) -> Result<(), Error> {
        let Some(held) = self.held.take() else { return Ok(()) };
        held.answer(AckKind::Ack).await?;
        held.shared.wake().await;
        Ok(())
    }

    async fn nak(mut self: Box<Self>, delay: Duration) -> Result<(), Error> {
        let Some(held) = self.held.take() else { return Ok(()) };
        held.hand_back(delay.min(LONGEST_DELAY)).await
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let (Some(held), Ok(runtime)) = (self.held.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = held.hand_back(Duration::ZERO).await {
                tracing::debug!(%error, "order not requeued; it will be redelivered");
            }
        });
    }
}

impl Held {
    /// Answers, and waits for the server's confirmation.
    async fn answer(&self, kind: AckKind) -> Result<(), Error> {
        self.progress.abort();
        let connection = &self.shared.connection;
        let Some(subject) = self.message.reply.clone() else { return Ok(()) };
        let request = Request::new().payload(kind.into());
        match connection.send(subject.into_string(), request).await {
            Ok(_) => Ok(()),
            Err(Fault::Missing) => Err(connection.unavailable(
                "the bus no longer has the order; the sweep dispatches any unfinished work again",
            )),
            Err(fault) => Err(connection.failed(fault)),
        }
    }

    async fn hand_back(self, delay: Duration) -> Result<(), Error> {
        if self.count >= self.shared.max_deliveries {
            let reason = too_often(self.count);
            return self.give_up(reason).await;
        }
        if delay.is_zero() {
            self.answer(AckKind::Nak(None)).await?;
            self.shared.wake().await;
        } else {
            self.answer(AckKind::Nak(Some(delay))).await?;
            self.shared.delayed_until(Instant::now() + delay);
        }
        Ok(())
    }

    /// Dead-letters the order: first stores it, then removes it from the queue.
    async fn give_up(&self, reason: String) -> Result<(), Error> {
        tracing::warn!(subject = %self.message.subject, %reason, "work order dead-lettered");
        let dead = dead_order(&self.shared, &self.message, self.count, reason);
        self.shared.connection.bury(dead).await?;
        self.answer(AckKind::Term).await?;
        self.shared.wake().await;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.progress.abort();
    }
}

/// Acknowledges progress to the server, for as long as a worker is trusted.
async fn keep(shared: Arc<Shared>, message: Message) {
    let Some(subject) = message.reply.clone() else { return };
    let since = Instant::now();
    while since.elapsed() < shared.times.longest {
        sleep(shared.times.ack_wait / 3).await;
        let told = shared.connection.client.publish(subject.clone(), AckKind::Progress.into());
        if let Err(error) = told.await {
            tracing::debug!(%error, "progress of an order not acknowledged");
        }
    }
}

fn too_often(count: u32) -> String {
    format!("dispatched {count} times and never completed; the sweep dispatches its work again")
}

/// The server's delivery count, from the reply subject `$JS.ACK.<stream>.<consumer>.<delivered>.…`,
/// which may have a domain and an account before the stream.
fn delivered(message: &Message) -> u32 {
    let reply = message.reply.as_ref().map_or("", |subject| subject.as_str());
    let tokens: Vec<_> = reply.split('.').collect();
    let place = if tokens.len() > 9 { 6 } else { 4 };
    tokens.get(place).and_then(|token| token.parse().ok()).unwrap_or(1)
}
