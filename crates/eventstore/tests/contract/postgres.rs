//! What the server promises beyond the port: refused changes, other processes, sessions that end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventstore::ExpectedVersion::{Any, NoStream};
use eventstore::{DatabaseStore, EventStore};
use futures::future::join_all;
use sqlx::PgConnection;

use crate::database::execute;
use crate::fixture::{Adapter, Case, TestClock, log, places, to};

async fn second(case: &Case) -> DatabaseStore {
    case.database().store(TestClock::new()).await
}

/// Waits until a session of the store waits for a lock; the questions themselves pass the time.
async fn until_one_waits(watching: &mut PgConnection, kind: &str) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(8);
    loop {
        let waiting = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND wait_event = $1",
        );
        if let Some(pid) = waiting.bind(kind).fetch_optional(&mut *watching).await.unwrap() {
            return pid;
        }
        assert!(Instant::now() < deadline, "no session waits for a {kind}");
    }
}

#[tokio::test]
async fn changes_of_events_are_refused_by_the_database() {
    let case = Case::new(Adapter::Postgres).await;
    case.given("order-1", &[1, 2]).await;
    let log = case.log().await;
    let mut stranger = case.database().stranger().await;
    for (sql, text) in [
        ("UPDATE tramonto.event SET payload = '{}'", "events are never changed"),
        ("UPDATE tramonto.event SET actor = 'x' WHERE position = 99", "events are never changed"),
        (
            "INSERT INTO tramonto.event SELECT * FROM tramonto.event \
             ON CONFLICT (position) DO UPDATE SET payload = '{}'",
            "events are never changed",
        ),
        ("DELETE FROM tramonto.event", "events are never deleted"),
        ("TRUNCATE tramonto.event", "events are never deleted"),
        (
            "SET session_replication_role = replica; DELETE FROM tramonto.event",
            "events are never deleted",
        ),
    ] {
        let refused = execute(&mut stranger, sql).await.unwrap_err();
        assert!(refused.contains(text), "{sql}: {refused}");
    }
    assert_eq!(case.log().await, log);
}

#[tokio::test]
async fn an_append_of_another_process_wakes_at_once() {
    let case = Case::new(Adapter::Postgres).await;
    let other = second(&case).await;
    let mut took = Vec::new();
    for id in 1..=5_u64 {
        let mut appended = case.store.appended();
        other.append(to("order-1", Any, &[id.into()])).await.unwrap();
        let since = Instant::now();
        appended.wait_for(|head| *head == id).await.unwrap();
        took.push(since.elapsed());
    }
    took.sort();
    assert!(took[2] < Duration::from_millis(500), "told, not found by looking: {took:?}");
    other.close().await;
}

#[tokio::test]
async fn an_append_that_was_not_told_is_found_by_looking() {
    let case = Case::new(Adapter::Postgres).await;
    let mut appended = case.store.appended();
    let mut stranger = case.database().stranger().await;
    let behind_the_back = "
        BEGIN; UPDATE tramonto.log_head SET position = 1, last_stream = 1;
        INSERT INTO tramonto.category (name) VALUES ('order');
        INSERT INTO tramonto.kind (name) VALUES ('noted');
        INSERT INTO tramonto.stream VALUES (1, 'order-1', 1, 0);
        INSERT INTO tramonto.event VALUES (1, gen_random_uuid(), 1, 1, 0, 1, 1, now(), now(), 'x',
            NULL, gen_random_uuid(), NULL, '{}'); COMMIT";
    execute(&mut stranger, behind_the_back).await.unwrap();
    let found = tokio::time::timeout(Duration::from_secs(10), appended.wait_for(|head| *head == 1));
    assert!(found.await.is_ok(), "never looked");
    assert_eq!(case.log().await.len(), 1);
}

#[tokio::test]
async fn two_processes_append_to_one_log_without_mixing_up_streams_kinds_or_versions() {
    let case = Case::new(Adapter::Postgres).await;
    let other = second(&case).await;
    for id in 0..40_u128 {
        let store: &dyn EventStore = if id % 2 == 0 { &*case.store } else { &other };
        let mut append = to(&format!("c{}-{}", id % 5, id % 3), Any, &[id]);
        append.events[0].1.kind = format!("kind-{}", id % 7);
        store.append(append).await.unwrap();
    }
    for event in case.log().await {
        let id = event.event.id.as_u128();
        assert_eq!(event.stream.as_str(), format!("c{}-{}", id % 5, id % 3));
        assert_eq!(event.event.kind, format!("kind-{}", id % 7));
        assert_eq!(event.version, u64::try_from(id / 15).unwrap());
    }
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_processes_that_take_over_one_subscription_one_gets_it() {
    let case = Case::new(Adapter::Postgres).await;
    let stores = join_all((0..4).map(|_| second(&case))).await;
    let claims = (0..16).map(|number| {
        let store = stores[number % 4].clone();
        tokio::spawn(async move {
            store.claim("mailboxes", &format!("owner-{number}"), Duration::from_mins(1)).await
        })
    });
    let claims: Vec<_> = claims.collect();
    let granted = join_all(claims).await.into_iter().filter_map(|claim| claim.unwrap().unwrap());
    assert_eq!(granted.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_while_it_waits_for_its_turn_is_opened_anew() {
    let case = Case::new(Adapter::Postgres).await;
    case.given("order-1", &[1]).await;
    let mut other = case.database().stranger().await;
    let mut watching = case.database().stranger().await;
    execute(&mut other, "BEGIN; SELECT * FROM tramonto.log_head FOR UPDATE").await.unwrap();
    let store = Arc::clone(&case.store);
    let append = tokio::spawn(async move { store.append(to("order-1", Any, &[2])).await });
    let pid = until_one_waits(&mut watching, "transactionid").await;
    execute(&mut watching, format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    execute(&mut other, "ROLLBACK").await.unwrap();
    assert_eq!(places(&append.await.unwrap().unwrap()), [(2, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_in_the_middle_of_an_append_wrote_nothing_and_may_be_tried_again() {
    let case = Case::new(Adapter::Postgres).await;
    case.given("order-1", &[1]).await;
    let mut other = case.database().stranger().await;
    let mut watching = case.database().stranger().await;
    // A row with the same id that is not committed: the append has its turn and waits at its own
    // row.
    let in_the_way = "
        BEGIN; INSERT INTO tramonto.event SELECT 99, '00000000-0000-0000-0000-000000000003', 99, \
        1, 0,
            1, 1, now(), now(), 'x', NULL, id, NULL, '{}' FROM tramonto.event";
    execute(&mut other, in_the_way).await.unwrap();
    let store = Arc::clone(&case.store);
    let append = tokio::spawn(async move { store.append(to("order-1", Any, &[2, 3])).await });
    let pid = until_one_waits(&mut watching, "transactionid").await;
    execute(&mut watching, format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    let error = append.await.unwrap().unwrap_err();
    assert!(error.may_retry(), "{error}");
    execute(&mut other, "ROLLBACK").await.unwrap();
    assert_eq!(case.store.head().await.unwrap(), 1);
    assert_eq!(places(&case.given("order-1", &[2, 3]).await), [(2, 1), (3, 2)]);
    case.told().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_holds_the_counter_appends_answer_that_they_may_be_tried_again() {
    let case = Case::new(Adapter::Postgres).await;
    let mut other = case.database().stranger().await;
    execute(&mut other, "BEGIN; SELECT * FROM tramonto.log_head FOR UPDATE").await.unwrap();
    let since = Instant::now();
    for outcome in join_all((1..=20).map(|id| case.store.append(to("order-1", Any, &[id])))).await {
        let error = outcome.unwrap_err();
        assert!(error.may_retry(), "{error}");
        assert!(error.to_string().contains("another process holds the lock"), "{error}");
    }
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(25), "they wait together, not in turn: {waited:?}");
    assert_eq!(case.store.head().await.unwrap(), 0, "reading goes on meanwhile");
    execute(&mut other, "ROLLBACK").await.unwrap();
    case.append("order-1", NoStream, &[1]).await.unwrap();
}

#[tokio::test]
async fn a_process_that_falls_asleep_in_an_append_loses_its_turn() {
    let case = Case::new(Adapter::Postgres).await;
    let asleep = case.database().options().options([("idle_in_transaction_session_timeout", "5s")]);
    let mut asleep = sqlx::ConnectOptions::connect(&asleep).await.unwrap();
    execute(&mut asleep, "BEGIN; SELECT * FROM tramonto.log_head FOR UPDATE").await.unwrap();
    case.append("order-1", NoStream, &[1])
        .await
        .expect("it is written when the sleeper's time is out");
    assert!(
        execute(&mut asleep, "UPDATE tramonto.log_head SET position = 9; COMMIT").await.is_err()
    );
    let mut sessions = case.database().stranger().await;
    let bounded = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tramonto'";
    let bounded: i64 = sqlx::query_scalar(bounded).fetch_one(&mut sessions).await.unwrap();
    assert!(bounded > 0, "sessions of the store can be told by their name");
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let case = Case::new(Adapter::Postgres).await;
    let store = second(&case).await;
    store.append(to("order-1", Any, &[1])).await.unwrap();
    store.close().await;
    store.close().await;
    for error in [
        store.append(to("order-1", Any, &[2])).await.map(|_| ()).unwrap_err(),
        store.head().await.map(|_| ()).unwrap_err(),
        store.claim("s", "a", Duration::from_secs(1)).await.map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("it was closed"), "{error}");
    }
    assert_eq!(log(&*case.store).await.len(), 1);
}
