//! Damage is a clear error with the next step.

use eventstore::{Append, EventStore, ExpectedVersion, StreamName};
use projections::{Error, Projections, Sets};

use crate::derived::scenario::{Scenario, programme};

async fn open(scenario: &Scenario, dir: &tempfile::TempDir) -> Result<Projections, Error> {
    Projections::open(dir.path(), programme(), scenario.log()).await
}

/// A scenario of some registrations, all in the projections.
async fn told(dir: &tempfile::TempDir, registrations: u32) -> Scenario {
    let scenario = Scenario::begin().await;
    for seed in 0..registrations {
        scenario.register(3, seed).await;
    }
    let projections = open(&scenario, dir).await.unwrap();
    projections.catch_up(scenario.now()).await.unwrap();
    projections.close().await.unwrap();
    scenario
}

async fn refusal(scenario: &Scenario, dir: &tempfile::TempDir) -> Error {
    open(scenario, dir).await.err().expect("it is opened")
}

#[tokio::test]
async fn a_file_that_was_derived_from_another_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    told(&dir, 3).await;
    let other = Scenario::begin().await;
    for seed in 0..9 {
        other.register(3, seed).await;
    }
    let error = refusal(&other, &dir).await;
    assert!(matches!(error, Error::OtherLog { .. }), "{error}");
    assert!(error.to_string().contains("tramonto store rebuild"), "{error}");
    assert!(!error.may_retry());
    let (log, now) = (other.log(), other.now());
    let rebuilt = Projections::rebuild(dir.path(), programme(), log, now, &mut |_, _| {}).await;
    assert_eq!(rebuilt.unwrap().before, None);
    open(&other, &dir).await.unwrap();
}

#[tokio::test]
async fn a_log_that_went_another_way_after_a_backup_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 3).await;
    // The same first event, and another one at the checkpoint.
    let restored = Scenario::begin().await;
    let first = scenario.store.read_all(0, &eventstore::Filter::default(), 1).await.unwrap();
    let first = first.events.into_iter().next().unwrap();
    let log = eventstore::MemoryStore::new(restored.hand.clone());
    let copied = Append::to(first.stream, ExpectedVersion::Any, vec![first.event]);
    log.append(copied).await.unwrap();
    let others = restored.store.read_all(0, &eventstore::Filter::default(), 1).await.unwrap();
    let mut event = others.events.into_iter().next().unwrap().event;
    for id in 1..8_u128 {
        event.id = uuid::Uuid::from_u128(id);
        let stream = StreamName::new("programme-other").unwrap();
        log.append(Append::to(stream, ExpectedVersion::Any, vec![event.clone()])).await.unwrap();
    }
    let log: std::sync::Arc<dyn EventStore> = std::sync::Arc::new(log);
    let error = Projections::open(dir.path(), programme(), log).await.err().unwrap();
    assert!(matches!(error, Error::OtherLog { .. }), "{error}");
}

#[tokio::test]
async fn a_log_shorter_than_the_checkpoint_is_named_with_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 5).await;
    let log = scenario.log_up_to(2).await;
    let error = Projections::open(dir.path(), programme(), log).await.err().unwrap();
    assert!(matches!(error, Error::LogShorter { checkpoint: 6, head: 2, .. }), "{error}");
    assert!(error.to_string().contains("tramonto store rebuild"), "{error}");
}

#[tokio::test]
async fn an_unknown_event_stops_a_projection_right_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 1).await;
    scenario.register(3, 9).await;
    scenario.beam_up().await;
    let projections = open(&scenario, &dir).await.unwrap();
    projections.tick(scenario.now()).await.unwrap();
    for _ in 0..2 {
        let error = projections.tick(scenario.now()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("event 4 (mailbox-beamed-up)"), "{text}");
        assert!(text.contains("tramonto store rebuild"), "{text}");
    }
    let status = projections.status(scenario.now()).await.unwrap();
    let at: Vec<_> = status.iter().map(|status| (status.checkpoint, status.lag_events)).collect();
    assert_eq!(at, [(3, 1), (3, 1)], "all before it is there");
    assert_eq!(projections.state().await.unwrap().0.rights.registered.len(), 6);
}

#[tokio::test]
async fn the_file_of_another_programme_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 1).await;
    let other = "other".parse().unwrap();
    let error = Projections::open(dir.path(), other, scenario.log()).await.err().unwrap();
    assert!(error.to_string().contains("belongs to the programme cec-pac"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_projection_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    let path = dir.path().join("state.db");
    std::fs::write(&path, "a letter to my mother, which is longer than a header").unwrap();
    let error = refusal(&scenario, &dir).await;
    let told = error.to_string();
    assert!(told.contains("state.db is damaged: it is not a SQLite database"), "{told}");
    assert!(told.ends_with("run `tramonto store rebuild`"), "{told}");
    assert!(std::error::Error::source(&error).is_none(), "a second remedy");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("a letter"));
}

#[tokio::test]
async fn tables_of_a_newer_program_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 1).await;
    let path = dir.path().join("state.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("PRAGMA user_version = 99").execute(&pool).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = refusal(&scenario, &dir).await;
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn a_set_cut_short_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = told(&dir, 4).await;
    let path = dir.path().join("state.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("UPDATE chunk SET members = x'00'").execute(&pool).await.unwrap();
    let sets = Sets::open(&path, programme(), scenario.log()).await.unwrap();
    let error = sets.load().await.unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
    assert!(error.to_string().contains("tramonto store rebuild"), "{error}");
}
