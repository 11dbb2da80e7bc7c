//! Databases that are no store, and what is said of each: one sentence, with what to do.

use eventstore::ExpectedVersion::Any;
use eventstore::{DatabaseStore, Error, EventStore};
use futures::future::join_all;
use sql::Error::{Corrupt, Rejected};
use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;

use crate::database::{TestDatabase, execute, server};
use crate::fixture::{TestClock, log, to};

fn sentence(error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 400, "one sentence: {text}");
    assert!(text.contains("; "), "it says what to do: {text}");
    text
}

async fn refusal(options: PgConnectOptions) -> String {
    let error = DatabaseStore::connect(options, TestClock::new()).await.unwrap_err();
    assert!(matches!(error, Error::Store(Rejected { .. })), "{error:?}");
    sentence(&error)
}

async fn change(database: &TestDatabase, sql: &str) {
    let mut connection = database.stranger().await;
    execute(&mut connection, sql).await.unwrap();
    connection.close().await.unwrap();
}

async fn tables(database: &TestDatabase) -> i64 {
    let count = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                 WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema'";
    sqlx::query_scalar(count).fetch_one(&mut database.stranger().await).await.unwrap()
}

#[tokio::test]
async fn a_database_without_tables_asks_for_migration_and_is_left_as_it_was() {
    let database = TestDatabase::empty().await;
    let text = refusal(database.options()).await;
    assert!(text.contains("has no schema tramonto; run `tramonto store migrate`"), "{text}");
    assert!(text.contains(database.name()) && !text.contains("password"), "{text}");
    assert_eq!(tables(&database).await, 0);
}

#[tokio::test]
async fn a_dry_run_tells_what_is_missing_and_changes_nothing() {
    let database = TestDatabase::empty().await;
    let missing = async |dry| -> Vec<String> {
        let steps = DatabaseStore::migrate(database.options(), dry).await.unwrap();
        steps.iter().map(ToString::to_string).collect()
    };
    assert_eq!(missing(true).await, ["tramonto 1: log"]);
    assert_eq!(tables(&database).await, 0);
    assert_eq!(missing(false).await, ["tramonto 1: log"]);
    assert!(missing(false).await.is_empty() && missing(true).await.is_empty());
    database.store(TestClock::new()).await.append(to("order-1", Any, &[1])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_migrate_at_once_make_one_store() {
    let database = TestDatabase::empty().await;
    let runs = (0..6).map(|_| tokio::spawn(DatabaseStore::migrate(database.options(), false)));
    let runs: Vec<_> = runs.collect();
    for run in join_all(runs).await {
        run.unwrap().unwrap();
    }
    let store = database.store(TestClock::new()).await;
    store.append(to("order-1", Any, &[1])).await.unwrap();
    assert_eq!(log(&store).await.len(), 1);
}

#[tokio::test]
async fn a_newer_or_other_schema_is_refused_by_opening_and_by_migrating() {
    for (sql, problem) in [
        (
            "INSERT INTO tramonto.migration VALUES (999, 'of the future', now(), true, '\\x00', 0)",
            "has step 999, which this program does not know; use the program that made it",
        ),
        (
            "UPDATE tramonto.migration SET checksum = '\\x00'",
            "step 1 of its schema tramonto is not",
        ),
    ] {
        let database = TestDatabase::migrated().await;
        change(&database, sql).await;
        let opened = refusal(database.options()).await;
        assert!(opened.contains(problem), "{opened}");
        for dry in [true, false] {
            let error = DatabaseStore::migrate(database.options(), dry).await.unwrap_err();
            assert!(sentence(&error).contains(problem), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wrong_database_user_or_address_is_told_by_what_it_is() {
    let nowhere = server().database("tramonto_is_not_here");
    let text = refusal(nowhere.clone()).await;
    assert!(text.contains("there is no such database; check its name, or create it"), "{text}");
    assert!(DatabaseStore::migrate(nowhere, false).await.is_err());
    let text = refusal(server().username("nobody_of_this_name").password("se-cret")).await;
    assert!(
        text.contains("check user, password and pg_hba.conf") && !text.contains("se-cret"),
        "{text}"
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let error = DatabaseStore::connect(server().port(port), TestClock::new()).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
    assert!(sentence(&error).contains("check the server, the network"), "{error}");
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let database = TestDatabase::empty().await;
    let mut connection = database.stranger().await;
    let latin = format!("{}_latin", database.name());
    let make = format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    execute(&mut connection, make).await.unwrap();
    let text = refusal(database.options().database(&latin)).await;
    execute(&mut connection, format!("DROP DATABASE {latin} WITH (FORCE)")).await.unwrap();
    assert!(text.contains("has the encoding LATIN1; create one with the encoding UTF8"), "{text}");
}

#[tokio::test]
async fn a_counter_that_disagrees_with_the_events_is_damage() {
    for position in [499, 501] {
        let database = TestDatabase::migrated().await;
        let store = database.store(TestClock::new()).await;
        let ids: Vec<u128> = (1..=500).collect();
        store.append(to("order-1", Any, &ids)).await.unwrap();
        store.close().await;
        change(&database, &format!("UPDATE tramonto.log_head SET position = {position}")).await;
        let opened = DatabaseStore::connect(database.options(), TestClock::new()).await;
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Store(Corrupt(_))), "{error}");
        assert!(error.to_string().contains("but its last event is 500"), "{error}");
    }
}
