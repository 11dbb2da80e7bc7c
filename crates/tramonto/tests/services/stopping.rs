//! Services that are asked to stop: they end in time, with code 0, and nothing is lost.

use crate::world::{FEW, SMALL_ORDERS, World, done};

#[tokio::test]
async fn a_rolling_restart_of_every_service_during_a_phase_finishes_it() {
    let mut world = World::of(FEW).await;
    for effect in ["send", "receive"] {
        done(
            &world.store(),
            &["phase", "limit", effect, "--calls-per-second", "4", "--reason", "a brake"],
        );
    }
    let mut services = world.start_all();
    world.until_outcomes(3).await;
    for _ in 0..services.len() {
        let service = services.remove(0);
        let role = service.role;
        let successor = world.start(role, if role == "scheduler" { SMALL_ORDERS } else { &[] });
        assert_eq!(service.stop().await, Some(0), "{role}");
        services.push(successor);
    }
    assert!(world.completed().await < 3, "the restart came after the work");
    world.check().await;
    for service in services {
        let role = service.role;
        assert_eq!(service.stop().await, Some(0), "{role} at rest");
    }
}

#[tokio::test]
async fn every_service_in_one_process_does_the_same() {
    let mut world = World::of(FEW).await;
    let all = world.start("run", SMALL_ORDERS);
    world.check().await;
    assert_eq!(all.stop().await, Some(0));
}

#[tokio::test]
async fn workers_that_take_some_effects_each_do_all_of_them_for_a_scheduler_that_comes_last() {
    let mut world = World::of(FEW).await;
    let _projector = world.start("projector", &[]);
    let _relay = world.start("relay", &[]);
    let _workers = [
        world.start("worker", &["--effects", "send,modify"]),
        world.start("worker", &["--effects", "activate,receive,access"]),
    ];
    // Its limit of orders in flight is higher than that of the others, which declared the stream.
    let _scheduler = world.start("scheduler", &["--batch", "100", "--orders", "200"]);
    world.check().await;
}
