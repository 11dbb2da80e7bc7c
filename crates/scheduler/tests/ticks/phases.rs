use chrono::TimeDelta;
use proptest::prelude::*;

use crate::support::{World, plan, utc};

#[tokio::test]
async fn a_phase_starts_at_its_instant_and_not_a_millisecond_before() {
    let world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    let tick = world.tick_at("2014-12-17T22:59:59.999Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, Some(utc("2014-12-17T23:00:00Z"))));
    let tick = world.tick_at("2014-12-17T23:00:00Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (1, Some(utc("2015-03-17T23:00:00Z"))));
    assert_eq!(world.recorded().await, ["activations-closed 2014-12-17T23:00:00Z late 0"]);
}

#[tokio::test]
async fn phases_missed_while_nothing_ran_start_in_order_marked_late_by_how_much() {
    let world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    let tick = world.tick_at("2015-07-18T00:00:00Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (3, Some(utc("2015-09-17T22:00:00Z"))));
    assert_eq!(
        world.recorded().await,
        [
            "activations-closed 2014-12-17T23:00:00Z late 18320400",
            "receive-only 2015-03-17T23:00:00Z late 10544400",
            "consultation-only 2015-07-17T22:00:00Z late 7200",
        ]
    );
}

#[tokio::test]
async fn after_the_last_phase_there_is_nothing_to_wake_for() {
    let world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    let tick = world.tick_at("2018-03-18T00:00:00Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (5, None));
    let tick = world.tick_at("2019-01-01T00:00:00Z").await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, None));
}

#[tokio::test]
async fn without_a_plan_there_is_nothing_to_do() {
    let mut world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    world.store = std::sync::Arc::new(eventstore::MemoryStore::new(world.clock.clone()));
    assert_eq!(world.tick_at("2015-01-01T00:00:00Z").await.unwrap(), domain::Tick::default());
}

#[tokio::test]
async fn a_start_names_its_actor_and_the_position_its_population_is_frozen_at() {
    let world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    world.tick_at("2014-12-18T00:00:00Z").await.unwrap();
    let page = world.store.read_all(1, &eventstore::Filter::default(), 9).await.unwrap();
    let started = page.events.first().unwrap();
    assert_eq!(started.event.actor, "scheduler");
    assert_eq!(started.recorded_at, utc("2014-12-18T00:00:00Z"));
    let domain::Event::PhaseStarted(event) = started.fact().unwrap().event else {
        panic!("no phase started");
    };
    assert_eq!(event.frozen_at, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Wakes come at any time, in any order, in a process that lived on or in a new one, up to an
    /// hour backwards: the clock may be set, and the machine may sleep.
    #[test]
    fn every_phase_starts_once_never_early_and_in_order(
        steps in proptest::collection::vec((-3600_i64..12_000_000, any::<bool>()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let plan = plan(&[("nightly", "0 30 3 * * *", "once")]);
            let world = World::adopted(plan.clone(), "2014-12-01T00:00:00Z").await;
            let mut scheduler = world.scheduler();
            let mut now = utc("2014-12-01T01:00:00Z");
            let mut newest = now;
            for (seconds, restarted) in steps {
                now = (now + TimeDelta::seconds(seconds)).max(newest - TimeDelta::minutes(59));
                newest = newest.max(now);
                world.set_clock(now);
                if restarted {
                    scheduler = world.scheduler();
                }
                let tick = scheduler.tick().await.unwrap();
                assert!(tick.next_wake.is_none_or(|at| at > now), "a wake that has passed");
                let recorded = world.recorded().await;
                let started: Vec<_> = recorded
                    .iter()
                    .filter(|line| !line.starts_with("nightly"))
                    .map(|line| line.split(' ').next().unwrap())
                    .collect();
                let due = plan.due(newest).end;
                let expected: Vec<_> =
                    plan.phases.iter().take(due).map(|phase| phase.id.as_str()).collect();
                assert_eq!(started, expected, "at {now}");
            }
        });
    }
}
