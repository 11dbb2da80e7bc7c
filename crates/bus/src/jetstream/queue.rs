//! The queue of work orders on a work-queue stream.
//!
//! Orders of exactly the same effects share a subject and a consumer, and a worker polls the
//! consumers whose effects are all among its own. No request waits inside the server: a worker
//! requests what is ready, and otherwise waits for a wake on a core subject, or for the next poll.
//! So a worker that stops waiting leaves no pending request that would consume an order. Invariant:
//! only an acknowledged order is done. A missing stream or consumer is declared again, empty; the
//! sweep finds its work again. Deliberately absent: prefetching. A worker holds one order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::{HeaderMap, Message};
use async_trait::async_trait;
use domain::Capabilities;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::api::Fault;
use super::connection::Connection;
use super::dead::{DELIVERIES, Dead};
use super::delivery::InHand;
use crate::{Backlog, Delivery, Error, Settings, WorkOrder, WorkQueue};

/// The poll interval: how long an order can wait unseen if its wake was lost, or if another process
/// requeued it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Time limits of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InHandTimes {
    /// An order without a progress acknowledgement for so long is redelivered: its worker died or
    /// hangs.
    pub ack_wait: Duration,
    /// Even a live worker is trusted only for so long; then its order is redelivered.
    pub longest: Duration,
}

impl Default for InHandTimes {
    fn default() -> Self {
        Self { ack_wait: Duration::from_secs(30), longest: Duration::from_hours(2) }
    }
}

/// A queue of work orders on `JetStream`. Clones are the same queue.
#[derive(Clone)]
pub struct JetStreamQueue {
    shared: Arc<Shared>,
}

/// The state shared by the queue and its deliveries.
pub(super) struct Shared {
    pub(super) connection: Connection,
    pub(super) max_deliveries: u32,
    pub(super) times: InHandTimes,
    capacity: u32,
    changed: Arc<Notify>,
    closed: watch::Sender<bool>,
    /// When the orders that this process requeued are ready again.
    delays: Mutex<Vec<Instant>>,
    /// The declared consumers, so that each is checked once.
    declared: Mutex<Declared>,
    turn: AtomicUsize,
    listener: AbortHandle,
}

/// The consumers of one incarnation of the stream.
#[derive(Default)]
struct Declared {
    stream_created: String,
    consumers: BTreeSet<Capabilities>,
}

#[derive(Deserialize)]
struct Consumers {
    #[serde(default)]
    consumers: Option<Vec<ConsumerState>>,
}

#[derive(Deserialize)]
struct ConsumerState {
    num_ack_pending: u64,
}

impl JetStreamQueue {
    /// Opens the programme's queue: declares its streams, or fails if they guarantee too little.
    pub async fn open(
        connection: &Connection,
        settings: Settings,
        times: InHandTimes,
    ) -> Result<Self, Error> {
        let topology = &connection.topology;
        connection.declare_stream(&topology.dead()).await?;
        connection.declare_stream(&topology.work(settings.capacity)).await?;
        let changed = Arc::new(Notify::new());
        let wakes = connection.client.subscribe(topology.wake_subject()).await;
        let mut wakes = wakes.map_err(|error| connection.unavailable(error.to_string()))?;
        let listener = tokio::spawn({
            let changed = Arc::clone(&changed);
            async move {
                while wakes.next().await.is_some() {
                    changed.notify_waiters();
                }
            }
        });
        Ok(Self {
            shared: Arc::new(Shared {
                connection: connection.clone(),
                max_deliveries: settings.max_deliveries.max(1),
                times,
                capacity: settings.capacity,
                changed,
                closed: watch::Sender::new(false),
                delays: Mutex::default(),
                declared: Mutex::default(),
                turn: AtomicUsize::new(0),
                listener: listener.abort_handle(),
            }),
        })
    }
}

#[async_trait]
impl WorkQueue for JetStreamQueue {
    async fn publish(&self, order: WorkOrder) -> Result<(), Error> {
        self.shared.unless_closed(self.shared.publish(&order)).await
    }

    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, Error> {
        let delivery = self.shared.unless_closed(self.shared.pull(effects)).await?;
        Ok(Box::new(delivery))
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        self.shared.backlog().await
    }

    fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    async fn unless_closed<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
            done = work => done,
        }
    }

    /// Wakes everybody who waits on this queue, here and in other processes.
    pub(super) async fn wake(&self) {
        self.changed.notify_waiters();
        let subject = self.connection.topology.wake_subject();
        if let Err(error) = self.connection.client.publish(subject, "".into()).await {
            tracing::debug!(%error, "wake lost; waiting workers poll");
        }
    }

    pub(super) fn delayed_until(&self, ready_at: Instant) {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner).push(ready_at);
    }

    /// The future instants at which orders requeued here are ready again.
    fn delays(&self) -> Vec<Instant> {
        let now = Instant::now();
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        delays.retain(|ready_at| *ready_at > now);
        delays.clone()
    }

    /// Waits for a change, or until the next poll is due.
    async fn wait(&self, changed: impl Future<Output = ()>) {
        let next = self.delays().into_iter().min();
        let until_next = next.map(|ready_at| ready_at.saturating_duration_since(Instant::now()));
        let pause = until_next.map_or(LOOK_EVERY, |until| until.min(LOOK_EVERY));
        tokio::select! {
            () = changed => {}
            () = sleep(pause) => {}
        }
    }

    async fn publish(&self, order: &WorkOrder) -> Result<(), Error> {
        let connection = &self.connection;
        let payload = serde_json::to_vec(order).map_err(|error| Error::Unfit {
            what: format!("the work order {}", order.id),
            problem: error.to_string(),
        })?;
        let subject = connection.topology.work_subject(order.effects);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, order.id.to_string());
        headers.insert("Content-Type", "application/json");
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match connection.store(&subject, headers.clone(), payload.clone().into()).await {
                Ok(()) => {
                    self.wake().await;
                    return Ok(());
                }
                Err(Fault::Full) => self.wait(changed).await,
                Err(Fault::Missing) => self.declare().await?,
                Err(fault) => return Err(connection.failed(fault)),
            }
        }
    }

    async fn pull(self: &Arc<Self>, effects: Capabilities) -> Result<InHand, Error> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.look(effects).await {
                Ok(Some(delivery)) => return Ok(delivery),
                Ok(None) => self.wait(changed).await,
                Err(Fault::Missing) => self.declare().await?,
                Err(fault) => return Err(self.connection.failed(fault)),
            }
        }
    }

    /// Polls, one after the other, the consumers that may have an order for these effects.
    async fn look(self: &Arc<Self>, effects: Capabilities) -> Result<Option<InHand>, Fault> {
        let topology = &self.connection.topology;
        let stream = topology.work_stream();
        let found = self.connection.stream_info(&stream, Some(&topology.work_subjects())).await?;
        self.declared_since(&found.created);
        let mut sets: Vec<_> = found
            .state
            .subjects
            .keys()
            .filter_map(|subject| topology.effects_on(subject))
            .filter(|set| set.is_subset(effects))
            .collect();
        if !sets.is_empty() {
            // Each poll starts with another set, so that none starves behind a busy one.
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % sets.len();
            sets.rotate_left(turn);
        }
        for set in sets {
            // In a separate task: a worker that stops waiting meanwhile must not lose the order.
            let fetch = tokio::spawn(Arc::clone(self).take(set, found.created.clone()));
            let taken = fetch.await.map_err(|error| {
                Fault::Failed(self.connection.unavailable(format!("a poll failed: {error}")))
            })?;
            if let Some(delivery) = taken? {
                return Ok(Some(delivery));
            }
        }
        Ok(None)
    }

    /// Takes an order of exactly these effects, if one is ready.
    async fn take(
        self: Arc<Self>,
        effects: Capabilities,
        created: String,
    ) -> Result<Option<InHand>, Fault> {
        let connection = &self.connection;
        let stream = connection.topology.work_stream();
        let consumer = connection.topology.work_consumer(effects, &created, self.times.ack_wait);
        let name = consumer.name.clone().unwrap_or_default();
        if !self.declared().consumers.contains(&effects) {
            connection.declare_consumer(&stream, &consumer).await?;
            self.declared().consumers.insert(effects);
        }
        loop {
            match connection.fetch(&stream, &name).await {
                Ok(None) => return Ok(None),
                Ok(Some(message)) => {
                    if let Some(delivery) = InHand::new(Arc::clone(&self), message).await? {
                        return Ok(Some(delivery));
                    }
                }
                Err(fault) => {
                    self.declared().consumers.remove(&effects);
                    return Err(fault);
                }
            }
        }
    }

    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A recreated stream has none of its consumers.
    fn declared_since(&self, stream_created: &str) {
        let mut declared = self.declared();
        if declared.stream_created != stream_created {
            let stream_created = stream_created.to_owned();
            *declared = Declared { stream_created, consumers: BTreeSet::new() };
        }
    }

    /// The server lost the stream with its disk: it starts again empty.
    async fn declare(&self) -> Result<(), Error> {
        self.connection.declare_stream(&self.connection.topology.work(self.capacity)).await
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        let connection = &self.connection;
        let stream = connection.topology.work_stream();
        let ask = async {
            let held = connection.stream_info(&stream, None).await?.state.messages;
            let list = format!("CONSUMER.LIST.{stream}");
            let consumers = connection.ask::<Consumers>(&list, &json!({ "offset": 0 })).await?;
            let consumers = consumers.consumers.unwrap_or_default();
            let handed_out = consumers.iter().map(|each| each.num_ack_pending).sum::<u64>();
            Ok((held, handed_out))
        };
        let (held, handed_out) = match ask.await {
            Ok(counted) => counted,
            Err(Fault::Missing) => {
                self.declare().await?;
                return Ok(Backlog::default());
            }
            Err(fault) => return Err(connection.failed(fault)),
        };
        let delayed = u64::try_from(self.delays().len()).unwrap_or(u64::MAX).min(handed_out);
        let waiting = held.saturating_sub(handed_out);
        Ok(Backlog { waiting, delayed, in_flight: handed_out - delayed })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The dead letter of an order that was delivered this often.
pub(super) fn dead_order(shared: &Shared, message: &Message, count: u32, reason: String) -> Dead {
    let mut headers = HeaderMap::new();
    headers.insert(DELIVERIES, count.to_string());
    headers.insert("Tramonto-Subject", message.subject.as_str());
    if let Some(id) = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID)) {
        headers.insert(NATS_MESSAGE_ID, id.as_str());
    }
    let subject = shared.connection.topology.dead_work_subject();
    let payload = message.payload.clone();
    Dead { what: "order", subject, headers, payload, reason }
}
