//! Tests specific to a registry that is shared by processes.

use super::*;
use crate::store::{ImportState, Write};

async fn another(world: &World) -> Registry {
    let options = world.database.as_ref().unwrap().options();
    Registry::connect(options, &world.plan.programme).await.unwrap()
}

#[tokio::test]
async fn the_second_of_two_concurrent_imports_is_refused() {
    let world = World::new(On::Postgres).await;
    let path = world.write("cec.csv", rows(0..10));
    let other = another(&world).await;
    let first = other.importing().await.unwrap();
    let error = world.import(&path).await.unwrap_err();
    assert!(matches!(error, Error::Importing { .. }), "{error}");
    assert!(error.to_string().contains("wait for its end"), "{error}");
    assert!(error.may_retry());
    assert!(world.rows().await.is_empty() && world.log().await.is_empty());
    drop(first);
    assert_eq!(balance(&world.import(&path).await.unwrap()), (10, 10, 0, 0, 0));
}

#[tokio::test]
async fn an_import_that_lost_its_lock_writes_nothing_more() {
    let world = World::new(On::Postgres).await;
    let path = world.write("cec.csv", rows(0..10));
    let mut first = world.registry.importing().await.unwrap();
    let sessions = "
        SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database one ON database = one.oid
        WHERE locktype = 'advisory' AND datname = current_database()";
    let options = world.database.as_ref().unwrap().options();
    let mut operator = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query(sessions).execute(&mut operator).await.unwrap();
    let summary = world.import(&path).await.unwrap();
    assert_eq!(balance(&summary), (10, 10, 0, 0, 0));
    let last = world.registry.last_import().await.unwrap().unwrap();
    let import = ImportState { number: last.number + 1, ..last };
    let late = Write { import: &import, rows: &[], freed: &[], events: &[] };
    let error = first.write(late).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
    let now = world.registry.last_import().await.unwrap().unwrap();
    assert_eq!(now.number + 1, import.number, "the late write left nothing");
}

#[tokio::test]
async fn readers_see_each_batch_as_soon_as_it_is_in() {
    let world = World::new(On::Postgres).await;
    let other = another(&world).await;
    world.import(&world.write("cec.csv", rows(0..10))).await.unwrap();
    assert_eq!(other.next_number().await.unwrap(), 10);
    assert_eq!(other.counts().await.unwrap(), world.registry.counts().await.unwrap());
    let set: roaring::RoaringBitmap = [3, 5, 99].into_iter().collect();
    let found = other.addresses_of(&set).await.unwrap();
    assert_eq!(found.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [3, 5]);
}
