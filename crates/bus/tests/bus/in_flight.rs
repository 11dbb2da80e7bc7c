use std::time::Duration;

use async_nats::HeaderMap;
use bus::{Backlog, InHandTimes, WorkOrder};
use domain::Capabilities;
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use crate::given::{
    SETTINGS, WAIT_FOR, connected, dead_letters, header, next, order, publish, queue, queue_with,
};
use crate::server::Server;

const ACK_WAIT: Duration = Duration::from_millis(600);

#[tokio::test]
async fn a_long_order_is_not_redelivered_while_its_worker_lives() {
    let server = Server::start(&[]).await;
    let times = InHandTimes { ack_wait: ACK_WAIT, ..InHandTimes::default() };
    let queue = queue_with(&connected(&server).await, times).await;
    publish(&queue, &order(1)).await;
    let in_hand = next(&queue).await;
    let again = timeout(4 * ACK_WAIT, queue.pull(Capabilities::OF_PLATFORM)).await;
    assert!(again.is_err(), "the worker is still at it");
    in_hand.ack().await.unwrap();
    assert_eq!(queue.backlog().await.unwrap(), Backlog::default());
}

#[tokio::test]
async fn an_order_without_progress_is_redelivered() {
    let server = Server::start(&[]).await;
    let times = InHandTimes { ack_wait: ACK_WAIT, longest: Duration::ZERO };
    let queue = queue_with(&connected(&server).await, times).await;
    publish(&queue, &order(1)).await;
    let taken = Instant::now();
    let hung = next(&queue).await;
    let again = next(&queue).await;
    assert!(taken.elapsed() >= ACK_WAIT);
    assert_eq!((again.count(), again.order()), (2, hung.order()));
    again.ack().await.unwrap();
    drop(hung);
    assert!(timeout(ACK_WAIT, queue.pull(Capabilities::OF_PLATFORM)).await.is_err());
}

#[tokio::test]
async fn an_order_published_twice_is_taken_once() {
    let server = Server::start(&[]).await;
    let queue = queue(&connected(&server).await).await;
    let order = order(1);
    publish(&queue, &order).await;
    publish(&queue, &order).await;
    assert_eq!(queue.backlog().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn an_invalid_order_is_dead_lettered_and_blocks_nothing() {
    let server = Server::start(&[]).await;
    let queue = queue(&connected(&server).await).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut dead = client.subscribe("tramonto.cec-pac.dead.work").await.unwrap();
    client.flush().await.unwrap();
    let context = async_nats::jetstream::new(client);
    let poison = context.publish("tramonto.cec-pac.work.send", "poison".into()).await;
    poison.unwrap().await.unwrap();
    publish(&queue, &order(2)).await;
    assert_eq!(next(&queue).await.order().mailboxes, 2.into());
    let letter = timeout(WAIT_FOR, dead.next()).await.expect("a dead letter").unwrap();
    assert_eq!(letter.payload, "poison");
    let reason = |headers: &HeaderMap| headers.get("Tramonto-Reason").unwrap().to_string();
    let reason = letter.headers.as_ref().map(reason).unwrap();
    assert!(reason.starts_with("it is not a work order: "), "{reason}");
}

#[tokio::test]
async fn an_order_never_acknowledged_is_dead_lettered_with_its_deliveries() {
    let server = Server::start(&[]).await;
    let queue = queue(&connected(&server).await).await;
    let hopeless = order(1);
    publish(&queue, &hopeless).await;
    for _ in 0..SETTINGS.max_deliveries {
        assert!(dead_letters(&server.url(), "cec-pac").await.is_empty());
        next(&queue).await.nak(Duration::ZERO).await.unwrap();
    }
    let [letter] = &dead_letters(&server.url(), "cec-pac").await[..] else { panic!("not one") };
    assert_eq!(serde_json::from_slice::<WorkOrder>(&letter.payload).unwrap(), hopeless);
    assert_eq!(header(letter, "Tramonto-Deliveries"), Some("3"));
    let reason = header(letter, "Tramonto-Reason").unwrap();
    assert!(reason.starts_with("dispatched 3 times and never completed"), "{reason}");
}
