//! Rows 20, 21 and 24 of the contract: history, then live, read as every reader of the log does: a
//! page after the checkpoint, and a wait for appends once there is none.

use std::sync::Arc;
use std::time::Duration;

use eventstore::{EventStore, Filter};
use tokio::sync::watch;

use crate::fixture::{Case, to};
use eventstore::ExpectedVersion::Any;

/// Longer than any answer takes on a slow machine: only reached by what is broken.
const WAIT_FOR: Duration = Duration::from_secs(20);
const PAGE: usize = 256;

/// A reader of the log.
struct Reader {
    store: Arc<dyn EventStore>,
    filter: Filter,
    appended: watch::Receiver<u64>,
    checkpoint: u64,
}

impl Reader {
    fn after(case: &Case, filter: Filter, checkpoint: u64) -> Self {
        let store = Arc::clone(&case.store);
        Self { appended: store.appended(), store, filter, checkpoint }
    }

    /// The positions of the next page, which is empty at the end of the log.
    async fn page(&mut self) -> Vec<u64> {
        self.appended.mark_unchanged();
        let page = self.store.read_all(self.checkpoint, &self.filter, PAGE).await.unwrap();
        self.checkpoint = page.read_to;
        page.events.iter().map(|event| event.position).collect()
    }

    async fn appended(&mut self) {
        let appended = tokio::time::timeout(WAIT_FOR, self.appended.changed()).await;
        appended.expect("nothing comes").unwrap();
    }
}

pub(crate) async fn a_reader_from_the_start_switches_to_live_without_hole_or_double(case: Case) {
    const EVENTS: u64 = 600;
    case.given("order-0", &[0]).await;
    let store: Arc<dyn EventStore> = Arc::clone(&case.store);
    let writer = tokio::spawn(async move {
        for id in 1..u128::from(EVENTS) {
            store.append(to(&format!("order-{}", id % 7), Any, &[id])).await.unwrap();
        }
    });
    let mut reader = Reader::after(&case, Filter::default(), 0);
    let mut seen = Vec::new();
    while reader.checkpoint < EVENTS {
        let page = reader.page().await;
        if page.is_empty() {
            reader.appended().await;
        }
        seen.extend(page);
    }
    writer.await.unwrap();
    assert!(seen.into_iter().eq(1..=EVENTS));
}

pub(crate) async fn a_reader_at_the_head_sees_only_what_is_later(case: Case) {
    case.given("order-1", &[1, 2]).await;
    let head = case.store.head().await.unwrap();
    let mut reader = Reader::after(&case, Filter::default(), head);
    assert_eq!((reader.page().await, reader.checkpoint), (vec![], 2));
    case.given("order-1", &[3]).await;
    reader.appended().await;
    assert_eq!(reader.page().await, [3]);
}

pub(crate) async fn a_reader_from_a_position_sees_only_what_is_beyond_it(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let mut reader = Reader::after(&case, Filter::default(), 1);
    assert_eq!(reader.page().await, [2, 3]);
    assert_eq!((reader.page().await, reader.checkpoint), (vec![], 3));
}

pub(crate) async fn the_checkpoint_of_a_reader_without_match_still_moves_on(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let filter = Filter { categories: vec!["item".to_owned()] };
    let mut reader = Reader::after(&case, filter, 0);
    assert_eq!((reader.page().await, reader.checkpoint), (vec![], 3));
    case.given("order-1", &[4]).await;
    reader.appended().await;
    assert_eq!((reader.page().await, reader.checkpoint), (vec![], 4));
    case.given("item-1", &[5]).await;
    assert_eq!(reader.page().await, [5]);
    case.given("order-1", &[6, 7]).await;
    assert_eq!((reader.page().await, reader.checkpoint), (vec![], 7));
}

pub(crate) async fn an_append_wakes_at_once(case: Case) {
    let mut appended = case.store.appended();
    assert!(!appended.has_changed().unwrap());
    case.given("order-1", &[1, 2]).await;
    assert!(appended.has_changed().unwrap(), "told before the append is answered");
    assert_eq!(*appended.borrow_and_update(), 2);
}
