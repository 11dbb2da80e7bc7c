//! Rows 11 and 28 of the contract: what is no append at all.

use eventstore::ExpectedVersion::{Any, NoStream};
use eventstore::{Append, Error, InvalidStreamName, NewEvent, StreamName};

use crate::fixture::{Case, event, name, places, to};

const MEBIBYTE: usize = 1 << 20;

pub(crate) async fn an_append_without_events_is_invalid(case: Case) {
    for append in [Append::default(), to("order-1", NoStream, &[])] {
        let error = case.store.append(append).await.unwrap_err();
        assert!(matches!(error, Error::InvalidAppend(_)), "{error}");
    }
}

pub(crate) async fn what_is_too_large_or_malformed_is_refused_with_a_reason(case: Case) {
    let one = |change: fn(&mut NewEvent)| {
        let mut changed = event(2);
        change(&mut changed);
        Append::to(name("order-1"), Any, vec![event(1), changed])
    };
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let mut twice = to("order-1", Any, &[1]);
    twice.expected.push((name("order-1"), NoStream));
    let mut heavy = to("order-1", Any, &[]);
    for id in 0..9 {
        let event = NewEvent { payload: text(8 * MEBIBYTE), ..event(id) };
        heavy.events.push((name("order-1"), event));
    }
    let ids: Vec<u128> = (0..100_001).collect();
    for (problem, append) in [
        ("8388608 is the limit", one(|event| event.payload = " ".repeat(8 * MEBIBYTE + 1))),
        ("not JSON", one(|event| event.payload = "{\"a\":}".to_owned())),
        ("not JSON", one(|event| event.payload = "\"\0\"".to_owned())),
        ("not JSON", one(|event| event.payload = String::new())),
        ("needs a kind", one(|event| event.kind = String::new())),
        ("needs a kind", one(|event| event.kind = "a\0b".to_owned())),
        ("needs an actor", one(|event| event.actor = "x".repeat(201))),
        ("holds a NUL", one(|event| event.reason = Some("a\0b".to_owned()))),
        ("over 4096 bytes", one(|event| event.reason = Some("x".repeat(4_097)))),
        ("count from 1", one(|event| event.schema_version = 0)),
        ("two expectations", twice),
        ("send it in parts", heavy),
        ("100000 is the limit", to("order-1", Any, &ids)),
    ] {
        let refused = case.store.append(append).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidAppend(_)), "{refused}");
        assert!(refused.to_string().contains(problem), "{refused} / {problem}");
        assert!(!refused.may_retry());
    }
    assert_eq!(case.store.head().await.unwrap(), 0, "nothing was written");
    for bad in ["", "order", "order-", "-1", "or der-1", "order-\0", "ordine-è", &"x-".repeat(101)]
    {
        assert!(matches!(StreamName::new(bad), Err(InvalidStreamName { .. })), "{bad:?}");
    }
}

pub(crate) async fn the_largest_payload_is_taken(mut case: Case) {
    let payload = format!("\"{}\"", "x".repeat(8 * MEBIBYTE - 2));
    let largest = NewEvent { payload, ..event(1) };
    let append = Append::to(name("order-1"), Any, vec![largest.clone()]);
    assert_eq!(places(&case.store.append(append).await.unwrap()), [(1, 0)]);
    case.reopen().await;
    assert!(case.log().await[0].event == largest);
}
