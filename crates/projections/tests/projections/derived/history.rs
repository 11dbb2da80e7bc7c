use chrono::{Duration, TimeZone, Utc};
use chrono_tz::Europe::Rome;
use domain::{Lifecycle, Mailbox};
use projections::{Cutoff, History, Projections, mailbox_now};
use proptest::prelude::*;

use crate::derived::scenario::{Scenario, programme, run, steps};

async fn open(scenario: &Scenario, dir: &tempfile::TempDir) -> Projections {
    Projections::open(dir.path(), programme(), scenario.log()).await.unwrap()
}

async fn as_of(history: &History, number: u32, cutoff: Cutoff) -> Mailbox {
    history.mailbox_as_of(number, cutoff).await.unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_mailbox_is_what_its_history_folds_to_and_what_the_sets_say(
        steps in steps(), indexed in 0_usize..90,
    ) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::begin().await;
            let projections = open(&scenario, &dir).await;
            for (count, step) in steps.iter().enumerate() {
                scenario.step(*step).await;
                // The index ends somewhere; a history is complete all the same.
                if count == indexed {
                    projections.catch_up(scenario.now()).await.unwrap();
                }
            }
            let state = scenario.state().await;
            let now = Cutoff::at(scenario.now(), Rome);
            let past = projections.history.population_as_of(now).await.unwrap();
            assert_eq!(past, state, "the population as of now is the population");
            for number in 0..=state.rights.next_number() {
                let entries = projections.history.history(number).await.unwrap();
                let mut folded = Mailbox::new(number);
                for entry in &entries {
 folded.evolve(&entry.fact.event);
}
                assert_eq!(folded, mailbox_now(&state, number));
                assert_eq!(as_of(&projections.history, number, now).await, folded);
                let positions = entries.iter().map(|entry| entry.fact.position);
                assert!(positions.is_sorted());
            }
        });
    }

    #[test]
    fn as_of_any_date_each_mailbox_agrees_with_the_population(
        steps in steps(),
        (as_of_hours, known_hours) in (0_i64..20_000, 0_i64..20_000),
    ) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let scenario = Scenario::told(&steps).await;
            let projections = open(&scenario, &dir).await;
            projections.catch_up(scenario.now()).await.unwrap();
            let start = Utc.with_ymd_and_hms(2014, 1, 1, 0, 0, 0).unwrap();
            let cutoff = Cutoff {
                as_of: start + Duration::hours(as_of_hours),
                known_at: start + Duration::hours(known_hours),
                zone: Rome,
            };
            let state = projections.history.population_as_of(cutoff).await.unwrap();
            for number in 0..=scenario.state().await.rights.next_number() {
                let mailbox = as_of(&projections.history, number, cutoff).await;
                assert_eq!(mailbox, mailbox_now(&state, number), "{cutoff:?}");
            }
        });
    }
}

#[tokio::test]
async fn a_registration_counts_from_its_day_and_is_known_from_the_import() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    scenario.register(40, 5).await;
    let projections = open(&scenario, &dir).await;
    let imported = scenario.now();
    let earlier = imported - Duration::days(120);
    let history = &projections.history;
    let then = Cutoff { as_of: earlier, known_at: imported, zone: Rome };
    let seen_today = history.population_as_of(then).await.unwrap();
    let registered = seen_today.rights.registered.len();
    assert!(registered > 0 && registered < 40, "{registered} of 40 had registered by then");
    let seen_then = history.population_as_of(Cutoff::at(earlier, Rome)).await.unwrap();
    assert!(seen_then.rights.registered.is_empty(), "nothing was known before the import");
    let later = (0..40).find(|number| !seen_today.rights.registered.contains(*number)).unwrap();
    assert_eq!(as_of(history, later, then).await.lifecycle, Lifecycle::Unknown);
}

#[tokio::test]
async fn nobody_has_no_history() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::begin().await;
    scenario.register(3, 1).await;
    let projections = open(&scenario, &dir).await;
    assert_eq!(projections.history.history(3).await.unwrap(), Vec::new());
    assert_eq!(projections.history.history(u32::MAX).await.unwrap(), Vec::new());
}
