//! Files that are no store, and what is said of each: one sentence, with what to do.

use std::fs;
use std::path::Path;

use eventstore::ExpectedVersion::Any;
use eventstore::{DatabaseStore, Error, EventStore};
use futures::future::join_all;
use sql::Error::{Corrupt, Rejected};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::fixture::{TestClock, log, to};

async fn refusal(path: &Path) -> Error {
    let refused = DatabaseStore::open(path, TestClock::new()).await.unwrap_err();
    let to_read = DatabaseStore::open_read_only(path).await.unwrap_err();
    for error in [&refused, &to_read] {
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "it names the file: {text}");
        assert!(!text.contains('\n') && text.len() < 400, "one sentence: {text}");
        assert!(text.contains("; "), "it says what to do: {text}");
    }
    refused
}

/// A closed store with some hundred events.
async fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = DatabaseStore::open(&folder.path().join("log.db"), TestClock::new()).await.unwrap();
    let ids: Vec<u128> = (1..=500).collect();
    store.append(to("order-1", Any, &ids)).await.unwrap();
    store.close().await;
    folder
}

async fn change(path: &Path, sql: &'static str) {
    let mut connection =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_new_store_leaves_nothing_but_its_file() {
    let folder = store().await;
    let files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["log.db"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_store_opened_by_many_at_once_is_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let stores = join_all((0..8).map(|_| DatabaseStore::open(&path, TestClock::new()))).await;
    let stores: Vec<DatabaseStore> = stores.into_iter().map(Result::unwrap).collect();
    for (id, store) in (1..).zip(&stores) {
        store.append(to("order-1", Any, &[id])).await.unwrap();
    }
    assert_eq!(log(&stores[0]).await.len(), 8);
}

#[tokio::test]
async fn a_draft_left_by_a_crash_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    fs::write(folder.path().join("log.db.1-0.new"), "half a draft").unwrap();
    DatabaseStore::open(&path, TestClock::new()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_store_is_told_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "registration_id,codice_fiscale\n".repeat(100)).unwrap();
    fs::write(path("short"), "no").unwrap();
    fs::write(path("orphan-wal"), "something").unwrap();
    for (file, problem) in [
        (folder.path().to_owned(), "it is a directory"),
        (path("missing/log.db"), "does not exist; create it first"),
        (path("text/log.db"), "check the path and its permissions"),
        (path("orphan"), "its write-ahead log"),
    ] {
        let error = refusal(&file).await;
        assert!(matches!(error, Error::Store(Rejected { .. })), "{error:?}");
        assert!(error.to_string().contains(problem), "{error} / {problem}");
    }
    for file in ["text", "short"] {
        let error = refusal(&path(file)).await;
        assert!(matches!(error, Error::Store(Corrupt(_))), "{error:?}");
        let told = error.to_string();
        assert!(told.contains("it is not a SQLite database (check the path); restore it from a"));
    }
    assert!(fs::read(path("short")).unwrap() == b"no", "and it is left alone");
    let absent = DatabaseStore::open_read_only(&path("absent")).await.unwrap_err();
    assert!(absent.to_string().contains("there is no such file"), "{absent}");
    assert!(!path("absent").exists(), "reading makes nothing");
}

#[tokio::test]
async fn another_programs_database_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    change(&path, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('mine')").await;
    let before = fs::read(&path).unwrap();
    let error = refusal(&path).await;
    assert!(error.to_string().contains("another program's SQLite database"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_newer_version_is_told() {
    let folder = store().await;
    let path = folder.path().join("log.db");
    change(&path, "PRAGMA user_version = 2").await;
    let error = refusal(&path).await;
    assert!(error.to_string().contains("its tables have version 2"), "{error}");
    assert!(matches!(error, Error::Store(Rejected { .. })));
}

#[tokio::test]
async fn another_journal_mode_is_read_and_is_set_back_to_write() {
    let folder = store().await;
    let path = folder.path().join("log.db");
    change(&path, "PRAGMA journal_mode = delete").await;
    let reader = DatabaseStore::open_read_only(&path).await.unwrap();
    assert_eq!(reader.head().await.unwrap(), 500);
    reader.close().await;
    let store = DatabaseStore::open(&path, TestClock::new()).await.unwrap();
    store.append(to("order-1", Any, &[501])).await.unwrap();
    assert!(folder.path().join("log.db-wal").exists());
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_damaged() {
    let folder = store().await;
    let path = folder.path().join("log.db");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 15, 50, 99, 100, 1_000, 4_096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&path).await;
        assert!(matches!(error, Error::Store(Corrupt(_))), "{length}: {error}");
        assert!(error.to_string().contains("restore it from a backup"), "{length}: {error}");
        assert!(fs::read(&path).unwrap() == whole[..length], "it is left alone");
    }
}

#[tokio::test]
async fn a_counter_that_disagrees_with_the_events_is_damage() {
    for sql in ["UPDATE log_head SET position = 501", "UPDATE log_head SET position = 499"] {
        let folder = store().await;
        let path = folder.path().join("log.db");
        change(&path, sql).await;
        let error = refusal(&path).await;
        assert!(matches!(error, Error::Store(Corrupt(_))), "{error}");
        assert!(error.to_string().contains("but its last event is 500"), "{error}");
    }
}

#[tokio::test]
async fn overwritten_pages_are_an_error_and_never_a_panic() {
    let folder = store().await;
    let path = folder.path().join("log.db");
    let whole = fs::read(&path).unwrap();
    let mut told = 0;
    for page in 1..whole.len() / 4_096 {
        let mut broken = whole.clone();
        broken[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        fs::write(&path, broken).unwrap();
        let outcome = async {
            let store = DatabaseStore::open(&path, TestClock::new()).await?;
            let read = store.read_all(0, &eventstore::Filter::default(), 1_000).await;
            store.close().await;
            read
        };
        if let Err(error) = outcome.await {
            assert!(matches!(error, Error::Store(Corrupt(_))), "page {page}: {error}");
            told += 1;
        }
    }
    assert!(told > 10, "{told} pages");
}
