//! Rows 11 to 14 of the contract: one append to many streams.

use eventstore::ExpectedVersion::{Any, Exact, NoStream, StreamExists};
use eventstore::{Append, ExpectedVersion};

use crate::fixture::{Case, conflicts, event, name, places};

fn append(streams: &[(&str, ExpectedVersion, u128)]) -> Append {
    Append {
        expected: streams.iter().map(|(stream, expected, _)| (name(stream), *expected)).collect(),
        events: streams.iter().map(|(stream, _, id)| (name(stream), event(*id))).collect(),
    }
}

const MIXED: [(&str, ExpectedVersion, u128); 4] = [
    ("order-1", NoStream, 11),
    ("order-2", NoStream, 12),
    ("order-3", Exact(4), 13),
    ("order-4", Any, 14),
];

pub(crate) async fn every_conflict_is_reported_and_nothing_written(case: Case) {
    case.given("order-1", &[1, 2]).await;
    let refused = case.store.append(append(&MIXED)).await;
    assert_eq!(conflicts(refused), [("order-1".to_owned(), Some(1)), ("order-3".to_owned(), None)]);
    assert_eq!(case.told().await.len(), 2);
}

pub(crate) async fn events_of_several_streams_keep_the_order_sent(mut case: Case) {
    case.given("order-2", &[1]).await;
    let sent = [("order-1", 10), ("order-2", 11), ("order-1", 12), ("item-1", 13), ("order-2", 14)];
    let events = sent.iter().map(|(stream, id)| (name(stream), event(*id))).collect();
    let expected = vec![(name("order-2"), Exact(0)), (name("item-1"), NoStream)];
    let appended = case.store.append(Append { expected, events }).await;
    assert_eq!(places(&appended.unwrap()), [(2, 0), (3, 1), (4, 1), (5, 0), (6, 2)]);
    case.reopen().await;
    let told = case.told().await;
    let order = told.iter().skip(1).map(|(stream, _, id)| (stream.as_str(), *id));
    assert!(order.eq(sent));
}

pub(crate) async fn an_expectation_without_events_is_enforced(case: Case) {
    case.given("guard-1", &[1]).await;
    let guarded = |expected, id| Append {
        expected: vec![(name("guard-1"), expected)],
        events: vec![(name("order-1"), event(id))],
    };
    let refused = case.store.append(guarded(Exact(3), 2)).await;
    assert_eq!(conflicts(refused), [("guard-1".to_owned(), Some(0))]);
    case.store.append(guarded(Exact(0), 2)).await.unwrap();
    case.store.append(guarded(StreamExists, 3)).await.unwrap();
    assert_eq!(case.told().await.len(), 3);
}

pub(crate) async fn ten_thousand_streams_fit_in_one_append(case: Case) {
    for round in 0..2_u32 {
        let streams = (0..10_000_u32).map(|number| name(&format!("mailbox-{number}")));
        let expected = match round.checked_sub(1) {
            None => NoStream,
            Some(before) => Exact(before.into()),
        };
        let append = Append {
            expected: streams.clone().map(|stream| (stream, expected)).collect(),
            events: streams
                .zip(u128::from(round) * 10_000..)
                .map(|(stream, id)| (stream, event(id)))
                .collect(),
        };
        let appended = case.store.append(append).await.unwrap();
        assert!(places(&appended).iter().all(|(_, version)| *version == u64::from(round)));
    }
    assert_eq!(case.told().await.len(), 20_000);
}
