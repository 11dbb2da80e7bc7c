use std::time::Instant;

use bus::{Backlog, Error, EventMirror, JetStreamMirror, Tail};
use domain::Capabilities;

use crate::given::{WAIT_FOR, connected, next, order, publish, queue};
use crate::server::Server;

#[tokio::test]
async fn orders_outlive_a_server_that_is_killed_and_comes_back() {
    let mut server = Server::start(&[]).await;
    let queue = queue(&connected(&server).await).await;
    for number in 1..=3 {
        publish(&queue, &order(number)).await;
    }
    server.kill();
    server.restart().await;
    let mut seen: Vec<u32> = Vec::new();
    for _ in 1..=3 {
        let delivery = next(&queue).await;
        seen.extend(delivery.order().mailboxes.iter());
        delivery.ack().await.unwrap();
    }
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn calls_fail_within_a_bound_while_the_server_is_down() {
    let mut server = Server::start(&[]).await;
    let connection = connected(&server).await;
    let queue = queue(&connection).await;
    publish(&queue, &order(1)).await;
    let in_hand = next(&queue).await;
    server.kill();
    let begun = Instant::now();
    let results = [
        queue.publish(order(2)).await.err(),
        queue.pull(Capabilities::OF_PLATFORM).await.err(),
        queue.backlog().await.err(),
        in_hand.ack().await.err(),
    ];
    for error in results.map(Option::unwrap) {
        assert!(matches!(error, Error::Unavailable { .. }) && error.may_retry(), "{error}");
    }
    assert!(begun.elapsed() < WAIT_FOR);
    assert!(!connection.is_connected());
    server.restart().await;
    publish(&queue, &order(2)).await;
    assert!(connection.is_connected());
}

#[tokio::test]
async fn a_server_that_comes_back_without_its_data_gets_streams_and_consumers_again() {
    let mut server = Server::start(&[]).await;
    let connection = connected(&server).await;
    let (queue, mirror) = (queue(&connection).await, JetStreamMirror::open(&connection).await);
    for number in 1..=3 {
        publish(&queue, &order(number)).await;
    }
    let in_hand = next(&queue).await;
    server.kill();
    std::fs::remove_dir_all(server.data()).unwrap();
    server.restart().await;

    // The content of the queue is lost; the sweep would dispatch it again. New orders are accepted.
    let pulled = tokio::spawn({
        let queue = std::sync::Arc::clone(&queue);
        async move { next(&queue).await.order().mailboxes.clone() }
    });
    publish(&queue, &order(4)).await;
    assert_eq!(pulled.await.unwrap(), 4.into());
    assert!(in_hand.ack().await.is_err_and(|error| error.may_retry()), "nobody knows the order");
    next(&queue).await.ack().await.unwrap();
    assert_eq!(queue.backlog().await.unwrap(), Backlog::default());
    assert_eq!(mirror.unwrap().last().await.unwrap(), Tail::default());
}
