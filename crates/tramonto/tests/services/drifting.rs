//! A manual change of a right while services run is found, repaired and certified, by whichever
//! scheduler runs.

use std::fs;

use chrono::{TimeDelta, Timelike};
use engine::RealClock;
use eventstore::Clock;
use serde_json::Value;
use sqlx::{Connection, Executor};

use crate::world::{FEW, PLAN, World, done, tramonto};

/// The tests' plan with a daily comparison that is due in five seconds. Earlier occurrences are
/// skipped.
fn compared_soon() -> String {
    let soon = (RealClock.now() + TimeDelta::seconds(5)).with_timezone(&chrono_tz::Europe::Rome);
    let cron = format!("cron = \"{} {} {} * * *\"", soon.second(), soon.minute(), soon.hour());
    let plan = PLAN.replace("cron = \"0 0 4 1 * *\"", &cron);
    assert_ne!(plan, *PLAN);
    plan
}

/// The JSON output of a `drift` command, and its exit code.
fn asked(store: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = tramonto(store).arg("drift").args(arguments).arg("--json").output().unwrap();
    let printed = serde_json::from_slice(&ran.stdout);
    (ran.status.code(), printed.unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}")))
}

/// The number of drift events and of completed comparisons.
async fn told(world: &World) -> (i64, i64) {
    (world.recorded("drift-found").await, world.recorded("drift-checked").await)
}

#[tokio::test]
async fn a_right_given_back_by_hand_goes_again_though_the_scheduler_is_killed_while_it_compares() {
    let mut world = World::of(FEW).await;
    let mut services = world.start_all();
    world.until_complete().await;
    let (code, certificate) = asked(&world.store(), &["certify"]);
    assert_eq!(code, Some(4), "nobody has looked yet: {certificate}");

    // A manual change, with a lock that blocks the second half of a comparison, which lists the
    // mailboxes.
    let mut hand = world.connect().await;
    let given_back = "UPDATE directory.armed SET send_until = 'infinity' WHERE number IN
                      (SELECT number FROM directory.rights WHERE NOT can_send LIMIT 3)";
    assert_eq!(hand.execute(given_back).await.unwrap().rows_affected(), 3);
    hand.execute("BEGIN; LOCK TABLE directory.mailbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let plan = world.folder.path().join("compared-soon.toml");
    fs::write(&plan, compared_soon()).unwrap();
    done(&world.store(), &["plan", "amend", plan.to_str().unwrap(), "--reason", "look soon"]);
    let waits = "SELECT count(*) FROM pg_locks
                 WHERE NOT granted AND relation = 'directory.mailbox'::regclass";
    world.until("half a comparison", async || world.ask(waits).await > 0).await;
    assert_eq!(told(&world).await, (1, 0));
    let scheduler = services.swap_remove(0);
    assert_eq!(scheduler.role, "scheduler");
    scheduler.kill();
    hand.execute("COMMIT").await.unwrap();
    hand.close().await.unwrap();

    let _another = world.start("scheduler", &[]);
    world.until("the comparison's end", async || world.recorded("drift-checked").await > 0).await;
    let can_send = "SELECT count(*) FROM directory.rights WHERE can_send";
    world.until("the right to go again", async || world.ask(can_send).await == 0).await;
    world.until("a certificate", async || asked(&world.store(), &["certify"]).0 == Some(0)).await;
    let (_, certificate) = asked(&world.store(), &["certify"]);
    assert_eq!((&certificate["certified"], &certificate["checks"]), (&true.into(), &1.into()));
    let (code, checked) = asked(&world.store(), &["check"]);
    assert_eq!((code, &checked["drifting"]), (Some(0), &0.into()), "{checked}");
    assert_eq!(told(&world).await, (1, 2), "it was told twice");
    world.check().await;
}
