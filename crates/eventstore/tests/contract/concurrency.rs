//! Rows 15 and 16 of the contract: many writers at once.

use std::sync::Arc;

use eventstore::ExpectedVersion::{Any, Exact, NoStream};
use eventstore::{Append, Appended, Error};
use futures::future::join_all;

use crate::fixture::{Case, event, name, places, to};

/// Sends appends at once, each from a task of its own.
async fn at_once(case: &Case, appends: Vec<Append>) -> Vec<Result<Appended, Error>> {
    let tasks = appends.into_iter().map(|append| {
        let store = Arc::clone(&case.store);
        tokio::spawn(async move { store.append(append).await })
    });
    let tasks: Vec<_> = tasks.collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

pub(crate) async fn of_fifty_appends_with_one_expected_version_one_wins(case: Case) {
    for (expected, first) in [(NoStream, 100), (Exact(0), 200)] {
        let appends = (first..first + 50).map(|id| to("order-1", expected, &[id])).collect();
        let outcomes = at_once(&case, appends).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = outcomes.iter().filter(|it| matches!(it, Err(Error::Conflict(_)))).count();
        assert_eq!((won, lost), (1, 49));
    }
    assert_eq!(case.told().await.len(), 2);
}

pub(crate) async fn fifty_appends_of_any_get_versions_0_to_49(case: Case) {
    let outcomes = at_once(&case, (0..50).map(|id| to("order-1", Any, &[id])).collect()).await;
    let mut found: Vec<(u64, u64)> =
        outcomes.into_iter().flat_map(|outcome| places(&outcome.unwrap())).collect();
    found.sort_unstable();
    assert!(found.into_iter().eq((0..50).map(|version| (version + 1, version))));
    case.told().await;
}

pub(crate) async fn fifty_copies_of_one_append_are_written_once(case: Case) {
    for (expected, ids) in [(NoStream, [1, 2]), (Any, [3, 4])] {
        let appends = vec![to("order-1", expected, &ids); 50];
        let outcomes: Vec<Appended> =
            at_once(&case, appends).await.into_iter().map(Result::unwrap).collect();
        assert!(outcomes.iter().all(|outcome| outcome == &outcomes[0]));
    }
    assert_eq!(case.told().await.len(), 4);
}

pub(crate) async fn a_failed_append_does_not_spoil_those_beside_it(case: Case) {
    case.given("order-1", &[1]).await;
    let appends = (0..60).map(|number: u32| {
        let stream = format!("item-{number}");
        match number % 4 {
            // An id that is taken; an expectation that is wrong; one old and one new event.
            0 => Append::to(name(&stream), Any, vec![event(1)]),
            1 => to("order-1", NoStream, &[1_000 + u128::from(number)]),
            2 => to("order-1", Any, &[1, 1_000 + u128::from(number)]),
            _ => to(&stream, NoStream, &[1_000 + u128::from(number)]),
        }
    });
    let outcomes = at_once(&case, appends.collect()).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number % 4 {
            0 | 2 => assert!(matches!(outcome, Err(Error::DuplicateId { .. })), "{outcome:?}"),
            1 => assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}"),
            _ => assert!(outcome.is_ok(), "{outcome:?}"),
        }
    }
    assert_eq!(case.told().await.len(), 16);
}

pub(crate) async fn an_append_is_carried_out_although_its_caller_is_gone(mut case: Case) {
    // Polled once, an append is queued; then its future is dropped.
    let mut appended = case.store.appended();
    let mut append = case.store.append(to("order-1", NoStream, &[1, 2, 3]));
    drop(futures::poll!(&mut append));
    drop(append);
    appended.wait_for(|head| *head == 3).await.unwrap();
    drop(appended);
    case.reopen().await;
    assert_eq!(case.told().await.len(), 3);
}
