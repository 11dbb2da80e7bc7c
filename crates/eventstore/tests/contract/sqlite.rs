//! What the file promises beyond the port: refused changes, other processes, crashes, backups.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventstore::ExpectedVersion::{Any, NoStream};
use eventstore::{DatabaseStore, Error, EventStore, Filter};
use futures::future::join_all;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::fixture::{Adapter, Case, TestClock, log, places, to};

/// A connection as any other program would make one.
async fn stranger(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), String> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ()).map_err(|error| error.to_string())
}

async fn open(path: &Path) -> DatabaseStore {
    DatabaseStore::open(path, TestClock::new()).await.unwrap()
}

#[tokio::test]
async fn changes_of_events_are_refused_by_the_database() {
    let case = Case::new(Adapter::Sqlite).await;
    case.given("order-1", &[1, 2]).await;
    let log = case.log().await;
    let mut stranger = stranger(&case.path()).await;
    for (sql, text) in [
        ("UPDATE event SET payload = '{}'", "events are never changed"),
        ("UPDATE event SET position = 9 WHERE position = 2", "events are never changed"),
        ("DELETE FROM event", "events are never deleted"),
        ("DELETE FROM event WHERE position = 2", "events are never deleted"),
        ("PRAGMA recursive_triggers = 1; REPLACE INTO event SELECT * FROM event", "never deleted"),
    ] {
        let refused = execute(&mut stranger, sql).await.unwrap_err();
        assert!(refused.contains(text), "{sql}: {refused}");
    }
    assert_eq!(case.log().await, log);
}

#[tokio::test]
async fn a_transaction_rolled_back_by_another_process_uses_no_position() {
    let case = Case::new(Adapter::Sqlite).await;
    case.given("order-1", &[1]).await;
    let mut other = stranger(&case.path()).await;
    execute(&mut other, "BEGIN IMMEDIATE; UPDATE log_head SET position = 9; ROLLBACK")
        .await
        .unwrap();
    assert_eq!(places(&case.given("order-1", &[2]).await), [(2, 1)]);
}

#[tokio::test]
async fn an_append_of_another_process_wakes_soon() {
    let case = Case::new(Adapter::Sqlite).await;
    let other = open(&case.path()).await;
    let reader = DatabaseStore::open_read_only(&case.path()).await.unwrap();
    for store in [Arc::clone(&case.store), Arc::new(reader)] {
        let mut appended = store.appended();
        let before = store.head().await.unwrap();
        other.append(to("order-1", Any, &[u128::from(before) + 1])).await.unwrap();
        let since = Instant::now();
        appended.wait_for(|head| *head == before + 1).await.unwrap();
        let took = since.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test]
async fn two_processes_append_to_one_file_without_mixing_up_streams_kinds_or_versions() {
    let case = Case::new(Adapter::Sqlite).await;
    let other = open(&case.path()).await;
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
}

#[tokio::test]
async fn a_store_opened_for_reading_reads_while_another_writes_and_refuses_to_write() {
    let case = Case::new(Adapter::Sqlite).await;
    case.given("order-1", &[1]).await;
    let reader = DatabaseStore::open_read_only(&case.path()).await.unwrap();
    case.given("order-1", &[2]).await;
    assert_eq!(log(&reader).await, case.log().await);
    let refused = [
        reader.append(to("order-1", Any, &[3])).await.map(|_| ()),
        reader.claim("s", "a", Duration::from_secs(1)).await.map(|_| ()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::ReadOnly(_)), "{error}");
        assert!(error.to_string().ends_with("was opened for reading only"));
    }
    assert_eq!(case.store.head().await.unwrap(), 2);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash_at_any_moment() {
    let case = Case::new(Adapter::Sqlite).await;
    for number in 1..=20_u128 {
        case.given("order-1", &[number * 2, number * 2 + 1]).await;
        // The files as they are at this moment are what a crash leaves.
        let crashed = tempfile::tempdir().unwrap();
        for file in ["log.db", "log.db-wal"] {
            std::fs::copy(case.path().with_file_name(file), crashed.path().join(file)).unwrap();
        }
        let store = open(&crashed.path().join("log.db")).await;
        assert_eq!(log(&store).await, case.log().await);
        let next = store.append(to("order-1", Any, &[1_000])).await.unwrap();
        assert_eq!(next.last_position(), Some(u64::try_from(number * 2 + 1).unwrap()));
        store.close().await;
    }
}

#[tokio::test]
async fn an_older_backup_is_reported_to_who_had_read_beyond_it() {
    let mut case = Case::new(Adapter::Sqlite).await;
    case.given("order-1", &[1, 2]).await;
    case.reopen().await;
    let backup = case.path().with_extension("backup");
    let mut saving = stranger(&case.path()).await;
    let copied = sqlx::query("VACUUM INTO ?").bind(backup.to_str().unwrap());
    copied.execute(&mut saving).await.unwrap();
    case.given("order-1", &[3, 4]).await;
    let restored = open(&backup).await;
    let read = restored.read_all(4, &Filter::default(), 10).await.unwrap_err();
    assert_eq!(
        read.to_string(),
        "the log ends at 2 but 4 was already read: it was restored from an older backup; rebuild \
         what was derived from it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_holds_the_lock_appends_answer_that_they_may_be_tried_again() {
    let case = Case::new(Adapter::Sqlite).await;
    let mut other = stranger(&case.path()).await;
    execute(&mut other, "BEGIN IMMEDIATE").await.unwrap();
    let since = Instant::now();
    let appends = (1..=20).map(|id| case.store.append(to("order-1", Any, &[id])));
    for outcome in join_all(appends).await {
        let error = outcome.unwrap_err();
        assert!(error.may_retry(), "{error}");
        assert!(error.to_string().contains("another process holds the lock"), "{error}");
    }
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(20), "they wait together, not in turn: {waited:?}");
    assert_eq!(case.store.head().await.unwrap(), 0, "reading goes on meanwhile");
    let second = open(&case.path()).await;
    execute(&mut other, "ROLLBACK").await.unwrap();
    second.append(to("order-1", NoStream, &[1])).await.unwrap();
    case.append("order-1", Any, &[2]).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let case = Case::new(Adapter::Sqlite).await;
    let store = open(&case.path()).await;
    store.append(to("order-1", Any, &[1])).await.unwrap();
    store.close().await;
    store.close().await;
    for error in [
        store.append(to("order-1", Any, &[2])).await.map(|_| ()).unwrap_err(),
        store.head().await.map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("it was closed"), "{error}");
    }
    assert_eq!(case.store.head().await.unwrap(), 1);
}
