//! The table in `PostgreSQL`: equal to the log row by row, and to the file.

use domain::{Event, MailboxWithdrawn};
use projections::{Error, Table};
use proptest::prelude::*;
use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions, PgConnection, Row};
use uuid::Uuid;

use crate::derived::fresh::Fresh;
use crate::derived::scenario::{Scenario, killed_after, programme, run, steps};
use crate::derived::table::{expected, found};

pub(crate) async fn made() -> Fresh {
    let fresh = Fresh::new().await;
    Table::migrate(fresh.options(), false).await.unwrap();
    fresh
}

pub(crate) async fn connect(scenario: &Scenario, fresh: &Fresh) -> Table {
    let connected =
        Table::connect(fresh.options(), programme(), scenario.log(), "projector-1".into());
    connected.await.unwrap()
}

pub(crate) async fn caught_up(scenario: &Scenario, table: &Table) {
    while table.tick(scenario.now()).await.unwrap().progress > 0 {}
}

async fn operator(fresh: &Fresh) -> PgConnection {
    fresh.options().connect().await.unwrap()
}

/// The rows as text, like those of the file.
pub(crate) async fn rows(fresh: &Fresh) -> Vec<String> {
    let rows = sqlx::query("SELECT * FROM projection.mailbox ORDER BY number");
    let rows = rows.fetch_all(&mut operator(fresh).await).await.unwrap();
    let text = |row: &PgRow| {
        let flag = |column: &str| i64::from(row.get::<bool, _>(column));
        let can = ["can_send", "can_modify", "can_receive", "can_access"].map(flag);
        let (id, lifecycle): (Uuid, String) = (row.get("id"), row.get("lifecycle"));
        let (number, at): (i64, i64) = (row.get("number"), row.get("changed_at"));
        let (held, incident) = (flag("held"), flag("incident"));
        format!("{number} {id} {lifecycle} {can:?} {held} {incident} {at}")
    };
    rows.iter().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_row_says_what_the_log_and_the_file_say(steps in steps(), every in 1_usize..40) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let fresh = made().await;
            let scenario = Scenario::begin().await;
            let mut table = connect(&scenario, &fresh).await;
            for (count, step) in steps.iter().enumerate() {
                scenario.step(*step).await;
                if count % every == 0 {
                    table.tick(scenario.now()).await.unwrap();
                    drop(table);
                    table = connect(&scenario, &fresh).await;
                }
            }
            caught_up(&scenario, &table).await;
            assert_eq!(rows(&fresh).await, expected(&scenario).await);
            let path = dir.path().join("mailboxes.db");
            let file = Table::open(&path, programme(), scenario.log()).await.unwrap();
            while file.tick(scenario.now()).await.unwrap().progress > 0 {}
            assert_eq!(rows(&fresh).await, found(&dir).await);
            let digest = table.digest().await.unwrap();
            assert_eq!(digest, file.digest().await.unwrap(), "the holds too");
            let rebuilt = table.rebuild(scenario.now()).await.unwrap();
            assert_eq!(rebuilt.events, scenario.log().head().await.unwrap());
            assert!(rebuilt.equal);
            assert_eq!(digest, table.digest().await.unwrap(), "built again");
        });
    }
}

#[tokio::test]
async fn a_commit_that_the_server_lost_in_a_crash_is_written_again() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    scenario.register(10, 1).await;
    let table = connect(&scenario, &fresh).await;
    caught_up(&scenario, &table).await;
    let mut operator = operator(&fresh).await;
    let keep = "
        CREATE TABLE projection.kept_checkpoint AS SELECT * FROM projection.checkpoint;
        CREATE TABLE projection.kept AS SELECT number FROM projection.mailbox";
    sqlx::raw_sql(keep).execute(&mut operator).await.unwrap();
    scenario.register(10, 2).await;
    caught_up(&scenario, &table).await;
    let lose = "
        DELETE FROM projection.mailbox WHERE number NOT IN (SELECT number FROM projection.kept);
        UPDATE projection.checkpoint SET (position, first_event, last_event) =
            (SELECT position, first_event, last_event FROM projection.kept_checkpoint)";
    sqlx::raw_sql(lose).execute(&mut operator).await.unwrap();
    assert_ne!(rows(&fresh).await, expected(&scenario).await);
    caught_up(&scenario, &table).await;
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
}

#[tokio::test]
async fn killed_at_any_moment_rows_and_checkpoint_are_of_one_event() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    for seed in 0..60 {
        scenario.register(70, seed).await;
    }
    let mut moments = 0;
    for polls in 1.. {
        let ended = {
            let table = connect(&scenario, &fresh).await;
            killed_after(polls, Box::pin(table.rebuild(scenario.now()))).await.is_some()
        };
        // Rows and checkpoint in one statement, so from one snapshot.
        let both = "SELECT position, (SELECT count(*) FROM projection.mailbox)
             FROM projection.checkpoint";
        let both: Option<(i64, i64)> =
            sqlx::query_as(both).fetch_optional(&mut operator(&fresh).await).await.unwrap();
        let (position, count) = both.unwrap_or((0, 0));
        assert_eq!(count, (position - 1).max(0) * 70, "killed after {polls} polls");
        let table = connect(&scenario, &fresh).await;
        caught_up(&scenario, &table).await;
        assert_eq!(rows(&fresh).await, expected(&scenario).await, "killed after {polls} polls");
        if ended {
            break;
        }
        moments = polls;
    }
    assert!(moments > 10, "killed at {moments} moments only");
}

#[tokio::test]
async fn it_stops_before_an_event_that_it_does_not_know_and_names_it() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    scenario.register(3, 1).await;
    scenario.beam_up().await;
    let table = connect(&scenario, &fresh).await;
    table.tick(scenario.now()).await.unwrap();
    for _ in 0..2 {
        let error = table.tick(scenario.now()).await.unwrap_err();
        assert!(error.to_string().contains("event 3 (mailbox-beamed-up)"), "{error}");
    }
    let status = table.status(scenario.now()).await.unwrap();
    assert_eq!((status.checkpoint, status.lag_events), (2, 1), "all before it is there");
}

#[tokio::test]
async fn a_log_that_is_shorter_or_another_is_reported() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    for seed in 0..5 {
        scenario.register(3, seed).await;
    }
    caught_up(&scenario, &connect(&scenario, &fresh).await).await;
    let owner = || "projector-1".to_owned();
    let shorter = scenario.log_up_to(2).await;
    let table = Table::connect(fresh.options(), programme(), shorter, owner()).await;
    let error = table.unwrap().tick(scenario.now()).await.unwrap_err();
    assert!(matches!(error, Error::LogShorter { checkpoint: 6, head: 2, .. }), "{error}");
    let other = Scenario::begin().await;
    for seed in 0..9 {
        other.register(3, seed).await;
    }
    let table = connect(&other, &fresh).await;
    let error = table.tick(other.now()).await.unwrap_err();
    assert!(matches!(error, Error::OtherLog { .. }), "{error}");
    table.rebuild(other.now()).await.unwrap();
    assert_eq!(rows(&fresh).await, expected(&other).await);
}

#[tokio::test]
async fn a_row_changed_by_another_hand_is_noticed() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    scenario.register(40, 3).await;
    let table = connect(&scenario, &fresh).await;
    caught_up(&scenario, &table).await;
    let change = "UPDATE projection.mailbox SET can_send = NOT can_send";
    sqlx::query(change).execute(&mut operator(&fresh).await).await.unwrap();
    let number = scenario.state().await.rights.active().min().unwrap();
    let withdrawn = Event::MailboxWithdrawn(MailboxWithdrawn { number });
    let stream = eventstore::mailbox_stream(&programme(), number).unwrap();
    scenario.append(stream, scenario.now(), &[withdrawn]).await;
    let error = table.tick(scenario.now()).await.unwrap_err();
    assert!(error.to_string().contains("tramonto store rebuild"), "{error}");
    assert_eq!(table.status(scenario.now()).await.unwrap().lag_events, 1, "nothing was written");
}

#[tokio::test]
async fn the_tables_of_another_programme_or_of_none_are_refused() {
    let fresh = Fresh::new().await;
    let scenario = Scenario::begin().await;
    let connect_as = |name: &str| {
        let (options, name) = (fresh.options(), name.parse().unwrap());
        Table::connect(options, name, scenario.log(), "projector-1".into())
    };
    let error = connect_as("cec-pac").await.err().unwrap().to_string();
    assert!(error.contains("no schema projection"), "{error}");
    assert!(error.contains("tramonto store migrate"), "{error}");
    Table::migrate(fresh.options(), false).await.unwrap();
    caught_up(&scenario, &connect(&scenario, &fresh).await).await;
    let error = connect_as("other").await.err().unwrap().to_string();
    assert!(error.contains("belongs to the programme cec-pac"), "{error}");
}

#[tokio::test]
async fn a_rebuild_reports_a_wrong_row_and_not_that_the_table_was_behind() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    let table = connect(&scenario, &fresh).await;
    scenario.register(40, 3).await;
    for seed in 4..6 {
        let rebuilt = table.rebuild(scenario.now()).await.unwrap();
        assert!(rebuilt.equal, "it was only behind");
        assert_eq!(rebuilt.events, scenario.log().head().await.unwrap());
        assert_eq!(rows(&fresh).await, expected(&scenario).await);
        scenario.register(5, seed).await;
    }
    let change = "UPDATE projection.mailbox SET can_send = NOT can_send";
    sqlx::query(change).execute(&mut operator(&fresh).await).await.unwrap();
    assert!(!table.rebuild(scenario.now()).await.unwrap().equal, "rows were changed");
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
}
