//! Network partitions, and suspended workers.

use crate::proxy::Proxy;
use crate::world::{FEW, SMALL_ORDERS, World, done, store};

/// One worker behind proxies, and everything else beside it.
async fn cut_off(cut_the_store: bool) {
    let mut world = World::of(FEW).await;
    for effect in ["send", "receive"] {
        done(
            &world.store(),
            &["phase", "limit", effect, "--calls-per-second", "4", "--reason", "a brake"],
        );
    }
    let to_store = Proxy::to(world.postgres.port).await;
    let to_bus = Proxy::to(world.nats.port).await;
    let _scheduler = world.start("scheduler", SMALL_ORDERS);
    let _others = ["projector", "relay"].map(|role| world.start(role, &[]));
    let bus = format!("nats://127.0.0.1:{}", to_bus.port);
    let _cut_off = world.start_at("worker", &store(to_store.port), &bus, &["--workers", "2"]);
    world.until_outcomes(3).await;
    let wire = if cut_the_store { &to_store } else { &to_bus };
    wire.cut();
    let _other = world.start("worker", &[]);
    // The other worker completed what the first one had in flight for these phases too.
    world.until_completed(2).await;
    wire.mend();
    world.check().await;
}

#[tokio::test]
async fn a_worker_cut_off_from_the_bus_does_no_harm() {
    cut_off(false).await;
}

#[tokio::test]
async fn a_worker_cut_off_from_the_store_does_no_harm() {
    cut_off(true).await;
}

#[tokio::test]
async fn workers_that_stood_still_past_their_lease_are_fenced_off() {
    let mut world = World::of(FEW).await;
    done(
        &world.store(),
        &["phase", "limit", "send", "--calls-per-second", "4", "--reason", "a brake"],
    );
    let _scheduler = world.start("scheduler", SMALL_ORDERS);
    let _others = ["projector", "relay"].map(|role| world.start(role, &[]));
    let still = world.start("worker", &["--workers", "4"]);
    world.until_outcomes(2).await;
    still.signal("STOP");
    let other = world.start("worker", &["--workers", "4"]);
    // The other worker completed what the first one had in flight for this phase.
    world.until_completed(1).await;
    still.signal("CONT");
    // And vice versa: the successor is suspended in turn.
    other.signal("STOP");
    world.until_completed(2).await;
    other.signal("CONT");
    world.check().await;
}

#[tokio::test]
async fn leaders_that_stood_still_past_their_lease_are_fenced_off() {
    let mut world = World::of(FEW).await;
    done(
        &world.store(),
        &["phase", "limit", "send", "--calls-per-second", "4", "--reason", "a brake"],
    );
    let leaders = ["scheduler", "projector", "relay"]
        .map(|role| world.start(role, if role == "scheduler" { SMALL_ORDERS } else { &[] }));
    let _worker = world.start("worker", &[]);
    world.until_outcomes(2).await;
    let before = world.tokens().await;
    for leader in &leaders {
        leader.signal("STOP");
    }
    let _standbys = ["scheduler", "projector", "relay"]
        .map(|role| world.start(role, if role == "scheduler" { SMALL_ORDERS } else { &[] }));
    world.until_taken_over(&["sweep", "relay"], &before).await;
    for leader in &leaders {
        leader.signal("CONT");
    }
    world.check().await;
}
