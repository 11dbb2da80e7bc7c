//! Several projectors on one table: one moves it, another takes over, and a stale one writes
//! nothing.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::{EventStore, Filter, Page};
use projections::{Error, Table};
use tokio::sync::Semaphore;

use crate::derived::fresh::Fresh;
use crate::derived::postgres::{caught_up, made, rows};
use crate::derived::scenario::{Scenario, programme};
use crate::derived::table::expected;
use crate::log_layer::{Layered, LogLayer};

/// A log whose reader is suspended with a page already read.
struct Suspended {
    log: Arc<dyn EventStore>,
    asleep: Semaphore,
    woken: Semaphore,
}

#[async_trait]
impl LogLayer for Suspended {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.log)
    }

    async fn read_all(
        &self,
        after: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page, eventstore::Error> {
        let page = self.log.read_all(after, filter, limit).await;
        self.asleep.add_permits(1);
        self.woken.acquire().await.unwrap().forget();
        page
    }
}

async fn projector(fresh: &Fresh, log: Arc<dyn EventStore>, owner: &str) -> Table {
    Table::connect(fresh.options(), programme(), log, owner.to_owned()).await.unwrap()
}

#[tokio::test]
async fn one_works_while_the_other_stands_by_and_then_takes_over() {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    scenario.register(5, 1).await;
    let one = projector(&fresh, scenario.log(), "one").await;
    let other = projector(&fresh, scenario.log(), "other").await;
    assert_eq!(one.tick(scenario.now()).await.unwrap().progress, 2);
    scenario.register(5, 2).await;
    let idle = other.tick(scenario.now()).await.unwrap();
    assert_eq!(idle.progress, 0);
    assert!(idle.next_wake.is_some_and(|wake| wake > scenario.now()), "it looks again");
    let error = other.rebuild(scenario.now()).await.unwrap_err();
    assert!(matches!(error, Error::TakenOver { .. }), "{error}");
    // The first is gone; its lease expires.
    scenario.advance(chrono::Duration::seconds(31));
    assert_eq!(other.tick(scenario.now()).await.unwrap().progress, 1);
    scenario.register(5, 3).await;
    assert_eq!(one.tick(scenario.now()).await.unwrap().progress, 0, "now it is the other's turn");
    caught_up(&scenario, &other).await;
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
    scenario.advance(chrono::Duration::seconds(31));
    scenario.register(5, 4).await;
    assert_eq!(
        one.tick(scenario.now()).await.unwrap().progress,
        1,
        "and back, from where that one was"
    );
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
}

/// `moved`: does the successor write before the stale one wakes, or has it only started?
async fn a_stale_write(moved: bool) {
    let fresh = made().await;
    let scenario = Scenario::begin().await;
    scenario.register(50, 1).await;
    let (asleep, woken) = (Semaphore::new(0), Semaphore::new(0));
    let suspended = Arc::new(Layered(Suspended { log: scenario.log(), asleep, woken }));
    let stale = Arc::new(projector(&fresh, suspended.clone(), "stale").await);
    let ticking = tokio::spawn({
        let (stale, now) = (Arc::clone(&stale), scenario.now());
        async move { stale.tick(now).await }
    });
    suspended.asleep.acquire().await.unwrap().forget();
    scenario.advance(chrono::Duration::seconds(31));
    let fresh_log = Arc::new(Layered(Suspended {
        log: scenario.log(),
        asleep: Semaphore::new(0),
        woken: Semaphore::new(if moved { 99 } else { 0 }),
    }));
    let next = Arc::new(projector(&fresh, fresh_log.clone(), "next").await);
    let following = tokio::spawn({
        let (next, now) = (Arc::clone(&next), scenario.now());
        async move { next.tick(now).await }
    });
    // It holds the lease, and has read its page.
    fresh_log.asleep.acquire().await.unwrap().forget();
    let following = if moved {
        assert_eq!(following.await.unwrap().unwrap().progress, 2);
        None
    } else {
        Some(following)
    };
    suspended.woken.add_permits(99);
    let error = ticking.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TakenOver { .. }), "{error}");
    assert!(error.may_retry(), "it may be its turn again");
    fresh_log.woken.add_permits(99);
    if let Some(following) = following {
        assert_eq!(following.await.unwrap().unwrap().progress, 2);
    }
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
    scenario.register(5, 2).await;
    assert_eq!(stale.tick(scenario.now()).await.unwrap().progress, 0, "it stands by");
    assert_eq!(next.tick(scenario.now()).await.unwrap().progress, 1);
    assert_eq!(rows(&fresh).await, expected(&scenario).await);
}

#[tokio::test]
async fn a_stale_projector_writes_nothing_after_another_has_moved_the_table() {
    a_stale_write(true).await;
}

#[tokio::test]
async fn a_stale_projector_writes_nothing_once_another_has_begun() {
    a_stale_write(false).await;
}
