//! Orders, and helpers that retry.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderValue;
use async_nats::jetstream::message::StreamMessage;
use bus::{
    Connection, Delivery, InHandTimes, JetStreamQueue, NatsOptions, Settings, WorkOrder, WorkQueue,
};
use domain::{Capabilities, Capability};
use tokio::time::timeout;
use uuid::Uuid;

use crate::server::Server;

/// Longer than anything takes, even on a busy machine.
pub(crate) const WAIT_FOR: Duration = Duration::from_mins(1);
pub(crate) const SETTINGS: Settings = Settings { capacity: 8, max_deliveries: 3 };

pub(crate) fn options(server: &Server) -> NatsOptions {
    let mut options = NatsOptions::new(&server.url(), "cec-pac".parse().unwrap());
    options.timeout = Duration::from_secs(1);
    options
}

pub(crate) async fn connected(server: &Server) -> Connection {
    Connection::open(&options(server)).await.unwrap()
}

pub(crate) async fn queue(connection: &Connection) -> Arc<dyn WorkQueue> {
    queue_with(connection, InHandTimes::default()).await
}

pub(crate) async fn queue_with(connection: &Connection, times: InHandTimes) -> Arc<dyn WorkQueue> {
    Arc::new(JetStreamQueue::open(connection, SETTINGS, times).await.unwrap())
}

pub(crate) fn order(number: u32) -> WorkOrder {
    WorkOrder {
        id: Uuid::now_v7(),
        programme: "cec-pac".parse().unwrap(),
        phase: None,
        effects: Capability::Send.into(),
        mailboxes: number.into(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
    }
}

/// The dead letters of a programme, oldest first.
pub(crate) async fn dead_letters(url: &str, programme: &str) -> Vec<StreamMessage> {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    let stream = context.get_stream(format!("tramonto_{programme}_dead")).await.unwrap();
    let mut letters = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        letters.push(stream.get_raw_message(sequence).await.unwrap());
    }
    letters
}

/// A header of a message.
pub(crate) fn header<'a>(message: &'a StreamMessage, name: &str) -> Option<&'a str> {
    message.headers.get(name).map(HeaderValue::as_str)
}

/// Pulls like a worker, with retries.
pub(crate) async fn next(queue: &Arc<dyn WorkQueue>) -> Box<dyn Delivery> {
    let pull = async {
        loop {
            match queue.pull(Capabilities::OF_PLATFORM).await {
                Ok(delivery) => return delivery,
                Err(error) => assert!(error.may_retry(), "{error}"),
            }
        }
    };
    timeout(WAIT_FOR, pull).await.expect("an order")
}

/// Publishes like a sweep, with retries.
pub(crate) async fn publish(queue: &Arc<dyn WorkQueue>, order: &WorkOrder) {
    let publish = async {
        while let Err(error) = queue.publish(order.clone()).await {
            assert!(error.may_retry(), "{error}");
        }
    };
    timeout(WAIT_FOR, publish).await.expect("a place");
}
