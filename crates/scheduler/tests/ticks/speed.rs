use std::time::{Duration, Instant};

use crate::support::{World, plan, utc};

/// A rehearsal ticks thousands of times; this would take days if each tick counted the seconds
/// since the plan was adopted.
#[tokio::test]
async fn a_tick_with_nothing_due_goes_through_nothing() {
    let plan = plan(&[("second", "0 0 3 1 1 *", "once"), ("skipped", "* * * * * *", "skip")]);
    let world = World::adopted(plan, "2014-12-01T00:00:00Z").await;
    let mut scheduler = world.scheduler();
    world.set_clock(utc("2014-12-16T00:00:00.5Z"));
    scheduler.tick().await.unwrap();
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(scheduler.tick().await.unwrap().progress, 0);
    }
    let each = begun.elapsed() / 1000;
    assert!(each < Duration::from_millis(1), "{each:?} a tick");
}
