use std::collections::BTreeMap;

use domain::{Capability, Lifecycle, Mailbox, MailboxId, State};
use eventstore::Filter;
use projections::{Projections, Table, mailbox_now};
use proptest::prelude::*;
use sqlx::{Row, SqlitePool};

use crate::derived::scenario::{Scenario, programme, run, steps};

async fn open(scenario: &Scenario, dir: &tempfile::TempDir) -> Table {
    Table::open(&dir.path().join("mailboxes.db"), programme(), scenario.log()).await.unwrap()
}

async fn read(dir: &tempfile::TempDir) -> SqlitePool {
    let url = format!("sqlite://{}", dir.path().join("mailboxes.db").display());
    SqlitePool::connect(&url).await.unwrap()
}

/// A row as text.
fn row_of(mailbox: &Mailbox, incident: bool, changed_at: u64) -> String {
    let lifecycle = match mailbox.lifecycle {
        Lifecycle::Unknown => "unknown",
        Lifecycle::Registered => "registered",
        Lifecycle::Activated => "activated",
        Lifecycle::Lapsed => "lapsed",
        Lifecycle::Withdrawn => "withdrawn",
    };
    let id = MailboxId::new(&programme(), mailbox.number);
    let can = [Capability::Send, Capability::Modify, Capability::Receive, Capability::Access]
        .map(|capability| i64::from(mailbox.has.contains(capability)));
    let held = i64::from(!mailbox.holds.is_empty());
    let incident = i64::from(incident);
    format!("{} {id} {lifecycle} {can:?} {held} {incident} {changed_at}", mailbox.number)
}

fn has_incident(state: &State, number: u32) -> bool {
    state.failures.incidents.values().any(|incident| incident.open.contains(number))
}

/// The expected rows, derived mailbox by mailbox and event by event.
pub(crate) async fn expected(scenario: &Scenario) -> Vec<String> {
    let mut state = State::default();
    let mut rows: BTreeMap<u32, (String, u64)> = BTreeMap::new();
    for event in scenario.log().read_all(0, &Filter::default(), usize::MAX).await.unwrap().events {
        state.evolve(&event.fact().unwrap());
        for number in &state.rights.registered {
            let row = row_of(&mailbox_now(&state, number), has_incident(&state, number), 0);
            let entry = rows.entry(number).or_default();
            if entry.0 != row {
                *entry = (row, event.position);
            }
        }
    }
    let last = |(number, (_, at)): (&u32, &(String, u64))| {
        row_of(&mailbox_now(&state, *number), has_incident(&state, *number), *at)
    };
    rows.iter().map(last).collect()
}

pub(crate) async fn found(dir: &tempfile::TempDir) -> Vec<String> {
    let rows = sqlx::query("SELECT *, id FROM mailbox ORDER BY number");
    let rows = rows.fetch_all(&read(dir).await).await.unwrap();
    let text = |row: &sqlx::sqlite::SqliteRow| {
        let n = |column: &str| row.get::<i64, _>(column);
        let can = ["can_send", "can_modify", "can_receive", "can_access"].map(n);
        let (id, lifecycle): (String, String) = (row.get("id"), row.get("lifecycle"));
        let (held, incident, at) = (n("held"), n("incident"), n("changed_at"));
        format!("{} {id} {lifecycle} {can:?} {held} {incident} {at}", n("number"))
    };
    rows.iter().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_row_equals_the_log_and_names_its_last_event(
        steps in steps(), every in 1_usize..40,
    ) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::begin().await;
            let mut table = open(&scenario, &dir).await;
            for (count, step) in steps.iter().enumerate() {
                scenario.step(*step).await;
                if count % every == 0 {
                    table.tick(scenario.now()).await.unwrap();
                    drop(table);
                    table = open(&scenario, &dir).await;
                }
            }
            while table.tick(scenario.now()).await.unwrap().progress > 0 {}
            assert_eq!(found(&dir).await, expected(&scenario).await);
            let held: Vec<String> = sqlx::query_scalar("SELECT hold FROM hold ORDER BY hold")
                .fetch_all(&read(&dir).await).await.unwrap();
            let holds = scenario.state().await;
            let holds: Vec<String> = holds.rights.holds.keys().map(ToString::to_string).collect();
            assert_eq!(held, holds);
        });
    }

    #[test]
    fn a_rebuild_is_equal(steps in steps()) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::begin().await;
            let projections = Projections::open(dir.path(), programme(), scenario.log());
            let projections = projections.await.unwrap();
            for step in &steps {
                scenario.step(*step).await;
                projections.tick(scenario.now()).await.unwrap();
            }
            projections.catch_up(scenario.now()).await.unwrap();
            let before = projections.digests().await.unwrap();
            projections.close().await.unwrap();
            let log = scenario.log();
            let (mut reports, now) = (Vec::new(), scenario.now());
            let mut progress = |read, all| reports.push((read, all));
            let rebuilt =
                Projections::rebuild(dir.path(), programme(), log, now, &mut progress).await;
            let rebuilt = rebuilt.unwrap();
            assert_eq!(reports.last(), Some(&(rebuilt.events, rebuilt.events)));
            assert!(reports.is_sorted(), "{reports:?}");
            assert_eq!(rebuilt.after, before);
            assert_eq!(rebuilt.before, Some(before));
            assert_eq!(rebuilt.events, scenario.log().head().await.unwrap());
        });
    }
}

#[tokio::test]
async fn the_lag_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    let table = open(&scenario, &dir).await;
    scenario.advance(chrono::Duration::seconds(30));
    scenario.register(5, 1).await;
    scenario.advance(chrono::Duration::seconds(12));
    let behind = table.status(scenario.now()).await.unwrap();
    assert_eq!((behind.checkpoint, behind.lag_events, behind.lag_seconds), (0, 2, 42));
    table.tick(scenario.now()).await.unwrap();
    let level = table.status(scenario.now()).await.unwrap();
    assert_eq!((level.checkpoint, level.lag_events, level.lag_seconds), (2, 0, 0));
}

#[tokio::test]
async fn a_row_changed_by_another_hand_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    scenario.register(40, 3).await;
    let table = open(&scenario, &dir).await;
    while table.tick(scenario.now()).await.unwrap().progress > 0 {}
    let change = "UPDATE mailbox SET can_send = 1 - can_send";
    sqlx::query(change).execute(&read(&dir).await).await.unwrap();
    let number = scenario.state().await.rights.active().min().unwrap();
    let withdrawn = domain::Event::MailboxWithdrawn(domain::MailboxWithdrawn { number });
    let stream = eventstore::mailbox_stream(&programme(), number).unwrap();
    scenario.append(stream, scenario.now(), &[withdrawn]).await;
    let error = table.tick(scenario.now()).await.unwrap_err();
    assert!(error.to_string().contains("tramonto store rebuild"), "{error}");
}
