//! Rows 7 to 10 of the contract: the same events sent again.

use eventstore::Append;
use eventstore::ExpectedVersion::{Any, Exact, NoStream};

use crate::fixture::{Case, duplicate, event, name, places, to};

pub(crate) async fn a_whole_append_sent_again_is_answered_as_the_first_time(mut case: Case) {
    case.given("order-9", &[90]).await;
    let first = case.append("order-1", NoStream, &[1, 2, 3]).await.unwrap();
    case.given("order-1", &[4]).await;
    for again in 0..2 {
        for expected in [NoStream, Any] {
            let repeated = case.append("order-1", expected, &[1, 2, 3]).await.unwrap();
            assert_eq!(repeated, first, "{expected:?}, time {again}");
        }
        case.reopen().await;
    }
    let second = case.append("order-1", Exact(3), &[5, 6]).await.unwrap();
    case.given("order-1", &[7]).await;
    assert_eq!(case.append("order-1", Exact(3), &[5, 6]).await.unwrap(), second);
    assert_eq!(case.told().await.len(), 8);
    assert_eq!(places(&case.given("order-1", &[8]).await), [(9, 7)], "it goes on behind");
}

pub(crate) async fn a_start_or_end_of_an_append_sent_again_is_answered_as_the_first_time(
    case: Case,
) {
    case.append("order-1", NoStream, &[1, 2, 3]).await.unwrap();
    for expected in [NoStream, Any] {
        let start = case.append("order-1", expected, &[1, 2]).await.unwrap();
        assert_eq!(places(&start), [(1, 0), (2, 1)]);
        let end = case.append("order-1", expected, &[2, 3]).await.unwrap();
        assert_eq!(places(&end), [(2, 1), (3, 2)]);
    }
    assert_eq!(case.told().await.len(), 3);
}

pub(crate) async fn an_append_partly_old_and_partly_new_is_refused(case: Case) {
    case.given("order-1", &[1, 2]).await;
    let log = case.log().await;
    for expected in [Any, Exact(1), NoStream] {
        assert_eq!(duplicate(case.append("order-1", expected, &[2, 3]).await), 2);
        assert_eq!(duplicate(case.append("order-1", expected, &[3, 1]).await), 1);
    }
    let mut across = to("order-1", Any, &[1]);
    across.events.push((name("order-2"), event(9)));
    assert_eq!(duplicate(case.store.append(across).await), 1);
    assert_eq!(case.log().await, log);
}

pub(crate) async fn an_old_id_with_another_payload_kind_or_stream_is_refused(case: Case) {
    case.given("order-1", &[1]).await;
    let log = case.log().await;
    let mut payload = event(1);
    payload.payload = "{\"number\":2}".to_owned();
    let mut kind = event(1);
    kind.kind = "noted-otherwise".to_owned();
    let mut schema = event(1);
    schema.schema_version = 2;
    for (stream, other) in
        [("order-1", payload), ("order-1", kind), ("order-1", schema), ("order-2", event(1))]
    {
        for expected in [Any, NoStream, Exact(0)] {
            let append = Append::to(name(stream), expected, vec![other.clone()]);
            assert_eq!(duplicate(case.store.append(append).await), 1, "{stream} {expected:?}");
        }
    }
    assert_eq!(case.log().await, log);
}

pub(crate) async fn an_id_twice_in_one_append_is_refused(case: Case) {
    assert_eq!(duplicate(case.append("order-1", Any, &[1, 2, 1]).await), 1);
    let mut across = to("order-1", Any, &[1]);
    across.events.push((name("order-2"), event(1)));
    assert_eq!(duplicate(case.store.append(across).await), 1);
    assert_eq!(case.store.head().await.unwrap(), 0);
}
