//! Somebody changes a right by hand while services run: it is found, put right and certified, by
//! whichever scheduler is there.

use std::fs;

use chrono::{TimeDelta, Timelike};
use engine::RealClock;
use eventstore::Clock;
use serde_json::Value;
use sqlx::{Connection, Executor};

use crate::world::{FEW, PLAN, World, done, tramonto};

/// The tests' plan with a comparison that comes due each day at the time that it will be in five
/// seconds. An occurrence before the plan is amended is none of it.
fn compared_soon() -> String {
    let soon = (RealClock.now() + TimeDelta::seconds(5)).with_timezone(&chrono_tz::Europe::Rome);
    let cron = format!("cron = \"{} {} {} * * *\"", soon.second(), soon.minute(), soon.hour());
    let plan = PLAN.replace("cron = \"0 0 4 1 * *\"", &cron);
    assert_ne!(plan, *PLAN);
    plan
}

/// What a command of `drift` prints as JSON, and the code it ends with.
fn asked(store: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = tramonto(store).arg("drift").args(arguments).arg("--json").output().unwrap();
    let printed = serde_json::from_slice(&ran.stdout);
    (ran.status.code(), printed.unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}")))
}

/// How often drift was found, and how many comparisons came to their end.
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

    // By hand, and with a lock in the way of the second half of a comparison, which lists who is
    // there.
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
