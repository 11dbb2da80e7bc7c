//! The contract of mirrors of the log, for every adapter.

use std::sync::Arc;

use bus::{
    CloudEvent, Connection, Error, EventMirror, InProcessMirror, JetStreamMirror, Mark, Mirrored,
    NatsOptions, Tail,
};
use uuid::Uuid;

type Mirror = Arc<dyn EventMirror>;

macro_rules! contract {
    ($adapter:ident, $make:expr) => {
        contract!($adapter, $make,
            an_empty_mirror_ends_nowhere,
            a_page_is_published_in_order_and_its_last_message_is_the_end,
            a_part_of_an_event_says_which,
            a_publisher_with_a_wrong_end_publishes_nothing,
            an_overtaken_publisher_does_not_append_the_middle_of_a_page,
            the_same_page_twice_is_stored_once,
            an_event_without_its_position_is_refused,
            of_two_concurrent_publishers_one_is_overtaken,
        );
    };
    ($adapter:ident, $make:expr, $($claim:ident),+ $(,)?) => {
        mod $adapter {
            use super::*;
            $(
                #[tokio::test]
                async fn $claim() {
                    super::$claim($make.await).await;
                }
            )+
        }
    };
}

contract!(in_process, async {
    let mirror: Mirror = Arc::new(InProcessMirror::default());
    mirror
});

contract!(jetstream, async {
    let url =
        std::env::var("TRAMONTO_TEST_NATS").expect("no nats-server to test with: run tests/run");
    let programme = format!("t{}", Uuid::now_v7().simple()).parse().unwrap();
    let connection = Connection::open(&NatsOptions::new(&url, programme)).await.unwrap();
    let mirror: Mirror = Arc::new(JetStreamMirror::open(&connection).await.unwrap());
    mirror
});

fn message(position: u64) -> Mirrored {
    let event = CloudEvent {
        id: Uuid::now_v7().to_string(),
        source: "/tramonto/cec-pac".into(),
        kind: "eu.tramonto.sending-disabled".into(),
        data: r#"{"città":1}"#.into(),
        ..CloudEvent::default()
    };
    let event = event.with("position", position);
    Mirrored { category: "outcome".into(), kind: "sending-disabled".into(), event }
}

fn mark(message: &Mirrored) -> Mark {
    let position = message.event.extensions["position"].parse().unwrap();
    Mark { position, part: 0, id: message.event.id.clone() }
}

async fn an_empty_mirror_ends_nowhere(mirror: Mirror) {
    assert_eq!(mirror.last().await.unwrap(), Tail::default());
    assert_eq!(mirror.publish(&Tail::default(), &[]).await.unwrap(), Tail::default());
}

async fn a_page_is_published_in_order_and_its_last_message_is_the_end(mirror: Mirror) {
    let page: Vec<_> = (1..=300).map(message).collect();
    let end = mirror.publish(&Tail::default(), &page).await.unwrap();
    assert_eq!(end, Tail { sequence: 300, last: page.last().map(mark) });
    assert_eq!(mirror.last().await.unwrap(), end);
    let next = [message(301)];
    let end = mirror.publish(&end, &next).await.unwrap();
    assert_eq!(end, Tail { sequence: 301, last: Some(mark(&next[0])) });
    assert_eq!(mirror.last().await.unwrap(), end);
}

async fn a_part_of_an_event_says_which(mirror: Mirror) {
    let mut part = message(1);
    part.event = part.event.with("part", 7);
    mirror.publish(&Tail::default(), &[part]).await.unwrap();
    assert_eq!(mirror.last().await.unwrap().last.unwrap().part, 7);
}

async fn a_publisher_with_a_wrong_end_publishes_nothing(mirror: Mirror) {
    let stale = Tail::default();
    let end = mirror.publish(&stale, &[message(1), message(2)]).await.unwrap();
    let refused = mirror.publish(&stale, &[message(1), message(2), message(3)]).await.unwrap_err();
    assert!(matches!(refused, Error::Overtaken { .. }) && refused.may_retry(), "{refused}");
    assert_eq!(mirror.last().await.unwrap(), end);
}

async fn an_overtaken_publisher_does_not_append_the_middle_of_a_page(mirror: Mirror) {
    let stale = mirror.publish(&Tail::default(), &[message(1)]).await.unwrap();
    let end = mirror.publish(&stale, &[message(2), message(3)]).await.unwrap();
    let page: Vec<_> = (2..=9).map(message).collect();
    let refused = mirror.publish(&stale, &page).await;
    assert!(matches!(refused, Err(Error::Overtaken { .. })), "{refused:?}");
    assert_eq!(mirror.last().await.unwrap(), end);
}

async fn the_same_page_twice_is_stored_once(mirror: Mirror) {
    let page = [message(1), message(2)];
    let end = mirror.publish(&Tail::default(), &page).await.unwrap();
    let again = mirror.publish(&Tail::default(), &page).await;
    assert!(matches!(again, Err(Error::Overtaken { .. })), "{again:?}");
    assert_eq!(mirror.last().await.unwrap(), end);
}

async fn an_event_without_its_position_is_refused(mirror: Mirror) {
    let mut nameless = message(1);
    nameless.event.extensions.clear();
    let refused = mirror.publish(&Tail::default(), &[nameless]).await.unwrap_err();
    assert!(matches!(refused, Error::Unfit { .. }) && !refused.may_retry(), "{refused}");
    assert_eq!(mirror.last().await.unwrap(), Tail::default());
}

async fn of_two_concurrent_publishers_one_is_overtaken(mirror: Mirror) {
    let pages: [Vec<_>; 2] = [(1..=50).map(message).collect(), (1..=50).map(message).collect()];
    let start = Tail::default();
    let (one, other) =
        tokio::join!(mirror.publish(&start, &pages[0]), mirror.publish(&start, &pages[1]));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(mirror.last().await.unwrap().sequence, 50);
}
