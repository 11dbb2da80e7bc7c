use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use eventstore::{Clock, EventStore, MemoryStore};
use policy::Answer;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::world::{BOUND, World, utc};

const TO_P0: &str = "recipient=p0@box.example";
/// Also for those who are none of ours: that can't be known.
const TO_OTHERS: &str = "recipient=someone@mail.example";

#[tokio::test]
async fn before_the_store_was_read_whole_mail_comes_again() {
    let mut world = World::new().await;
    assert_eq!(world.answer(TO_P0), Answer::Defer);
    assert_eq!(world.answer(TO_OTHERS), Answer::Defer);
    world.log.is_away.store(true, Ordering::SeqCst);
    world.follower.tick().await.unwrap_err();
    assert_eq!(world.answer(TO_P0), Answer::Defer);
    world.log.is_away.store(false, Ordering::SeqCst);
    world.follow().await;
    assert_eq!(world.answer(TO_P0), Answer::Dunno);
    assert!(Answer::Defer.action().starts_with("451 4.3.5 "));
}

#[tokio::test]
async fn without_contact_for_longer_than_the_bound_mail_comes_again_until_there_is() {
    let mut world = World::new().await;
    let (begun, bound) = (utc("2015-07-17T21:59:40Z"), TimeDelta::from_std(BOUND).unwrap());
    assert_eq!(world.at(begun, TO_P0).await, Answer::Dunno);
    world.log.is_away.store(true, Ordering::SeqCst);
    world.follower.tick().await.unwrap_err();
    // Within the bound it goes on, midnight included.
    world.time.set(begun + bound);
    assert!(world.answer(TO_P0).action().starts_with("550 5.2.1"));
    assert_eq!(world.answer(TO_OTHERS), Answer::Dunno);
    for late in [TimeDelta::milliseconds(1), TimeDelta::days(400)] {
        world.time.set(begun + bound + late);
        assert_eq!(world.answer(TO_P0), Answer::Defer);
        assert_eq!(world.answer(TO_OTHERS), Answer::Defer);
    }
    world.log.is_away.store(false, Ordering::SeqCst);
    world.follow().await;
    assert!(world.answer(TO_P0).action().starts_with("550 5.2.1"));
}

#[tokio::test]
async fn the_bound_holds_by_the_steady_clock_too() {
    let mut world = World::with(Duration::from_millis(5), &[]).await;
    world.follow().await;
    let begun = Instant::now();
    while world.snapshot.is_fresh() {
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(
        world.answer(TO_P0),
        Answer::Defer,
        "though the clock that shows the time stood still"
    );
}

#[tokio::test]
async fn a_clock_that_goes_back_gives_back_and_harms_nothing() {
    let mut world = World::new().await;
    let ended = utc("2015-07-18T12:00:00Z");
    assert!(world.at(ended, TO_P0).await.action().starts_with("550"));
    for earlier in [utc("2015-07-17T12:00:00Z"), utc("0001-01-01T00:00:00Z")] {
        world.time.set(earlier);
        assert_eq!(world.answer(TO_P0), Answer::Dunno);
    }
    world.time.set(chrono::DateTime::<chrono::Utc>::MIN_UTC);
    assert_eq!(world.answer(TO_P0), Answer::Dunno);
    world.time.set(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    assert_eq!(world.answer(TO_P0), Answer::Defer, "as after a long sleep");
}

#[tokio::test]
async fn an_event_of_a_later_version_stops_the_answers_after_the_bound() {
    let mut world = World::new().await;
    world.follow().await;
    world.unknown_event().await;
    world.follower.tick().await.unwrap_err();
    world.time.set(utc("2014-12-17T11:00:31Z"));
    world.follower.tick().await.unwrap_err();
    assert_eq!(world.answer(TO_P0), Answer::Defer);
}

#[tokio::test]
async fn a_log_that_became_shorter_is_read_anew_and_nothing_of_the_old_one_is_answered() {
    let mut world = World::new().await;
    world.follow().await;
    let clock: Arc<dyn Clock> = Arc::<crate::world::Time>::clone(&world.time);
    let empty: Arc<dyn EventStore> = Arc::new(MemoryStore::new(clock));
    world.log.put(empty);
    let error = world.follower.tick().await.unwrap_err();
    assert!(error.to_string().contains("the log ends at 0"), "{error}");
    assert_eq!(world.answer(TO_P0), Answer::Defer);
    world.follow().await;
    assert_eq!(world.answer(TO_P0), Answer::Defer, "there is no plan in it");
    assert_eq!(world.snapshot.size().0, 0);
}

#[tokio::test]
async fn an_address_that_is_gone_from_the_registry_is_removed() {
    let mut world = World::with(BOUND, &["box.example"]).await;
    world.follow().await;
    assert_eq!(world.answer(TO_P0), Answer::Dunno);
    let path = world.folder.path().join("registry.db");
    let options = SqliteConnectOptions::new().filename(path);
    let mut registry = options.connect().await.unwrap();
    let erase = "DELETE FROM registration WHERE number = 0";
    sqlx::query(erase).execute(&mut registry).await.unwrap();
    let begun = Instant::now();
    while world.snapshot.size().0 > 5 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is still known");
        world.follow().await;
        tokio::task::yield_now().await;
    }
    assert!(world.answer(TO_P0).action().starts_with("550 5.1.1"));
}
