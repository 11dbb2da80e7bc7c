//! With the log in a file: the same, and after a kill rows and checkpoint are from one event.

use projections::{Sets, Table};
use proptest::prelude::*;

use crate::derived::scenario::{Scenario, killed_after, programme, run, steps};
use crate::derived::table::{expected, found};

async fn open(scenario: &Scenario, dir: &tempfile::TempDir) -> (Sets, Table) {
    let at = |name: &str| dir.path().join(name);
    let sets = Sets::open(&at("state.db"), programme(), scenario.log()).await.unwrap();
    let table = Table::open(&at("mailboxes.db"), programme(), scenario.log()).await.unwrap();
    (sets, table)
}

async fn caught_up(scenario: &Scenario, (sets, table): &(Sets, Table)) {
    while sets.tick(scenario.now()).await.unwrap().progress > 0 {}
    while table.tick(scenario.now()).await.unwrap().progress > 0 {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn sets_and_rows_say_what_a_log_in_a_file_says(steps in steps(), every in 1_usize..30) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::begin_in(&dir).await;
            let mut opened = open(&scenario, &dir).await;
            for (count, step) in steps.iter().enumerate() {
                scenario.step(*step).await;
                if count % every == 0 {
                    // Killed wherever it is by then.
                    killed_after(every, opened.0.tick(scenario.now())).await;
                    killed_after(every, opened.1.tick(scenario.now())).await;
                    drop(opened);
                    opened = open(&scenario, &dir).await;
                }
            }
            caught_up(&scenario, &opened).await;
            assert_eq!(opened.0.load().await.unwrap().0, scenario.state().await);
            assert_eq!(found(&dir).await, expected(&scenario).await);
        });
    }
}

#[tokio::test]
async fn killed_at_any_moment_the_files_are_of_one_event_and_go_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin_in(&dir).await;
    let mut moments = [0, 0];
    for polls in 1.. {
        scenario.register(7, polls).await;
        scenario.advance(chrono::Duration::hours(40));
        let opened = open(&scenario, &dir).await;
        let polls = usize::try_from(polls).unwrap();
        let sets = killed_after(polls, opened.0.tick(scenario.now())).await;
        let table = killed_after(polls, opened.1.tick(scenario.now())).await;
        drop(opened);
        let opened = open(&scenario, &dir).await;
        let (state, position) = opened.0.load().await.unwrap();
        let registered = 7 * (position.max(1) - 1);
        assert_eq!(state.rights.registered.len(), registered, "killed after {polls}");
        let position = opened.1.status(scenario.now()).await.unwrap().checkpoint;
        let registered = 7 * (position.max(1) - 1);
        assert_eq!(found(&dir).await.len(), usize::try_from(registered).unwrap());
        caught_up(&scenario, &opened).await;
        assert_eq!(found(&dir).await, expected(&scenario).await, "killed after {polls}");
        for (moments, ended) in moments.iter_mut().zip([sets.is_some(), table.is_some()]) {
            *moments += usize::from(!ended);
        }
        if sets.is_some() && table.is_some() {
            break;
        }
    }
    assert!(moments.iter().all(|moments| *moments >= 4), "killed at {moments:?} moments only");
}
