//! The contract of work queues, for every adapter.
//!
//! Each adapter runs the whole suite: a line of `contract!` with its name, whether tokio's clock
//! may be paused, and a constructor. Waiting for something that must not happen takes a moment of
//! real time if the clock is not paused.

use std::sync::Arc;
use std::time::Duration;

use bus::{
    Backlog, Connection, Delivery, Error, InHandTimes, InProcess, JetStreamQueue, NatsOptions,
    Settings, WorkOrder, WorkQueue,
};
use domain::{Capabilities, Capability};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

type Queue = Arc<dyn WorkQueue>;

/// Longer than any operation of a queue takes.
const WAIT_FOR: Duration = Duration::from_secs(10);
/// Long enough to conclude that nothing happens.
const A_MOMENT: Duration = Duration::from_millis(50);

macro_rules! contract {
    ($adapter:ident, stands_still: $paused:literal, $make:expr) => {
        contract!($adapter, $paused, $make,
            an_order_arrives_as_it_was_published,
            orders_wait_for_a_worker_of_their_effects,
            a_worker_that_waits_is_woken_by_an_order,
            a_full_queue_blocks_publishers_until_an_order_is_acknowledged,
            an_acknowledged_order_is_never_redelivered,
            a_dropped_delivery_is_redelivered,
            a_requeued_order_is_redelivered_after_its_delay,
            an_order_never_acknowledged_is_dead_lettered_and_frees_its_slot,
            every_order_is_done_by_many_workers_that_sometimes_fail,
            closing_wakes_all_waiters_and_lets_orders_in_flight_finish,
            a_cancelled_wait_loses_no_order,
            the_backlog_counts_every_order_once,
        );
    };
    ($adapter:ident, $paused:literal, $make:expr, $($claim:ident),+ $(,)?) => {
        mod $adapter {
            use super::*;
            $(
                #[tokio::test(start_paused = $paused)]
                async fn $claim() {
                    super::$claim($make).await;
                }
            )+
        }
    };
}

contract!(in_process, stands_still: true, async |settings| {
    let queue: Queue = Arc::new(InProcess::new(settings));
    queue
});

// A programme for each case, so that tests do not interfere on the server.
contract!(jetstream, stands_still: false, async |settings| {
    let url = std::env::var("TRAMONTO_TEST_NATS").expect("no nats-server to test with: run \
        tests/run");
    let programme = format!("t{}", Uuid::now_v7().simple()).parse().unwrap();
    let connection = Connection::open(&NatsOptions::new(&url, programme)).await.unwrap();
    let times = InHandTimes::default();
    let queue: Queue = Arc::new(JetStreamQueue::open(&connection, settings, times).await.unwrap());
    queue
});

const SMALL: Settings = Settings { capacity: 2, max_deliveries: 3 };

fn order(effects: Capabilities, number: u32) -> WorkOrder {
    WorkOrder {
        id: Uuid::now_v7(),
        programme: "cec-pac".parse().unwrap(),
        phase: Some("receive-only".parse().unwrap()),
        effects,
        mailboxes: number.into(),
        correlation_id: Uuid::now_v7(),
        causation_id: Some(Uuid::now_v7()),
    }
}

fn send() -> Capabilities {
    Capability::Send.into()
}

async fn next(queue: &Queue) -> Box<dyn Delivery> {
    timeout(WAIT_FOR, queue.pull(Capabilities::OF_PLATFORM)).await.expect("an order").unwrap()
}

async fn nothing_comes(queue: &Queue) -> bool {
    timeout(A_MOMENT, queue.pull(Capabilities::OF_PLATFORM)).await.is_err()
}

async fn an_order_arrives_as_it_was_published(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    let published = order(send(), 7);
    queue.publish(published.clone()).await.unwrap();
    let delivery = next(&queue).await;
    assert_eq!((delivery.order(), delivery.count()), (&published, 1));
    let json = serde_json::to_string(delivery.order()).unwrap();
    assert_eq!(serde_json::from_str::<WorkOrder>(&json).unwrap(), published);
}

async fn orders_wait_for_a_worker_of_their_effects(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    let both = send().with(Capability::Modify);
    queue.publish(order(both, 1)).await.unwrap();
    queue.publish(order(Capability::Receive.into(), 2)).await.unwrap();
    assert!(timeout(A_MOMENT, queue.pull(send())).await.is_err(), "only a part of the effects");
    let receive = timeout(WAIT_FOR, queue.pull(Capability::Receive.into())).await.unwrap();
    assert_eq!(receive.unwrap().order().mailboxes, 2.into());
    let wider = timeout(WAIT_FOR, queue.pull(both.with(Capability::Access))).await.unwrap();
    assert_eq!(wider.unwrap().order().mailboxes, 1.into());
}

async fn a_worker_that_waits_is_woken_by_an_order(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    let publish = async {
        tokio::task::yield_now().await;
        queue.publish(order(send(), 3)).await
    };
    let (delivery, published) = tokio::join!(next(&queue), publish);
    published.unwrap();
    assert_eq!(delivery.order().mailboxes, 3.into());
}

async fn a_full_queue_blocks_publishers_until_an_order_is_acknowledged(
    make: impl AsyncFn(Settings) -> Queue,
) {
    let queue = make(SMALL).await;
    queue.publish(order(send(), 1)).await.unwrap();
    queue.publish(order(send(), 2)).await.unwrap();
    assert!(timeout(A_MOMENT, queue.publish(order(send(), 3))).await.is_err());
    let in_flight = next(&queue).await;
    let third = queue.publish(order(send(), 3));
    tokio::pin!(third);
    assert!(
        timeout(A_MOMENT, third.as_mut()).await.is_err(),
        "an unacknowledged order keeps its slot"
    );
    in_flight.ack().await.unwrap();
    timeout(WAIT_FOR, third).await.expect("a free place").unwrap();
}

async fn an_acknowledged_order_is_never_redelivered(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    queue.publish(order(send(), 1)).await.unwrap();
    next(&queue).await.ack().await.unwrap();
    assert!(nothing_comes(&queue).await);
    assert_eq!(queue.backlog().await.unwrap(), Backlog::default());
}

async fn a_dropped_delivery_is_redelivered(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    let published = order(send(), 1);
    queue.publish(published.clone()).await.unwrap();
    drop(next(&queue).await);
    let again = next(&queue).await;
    assert_eq!((again.order(), again.count()), (&published, 2));
}

async fn a_requeued_order_is_redelivered_after_its_delay(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    queue.publish(order(send(), 1)).await.unwrap();
    let delay = 4 * A_MOMENT;
    let handed_back = Instant::now();
    next(&queue).await.nak(delay).await.unwrap();
    assert!(nothing_comes(&queue).await);
    queue.publish(order(send(), 2)).await.unwrap();
    let other = next(&queue).await;
    assert_eq!(other.order().mailboxes, 2.into(), "others do not wait for it");
    let again = next(&queue).await;
    assert_eq!((&again.order().mailboxes, again.count()), (&1.into(), 2));
    assert!(handed_back.elapsed() >= delay);
    again.nak(Duration::ZERO).await.unwrap();
    assert_eq!(next(&queue).await.count(), 3);
}

async fn an_order_never_acknowledged_is_dead_lettered_and_frees_its_slot(
    make: impl AsyncFn(Settings) -> Queue,
) {
    let queue = make(Settings { capacity: 1, max_deliveries: 3 }).await;
    queue.publish(order(send(), 1)).await.unwrap();
    next(&queue).await.nak(Duration::ZERO).await.unwrap();
    drop(next(&queue).await);
    let backlog = queue.backlog().await.unwrap();
    assert_eq!(backlog.waiting + backlog.in_flight, 1, "it is not dead-lettered yet");
    next(&queue).await.nak(Duration::ZERO).await.unwrap();
    assert_eq!(queue.backlog().await.unwrap(), Backlog::default());
    timeout(WAIT_FOR, queue.publish(order(send(), 2))).await.expect("a free place").unwrap();
    assert_eq!(next(&queue).await.order().mailboxes, 2.into());
}

async fn every_order_is_done_by_many_workers_that_sometimes_fail(
    make: impl AsyncFn(Settings) -> Queue,
) {
    let queue = make(Settings { capacity: 5, max_deliveries: 100 }).await;
    let (done, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut workers = JoinSet::new();
    for worker in 0..4_u32 {
        let (queue, done) = (Arc::clone(&queue), done.clone());
        workers.spawn(async move {
            while let Ok(delivery) = queue.pull(send()).await {
                let number = delivery.order().mailboxes.min().unwrap();
                match (number + worker + delivery.count()) % 5 {
                    0 => drop(delivery),
                    1 => delivery.nak(Duration::from_millis(3)).await.unwrap(),
                    _ => {
                        delivery.ack().await.unwrap();
                        done.send(number).unwrap();
                    }
                }
            }
        });
    }
    for number in 0..200 {
        timeout(WAIT_FOR, queue.publish(order(send(), number))).await.unwrap().unwrap();
    }
    let mut numbers = Vec::new();
    while numbers.len() < 200 {
        numbers.push(timeout(WAIT_FOR, seen.recv()).await.unwrap().unwrap());
    }
    queue.close();
    workers.join_all().await;
    assert!(seen.try_recv().is_err(), "no order is acknowledged twice");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

async fn closing_wakes_all_waiters_and_lets_orders_in_flight_finish(
    make: impl AsyncFn(Settings) -> Queue,
) {
    let queue = make(Settings { capacity: 1, max_deliveries: 3 }).await;
    queue.publish(order(send(), 1)).await.unwrap();
    let in_flight = next(&queue).await;
    let close = async {
        tokio::task::yield_now().await;
        queue.close();
    };
    let waiting =
        async { tokio::join!(queue.pull(send()), queue.publish(order(send(), 2)), close) };
    let (pulled, published, ()) = timeout(WAIT_FOR, waiting).await.expect("both end");
    assert_eq!(pulled.err(), Some(Error::Closed));
    assert_eq!(published, Err(Error::Closed));
    assert!(!Error::Closed.may_retry());
    assert_eq!(queue.pull(send()).await.err(), Some(Error::Closed));
    in_flight.ack().await.unwrap();
}

async fn a_cancelled_wait_loses_no_order(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(SMALL).await;
    for _ in 0..3 {
        assert!(nothing_comes(&queue).await);
    }
    queue.publish(order(send(), 1)).await.unwrap();
    assert_eq!(next(&queue).await.count(), 1);
}

async fn the_backlog_counts_every_order_once(make: impl AsyncFn(Settings) -> Queue) {
    let queue = make(Settings { capacity: 8, max_deliveries: 3 }).await;
    for number in 0..4 {
        queue.publish(order(send(), number)).await.unwrap();
    }
    let _in_flight = next(&queue).await;
    next(&queue).await.nak(Duration::MAX).await.unwrap();
    let backlog = queue.backlog().await.unwrap();
    assert_eq!(backlog, Backlog { waiting: 2, delayed: 1, in_flight: 1 });
}
