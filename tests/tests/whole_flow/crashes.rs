//! The engine may crash anywhere: what was started is finished, once, and every mailbox is
//! accounted for.

use engine::EngineSettings;
use rehearsal::{phases, prove};
use whole_flow::{Nobody, World};
use workers::SweepSettings;

async fn ends_as_if_it_had_not_been_dropped_after_every(events: u64) {
    let world = World::with(300).await;
    let sweep = SweepSettings { batch: 20, orders: 4 };
    let settings = EngineSettings { sweep, ..EngineSettings::default() };
    let mut running = world.rehearsing(settings, Some(events)).await;
    running.run(&mut Nobody).await.unwrap();
    assert!(running.crashes > 3, "it was dropped {} times", running.crashes);
    let snapshot = running.engine.journal.state().await.unwrap();
    let reports = phases(&snapshot, running.engine.journal.now());
    drop(snapshot);
    assert!(reports.iter().all(|report| report.completed_at.is_some()));
    assert!(reports.iter().all(|report| report.pending + report.retrying == 0));
    running.engine.stop().await.unwrap();
    assert_eq!(prove(&world.home()).await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn an_engine_dropped_after_every_event_ends_as_if_it_had_not_been() {
    ends_as_if_it_had_not_been_dropped_after_every(1).await;
}

#[tokio::test]
async fn an_engine_dropped_after_every_third_event_ends_as_if_it_had_not_been() {
    ends_as_if_it_had_not_been_dropped_after_every(3).await;
}

#[tokio::test]
async fn an_engine_dropped_after_every_seventh_event_ends_as_if_it_had_not_been() {
    ends_as_if_it_had_not_been_dropped_after_every(7).await;
}
