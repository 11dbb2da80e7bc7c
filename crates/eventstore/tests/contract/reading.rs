//! Rows 18, 19, 24, 26 and 27 of the contract: reading.

use std::sync::Arc;

use eventstore::Direction::{Backwards, Forwards};
use eventstore::{Error, Filter, Fold, Follower, RecordedEvent};

use crate::fixture::{Case, name};

fn category(names: &[&str]) -> Filter {
    Filter { categories: names.iter().map(|&name| name.to_owned()).collect() }
}

pub(crate) async fn a_stream_is_read_both_ways_from_any_version(mut case: Case) {
    for id in 0..5 {
        case.given("order-1", &[id]).await;
        case.given("order-2", &[100 + id]).await;
    }
    case.reopen().await;
    for (from, direction, limit, versions) in [
        (0, Forwards, 10, &[0, 1, 2, 3, 4][..]),
        (2, Forwards, 2, &[2, 3]),
        (4, Forwards, 1, &[4]),
        (5, Forwards, 10, &[]),
        (u64::MAX, Forwards, usize::MAX, &[]),
        (0, Forwards, 0, &[]),
        (4, Backwards, 2, &[4, 3]),
        (2, Backwards, 10, &[2, 1, 0]),
        (0, Backwards, 10, &[0]),
        (9, Backwards, 1, &[4]),
        (u64::MAX, Backwards, usize::MAX, &[4, 3, 2, 1, 0]),
    ] {
        let read = case.store.read_stream(&name("order-1"), from, direction, limit).await.unwrap();
        let found: Vec<u64> = read.iter().map(|event| event.version).collect();
        assert_eq!(found, versions, "{from} {direction:?} {limit}");
        assert!(read.iter().all(|event| event.event.id.as_u128() == u128::from(event.version)));
    }
}

pub(crate) async fn an_event_is_found_by_its_id(mut case: Case) {
    for id in 0..5 {
        case.given("order-1", &[id]).await;
        case.given("item-2", &[100 + id]).await;
    }
    case.reopen().await;
    for event in case.log().await {
        assert_eq!(case.store.find(event.event.id).await.unwrap(), Some(event));
    }
    assert_eq!(case.store.find(uuid::Uuid::from_u128(50)).await.unwrap(), None);
}

pub(crate) async fn a_stream_never_written_to_is_not_found(case: Case) {
    case.given("order-1", &[1]).await;
    for direction in [Forwards, Backwards] {
        let read = case.store.read_stream(&name("order-2"), 0, direction, 1).await;
        assert!(matches!(read, Err(Error::StreamNotFound(stream)) if stream == "order-2"));
    }
}

pub(crate) async fn the_log_is_read_after_a_position(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    case.given("item-1", &[4, 5]).await;
    for (after, limit, positions, read_to) in [
        (0, 2, &[1, 2][..], 2),
        (2, 2, &[3, 4], 4),
        (4, 2, &[5], 5),
        (5, 2, &[], 5),
        (3, 0, &[], 3),
        (0, 5, &[1, 2, 3, 4, 5], 5),
    ] {
        let page = case.store.read_all(after, &Filter::default(), limit).await.unwrap();
        let found: Vec<u64> = page.events.iter().map(|event| event.position).collect();
        assert_eq!((&found[..], page.read_to, page.head), (positions, read_to, 5));
    }
}

pub(crate) async fn categories_paged_by_one_lose_and_double_nothing(case: Case) {
    for (id, stream) in (0..30).zip(["order-1", "item-1", "order-2", "bill-1"].iter().cycle()) {
        case.given(stream, &[id]).await;
    }
    let log = case.log().await;
    for wanted in [&["order"][..], &["item", "bill"], &["order", "none", "item", "order"]] {
        let filter = category(wanted);
        let (mut after, mut found) = (0, Vec::new());
        loop {
            let page = case.store.read_all(after, &filter, 1).await.unwrap();
            assert!(page.read_to > after || page.read_to == page.head, "it moves on");
            after = page.read_to;
            found.extend(page.events);
            if after == page.head {
                break;
            }
        }
        let expected: Vec<RecordedEvent> =
            log.iter().filter(|event| filter.takes(&event.stream)).cloned().collect();
        assert_eq!(found, expected, "{wanted:?}");
    }
}

pub(crate) async fn a_filtered_page_without_match_moves_to_the_head(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    for filter in [category(&["item"]), category(&["order-1"]), category(&["ORDER"])] {
        let page = case.store.read_all(1, &filter, 10).await.unwrap();
        assert_eq!((page.events.len(), page.read_to, page.head), (0, 3, 3));
    }
}

pub(crate) async fn a_log_shorter_than_a_checkpoint_is_reported(case: Case) {
    case.given("order-1", &[1, 2]).await;
    for after in [3, u64::MAX] {
        for filter in [Filter::default(), category(&["item"])] {
            match case.store.read_all(after, &filter, 10).await {
                Err(Error::LogShorter { checkpoint, head }) => {
                    assert_eq!((checkpoint, head), (after, 2));
                }
                other => panic!("skipped in silence: {other:?}"),
            }
        }
    }
}

/// Adds up, and knows one kind only.
struct Count(u64);

impl Fold for Count {
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Error> {
        if event.event.payload.contains('3') {
            return Err(Error::Undecodable {
                position: event.position,
                kind: event.event.kind.clone(),
                schema_version: event.event.schema_version,
                problem: "this program does not know it".to_owned(),
            });
        }
        self.0 += 1;
        Ok(())
    }
}

pub(crate) async fn a_follower_stays_before_an_event_it_cannot_read(case: Case) {
    case.given("order-1", &[1, 2, 3, 4]).await;
    let mut follower = Follower::new(Arc::clone(&case.store), Count(0), 0);
    for _again in 0..2 {
        let error = follower.catch_up().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "event 3 (noted version 1) cannot be decoded: this program does not know it"
        );
        assert_eq!((follower.position(), follower.state().0), (2, 2));
    }
}
