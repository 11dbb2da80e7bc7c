//! Rows 1 to 6 and 17 of the contract: expectations, positions, times.

use chrono::TimeDelta;
use eventstore::ExpectedVersion::{Any, Exact, NoStream, StreamExists};
use eventstore::{Append, NewEvent};
use uuid::Uuid;

use crate::fixture::{Case, conflicts, event, name, places};

pub(crate) async fn the_first_event_of_a_stream_has_version_0(case: Case) {
    let appended = case.append("order-1", NoStream, &[1]).await.unwrap();
    assert_eq!(places(&appended), [(1, 0)]);
    assert_eq!(case.told().await, [("order-1".to_owned(), 0, 1)]);
}

pub(crate) async fn no_stream_on_a_stream_is_a_conflict_that_names_both_versions(case: Case) {
    case.given("order-1", &[1]).await;
    let refused = case.append("order-1", NoStream, &[2]).await;
    let text = refused.as_ref().unwrap_err().to_string();
    assert_eq!(text, "wrong expected version on stream order-1: expected no stream, found 0");
    assert_eq!(conflicts(refused), [("order-1".to_owned(), Some(0))]);
    assert_eq!(case.told().await.len(), 1);
}

pub(crate) async fn an_exact_version_holds_for_that_version_alone(case: Case) {
    case.given("order-1", &[1, 2, 3, 4, 5, 6]).await;
    for wrong in [4, 6, u64::MAX] {
        let refused = case.append("order-1", Exact(wrong), &[7]).await;
        assert_eq!(conflicts(refused), [("order-1".to_owned(), Some(5))]);
    }
    let appended = case.append("order-1", Exact(5), &[7]).await.unwrap();
    assert_eq!(places(&appended), [(7, 6)]);
}

pub(crate) async fn stream_exists_needs_an_event(case: Case) {
    assert_eq!(
        conflicts(case.append("order-1", StreamExists, &[1]).await),
        [("order-1".to_owned(), None)]
    );
    case.given("order-1", &[1]).await;
    assert_eq!(places(&case.append("order-1", StreamExists, &[2]).await.unwrap()), [(2, 1)]);
}

pub(crate) async fn any_holds_for_every_stream(case: Case) {
    assert_eq!(places(&case.append("order-1", Any, &[1]).await.unwrap()), [(1, 0)]);
    assert_eq!(places(&case.append("order-1", Any, &[2]).await.unwrap()), [(2, 1)]);
}

pub(crate) async fn an_exact_version_of_a_missing_stream_is_a_conflict(case: Case) {
    let refused = case.append("order-1", Exact(0), &[1]).await;
    assert_eq!(conflicts(refused), [("order-1".to_owned(), None)]);
}

pub(crate) async fn a_refused_append_uses_up_no_position(mut case: Case) {
    case.given("order-1", &[1]).await;
    conflicts(case.append("order-1", NoStream, &[2]).await);
    conflicts(case.append("order-2", StreamExists, &[2]).await);
    case.reopen().await;
    assert_eq!(places(&case.given("order-2", &[3]).await), [(2, 0)]);
    assert_eq!(case.store.head().await.unwrap(), 2);
}

pub(crate) async fn recorded_at_never_goes_back_even_if_the_clock_does(mut case: Case) {
    case.given("order-1", &[1]).await;
    case.clock.advance(TimeDelta::days(10));
    case.given("order-1", &[2]).await;
    case.clock.advance(-TimeDelta::days(20 * 365));
    case.reopen().await;
    case.given("order-1", &[3]).await;
    let log = case.log().await;
    let times: Vec<i64> = log.iter().map(|event| event.recorded_at.timestamp()).collect();
    let (first, later) = (1_418_857_200, 1_418_857_200 + 10 * 86_400);
    assert_eq!(times, [first, later, later]);
}

pub(crate) async fn everything_handed_in_comes_back_as_it_was(mut case: Case) {
    let full = NewEvent {
        kind: "hold-placed".to_owned(),
        schema_version: u16::MAX,
        effective_at: "1969-07-20T20:17:40.123456Z".parse().unwrap(),
        actor: "operator:zoë".to_owned(),
        reason: Some("ordinanza n. 5 — «urgente»\nseconda riga".to_owned()),
        correlation_id: Uuid::max(),
        causation_id: Some(Uuid::nil()),
        payload: "{\"text\": \"è \\u0000 😀\"}".to_owned(),
        ..event(u128::MAX)
    };
    let mut sharper = event(2);
    sharper.effective_at += TimeDelta::nanoseconds(1_999);
    let events = vec![full.clone(), sharper];
    case.store.append(Append::to(name("hold-a-b~c"), NoStream, events)).await.unwrap();
    case.reopen().await;
    let log = case.log().await;
    assert_eq!(log[0].event, full);
    assert_eq!(log[0].stream.category(), "hold");
    let kept = log[1].event.effective_at - event(2).effective_at;
    assert_eq!(kept, TimeDelta::microseconds(1), "times are kept to the microsecond");
}
