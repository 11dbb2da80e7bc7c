use domain::State;
use projections::Sets;
use proptest::prelude::*;

use crate::derived::scenario::{Scenario, programme, run, steps};

async fn open(scenario: &Scenario, dir: &tempfile::TempDir) -> Sets {
    Sets::open(&dir.path().join("state.db"), programme(), scenario.log()).await.unwrap()
}

async fn caught_up(scenario: &Scenario, sets: &Sets) -> (State, u64) {
    while sets.tick(scenario.now()).await.unwrap().progress > 0 {}
    sets.load().await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_loaded_is_what_the_log_folds_to(steps in steps(), restart in 1_usize..9) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::begin().await;
            let mut sets = open(&scenario, &dir).await;
            for (count, step) in steps.iter().enumerate() {
                scenario.step(*step).await;
                sets.tick(scenario.now()).await.unwrap();
                if count % restart == 0 {
                    drop(sets);
                    sets = open(&scenario, &dir).await;
                }
            }
            let (known, head) = caught_up(&scenario, &sets).await;
            drop(sets);
            let (loaded, position) = open(&scenario, &dir).await.load().await.unwrap();
            assert_eq!(loaded, known);
            assert_eq!(loaded, scenario.state().await);
            assert_eq!(position, head);
        });
    }

    #[test]
    fn a_digest_does_not_tell_in_how_many_passes_the_log_was_read(steps in steps()) {
        run(async {
            let (often, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let scenario = Scenario::begin().await;
            let ticked = open(&scenario, &often).await;
            for step in &steps {
                scenario.step(*step).await;
                ticked.tick(scenario.now()).await.unwrap();
            }
            caught_up(&scenario, &ticked).await;
            let at_once = open(&scenario, &once).await;
            caught_up(&scenario, &at_once).await;
            assert_eq!(ticked.digest().await.unwrap(), at_once.digest().await.unwrap());
        });
    }
}

#[tokio::test]
async fn two_processes_on_one_file_do_not_overwrite_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    let (one, other) = (open(&scenario, &dir).await, open(&scenario, &dir).await);
    for round in 0..6 {
        scenario.register(5, round).await;
        let turn = if round % 2 == 0 { &one } else { &other };
        turn.tick(scenario.now()).await.unwrap();
    }
    for sets in [&one, &other] {
        let (state, position) = caught_up(&scenario, sets).await;
        assert_eq!(state, scenario.state().await);
        assert_eq!(position, 7);
    }
    let (state, _) = open(&scenario, &dir).await.load().await.unwrap();
    assert_eq!(state, scenario.state().await);
}

#[tokio::test]
async fn only_chunks_that_changed_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    let sets = open(&scenario, &dir).await;
    for seed in 0..12 {
        scenario.register(20_000, seed).await;
    }
    caught_up(&scenario, &sets).await;
    let before = rowids(&dir).await;
    scenario.register(10, 77).await;
    caught_up(&scenario, &sets).await;
    let after = rowids(&dir).await;
    let rewritten: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    // 240,010 numbers end in the fourth chunk: that of the registered and that of the activated.
    assert_eq!(rewritten.len(), 2, "{rewritten:?}");
    assert!(rewritten.iter().all(|(_, _, chunk)| *chunk == 3));
}

/// A chunk that is replaced gets a new row id.
async fn rowids(dir: &tempfile::TempDir) -> Vec<(i64, String, i64)> {
    let url = format!("sqlite://{}", dir.path().join("state.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query_as("SELECT rowid, name, chunk FROM chunk").fetch_all(&pool).await.unwrap()
}
