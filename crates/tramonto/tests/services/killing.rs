//! SIGKILL, to services and to servers.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::world::{FEW, MANY, SMALL_ORDERS, Service, World, done, warnings};

/// The running services, as often as each is listed.
const ROLES: [&str; 13] = [
    "scheduler",
    "scheduler",
    "projector",
    "projector",
    "relay",
    "relay",
    "api",
    "api",
    "worker",
    "worker",
    "worker",
    "worker",
    "worker",
];

fn start(world: &mut World, role: &'static str) -> Service {
    let more = if role == "scheduler" { SMALL_ORDERS } else { &["--workers", "1"][..] };
    world.start(role, if matches!(role, "scheduler" | "worker") { more } else { &[] })
}

#[tokio::test]
async fn services_killed_thirty_times_during_a_phase_of_100_000_end_as_if_they_had_not_been() {
    let mut world = World::of(MANY).await;
    // A rate limit, so that there is time for the kills.
    for effect in ["send", "modify", "receive"] {
        let pace = [
            "phase",
            "limit",
            effect,
            "--calls-per-second",
            "4",
            "--reason",
            "to be caught at work",
        ];
        done(&world.store(), &pace);
    }
    let mut services: Vec<_> = ROLES.iter().map(|role| start(&mut world, role)).collect();
    world.until_outcomes(3).await;
    let mut dice = ChaCha8Rng::seed_from_u64(seed());
    for kill in 0..30 {
        let completed = world.completed().await;
        assert!(completed < 3, "after {kill} kills there was nothing left to kill");
        let place = dice.random_range(0..services.len());
        let service = services.swap_remove(place);
        let role = service.role;
        service.kill();
        services.push(start(&mut world, role));
        world.until_outcomes(world.outcomes().await + dice.random_range(1..3)).await;
    }
    for effect in ["send", "modify", "receive"] {
        done(&world.store(), &["phase", "limit", effect, "--reason", "full speed"]);
    }
    world.check().await;
}

/// A fixed seed, unless `TRAMONTO_SEED` sets another.
fn seed() -> u64 {
    std::env::var("TRAMONTO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

async fn with_the_bus_gone(erased: bool) {
    let mut world = World::of(FEW).await;
    done(
        &world.store(),
        &["phase", "limit", "send", "--calls-per-second", "4", "--reason", "a brake"],
    );
    let services = world.start_all();
    world.until_outcomes(3).await;
    let before = warnings(&services);
    world.nats.end("KILL");
    if erased {
        world.nats.erase();
    }
    world.until_warned(&services, &["scheduler", "worker", "relay"], &before).await;
    world.nats.start();
    world.check().await;
}

#[tokio::test]
async fn a_nats_server_killed_and_started_again_changes_nothing() {
    with_the_bus_gone(false).await;
}

#[tokio::test]
async fn a_nats_server_that_lost_all_its_data_changes_nothing() {
    with_the_bus_gone(true).await;
}

#[tokio::test]
async fn a_database_stopped_at_once_and_started_again_is_reported_and_changes_nothing() {
    let mut world = World::of(FEW).await;
    done(
        &world.store(),
        &["phase", "limit", "send", "--calls-per-second", "4", "--reason", "a brake"],
    );
    let services = world.start_all();
    for stop in 1..=3 {
        world.until_outcomes(stop * 3).await;
        world.lose_the_database(&services).await;
    }
    world.check().await;
}
