use domain::{Event, PlanAdopted};
use scheduler::check_recurring;

use crate::support::{World, plan, utc};

/// The clock's readings, and what stands in the log after a tick at each.
async fn recorded_by(cron: &str, catch_up: &str, adopted: &str, wakes: &[&str]) -> Vec<String> {
    let world = World::adopted(plan(&[("work", cron, catch_up)]), adopted).await;
    let mut scheduler = world.scheduler();
    for at in wakes {
        world.set_clock(utc(at));
        scheduler.tick().await.unwrap();
    }
    world.recorded().await.into_iter().filter(|line| line.starts_with("work")).collect()
}

const NIGHTLY: &str = "0 30 3 * * *";

#[tokio::test]
async fn once_lets_the_last_occurrence_stand_for_all_that_were_missed() {
    let wakes = ["2015-01-01T02:00:00Z", "2015-01-01T02:30:00Z", "2015-01-05T00:00:00Z"];
    assert_eq!(
        recorded_by(NIGHTLY, "once", "2015-01-01T00:00:00Z", &wakes).await,
        [
            "work 2015-01-01T02:30:00Z late 0 skipped 0",
            "work 2015-01-04T02:30:00Z late 77400 skipped 2",
        ]
    );
}

#[tokio::test]
async fn skip_passes_over_what_is_more_than_a_minute_late_and_tells_of_it_with_the_next() {
    let wakes = [
        "2015-01-01T02:31:00Z",
        "2015-01-02T02:31:01Z",
        "2015-01-04T01:00:00Z",
        "2015-01-04T02:30:20Z",
    ];
    assert_eq!(
        recorded_by(NIGHTLY, "skip", "2015-01-01T00:00:00Z", &wakes).await,
        [
            "work 2015-01-01T02:30:00Z late 60 skipped 0",
            "work 2015-01-04T02:30:00Z late 20 skipped 2",
        ]
    );
}

#[tokio::test]
async fn skip_sleeps_until_an_occurrence_to_come() {
    let world = World::adopted(plan(&[("work", NIGHTLY, "skip")]), "2014-12-01T00:00:00Z").await;
    let tick = world.tick_at("2014-12-05T12:00:00Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, Some(utc("2014-12-06T02:30:00Z"))));
}

#[tokio::test]
async fn all_carries_out_each_in_order() {
    let wakes = ["2015-01-03T02:30:00Z"];
    assert_eq!(
        recorded_by(NIGHTLY, "all", "2015-01-01T00:00:00Z", &wakes).await,
        [
            "work 2015-01-01T02:30:00Z late 172800 skipped 0",
            "work 2015-01-02T02:30:00Z late 86400 skipped 0",
            "work 2015-01-03T02:30:00Z late 0 skipped 0",
        ]
    );
}

#[tokio::test]
async fn all_is_bounded_in_a_tick_and_asks_for_the_next_at_once() {
    let plan = plan(&[("work", "0 * * * * *", "all")]);
    let world = World::adopted(plan, "2014-12-01T00:00:00Z").await;
    world.set_clock(utc("2014-12-01T01:40:30Z"));
    let mut scheduler = world.scheduler();
    let tick = scheduler.tick().await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (64, Some(utc("2014-12-01T01:05:00Z"))));
    let tick = scheduler.tick().await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (36, Some(utc("2014-12-01T01:41:00Z"))));
    let recorded = world.recorded().await;
    assert_eq!(recorded.len(), 100);
    assert!(recorded.is_sorted());
}

/// Clocks in Rome go from 02:00 to 03:00 on 29 March 2015 and from 03:00 to 02:00 on 25 October
/// 2015.
#[tokio::test]
async fn where_the_clocks_change_a_named_hour_comes_once_a_day() {
    let spring = ["2015-03-30T12:00:00Z"];
    assert_eq!(
        recorded_by("0 30 2 * * *", "all", "2015-03-28T00:00:00Z", &spring).await,
        [
            "work 2015-03-28T01:30:00Z late 210600 skipped 0",
            "work 2015-03-29T01:00:00Z late 126000 skipped 0",
            "work 2015-03-30T00:30:00Z late 41400 skipped 0",
        ]
    );
    let autumn = ["2015-10-26T12:00:00Z"];
    assert_eq!(
        recorded_by("0 30 2 * * *", "all", "2015-10-24T00:00:00Z", &autumn).await,
        [
            "work 2015-10-24T00:30:00Z late 214200 skipped 0",
            "work 2015-10-25T00:30:00Z late 127800 skipped 0",
            "work 2015-10-26T01:30:00Z late 37800 skipped 0",
        ]
    );
}

#[tokio::test]
async fn where_the_clocks_change_work_of_every_hour_goes_by_elapsed_time() {
    for (from, until) in [
        ("2015-03-28T22:10:00Z", "2015-03-29T04:10:00Z"),
        ("2015-10-24T22:10:00Z", "2015-10-25T04:10:00Z"),
    ] {
        for (cron, count) in [("0 0 * * * *", 6), ("0 */20 * * * *", 18), ("0 55 * * * *", 6)] {
            let recorded = recorded_by(cron, "all", from, &[until]).await;
            assert_eq!(recorded.len(), count, "{cron} from {from}: {recorded:#?}");
            assert!(recorded.is_sorted());
        }
    }
}

#[tokio::test]
async fn work_that_an_amendment_brings_owes_nothing_for_the_time_before() {
    let before = plan(&[("kept", NIGHTLY, "all")]);
    let after = plan(&[("kept", NIGHTLY, "all"), ("work", "0 0 1 * * *", "all")]);
    let world = World::adopted(before, "2014-12-01T00:00:00Z").await;
    world.set_clock(utc("2014-12-03T00:00:00Z"));
    world.record(Event::PlanAmended(PlanAdopted { revision: 2, plan: after })).await;
    world.tick_at("2014-12-03T12:00:00Z").await.unwrap();
    assert_eq!(
        world.recorded().await,
        [
            "kept 2014-12-01T02:30:00Z late 207000 skipped 0",
            "kept 2014-12-02T02:30:00Z late 120600 skipped 0",
            "kept 2014-12-03T02:30:00Z late 34200 skipped 0",
        ]
    );
    world.tick_at("2014-12-04T00:00:00Z").await.unwrap();
    assert_eq!(
        world.recorded().await.last().unwrap(),
        "work 2014-12-04T00:00:00Z late 0 skipped 0"
    );
}

#[tokio::test]
async fn a_bad_cron_expression_names_its_entry_and_holds_up_no_phase() {
    for (cron, problem) in [
        ("0 61 3 * * *", "cannot be parsed: "),
        ("0 0 0 30 2 *", "never occurs;"),
        ("0 30 3 * * noday", "cannot be parsed: "),
    ] {
        let bad = plan(&[("work", cron, "once")]);
        let error = check_recurring(&bad).unwrap_err();
        let text = error.to_string();
        let opening = format!("recurring work work has cron = {cron:?}, which {problem}");
        assert!(text.starts_with(&opening), "{text}");
        assert!(!error.may_retry());
        let world = World::adopted(bad, "2014-12-01T00:00:00Z").await;
        world.tick_at("2014-12-18T00:00:00Z").await.unwrap_err();
        assert_eq!(world.recorded().await, ["activations-closed 2014-12-17T23:00:00Z late 3600"]);
    }
    check_recurring(&domain::Plan::cec_pac().unwrap()).unwrap();
}
