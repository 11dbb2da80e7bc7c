//! The oracle: writers that pause and are refused, readers that tail. Every committed event is seen
//! once, in position order. It must find the known mistakes, which stand here beside the real
//! thing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use eventstore::ExpectedVersion::{Any, NoStream};
use eventstore::{DatabaseStore, Error, EventStore, Filter, MemoryStore};
use futures::future::join_all;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fixture::{TestClock, to};

const WRITERS: u64 = 4;
const READERS: usize = 3;
const WRITES: u64 = 60;

/// An event as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) position: u64,
    pub(crate) id: u64,
    pub(crate) stream: String,
    pub(crate) version: u64,
}

/// What is written to and tailed.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    /// Writes an event; its position once it is committed, or `None` where it was refused.
    async fn write(&self, id: u64, random: u64) -> Option<u64>;

    /// What a reader at `cursor` sees, and its next cursor.
    async fn tail(&self, cursor: u64) -> (Vec<Seen>, u64);
}

/// What was wrong, if anything.
pub(crate) async fn verdict(subject: Arc<dyn Subject>, seed: u64) -> Result<(), String> {
    let done = Arc::new(AtomicBool::new(false));
    let readers = (0..READERS).map(|_| tokio::spawn(read(Arc::clone(&subject), Arc::clone(&done))));
    let readers: Vec<_> = readers.collect();
    let writers = (0..WRITERS).map(|writer| {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move {
            let mut random = ChaCha8Rng::seed_from_u64(seed * 100 + writer);
            let mut committed = Vec::new();
            for number in 0..WRITES {
                let id = 1 + writer * 1_000 + number;
                pause(random.random_range(0..4)).await;
                let position = subject.write(id, random.random()).await;
                committed.extend(position.map(|position| (position, id)));
            }
            committed
        })
    });
    let writers: Vec<_> = writers.collect();
    let committed = join_all(writers).await.into_iter().flat_map(Result::unwrap);
    let mut committed: Vec<(u64, u64)> = committed.collect();
    committed.sort_unstable();
    done.store(true, Ordering::SeqCst);
    for found in join_all(readers).await {
        let found = found.unwrap();
        if !found.is_sorted_by(|one, next| one.position < next.position) {
            return Err(format!("doubled or out of order: {found:?}"));
        }
        if !found.iter().map(|seen| (seen.position, seen.id)).eq(committed.iter().copied()) {
            return Err(format!("{} of {} seen", found.len(), committed.len()));
        }
        let mut next: BTreeMap<&str, u64> = BTreeMap::new();
        for seen in &found {
            let expected = next.entry(&seen.stream).or_default();
            if seen.version != *expected {
                return Err(format!("version {expected} of its stream was due: {seen:?}"));
            }
            *expected += 1;
        }
    }
    Ok(())
}

async fn read(subject: Arc<dyn Subject>, done: Arc<AtomicBool>) -> Vec<Seen> {
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        let last_look = done.load(Ordering::SeqCst);
        let (events, next) = subject.tail(cursor).await;
        let nothing_new = events.is_empty();
        seen.extend(events);
        cursor = next;
        if last_look && nothing_new {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn pause(turns: u32) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// Asks again while the store is unavailable, as a machine with too much to do may make it.
async fn insisted<T, F: Future<Output = Result<T, Error>>>(
    ask: impl Fn() -> F,
) -> Result<T, Error> {
    loop {
        match ask().await {
            Err(error) if error.may_retry() => tokio::task::yield_now().await,
            settled => return settled,
        }
    }
}

/// Several stores on one log, used in turn, as several processes would.
pub(crate) struct Stores {
    pub(crate) stores: Vec<Arc<dyn EventStore>>,
    /// The mistake: the cursor is the head asked for after the page was read.
    pub(crate) cursor_is_head: bool,
}

impl Stores {
    fn store(&self, number: u64) -> &dyn EventStore {
        let stores = u64::try_from(self.stores.len()).unwrap();
        &*self.stores[usize::try_from(number % stores).unwrap()]
    }
}

#[async_trait]
impl Subject for Stores {
    async fn write(&self, id: u64, random: u64) -> Option<u64> {
        let store = self.store(id);
        let stream = format!("order-{}", random % 5);
        // One in four expects what may be wrong, and is then refused: a rollback.
        let expected = if random.is_multiple_of(4) { NoStream } else { Any };
        let outcome = insisted(|| store.append(to(&stream, expected, &[id.into()]))).await;
        outcome.ok()?.last_position()
    }

    async fn tail(&self, cursor: u64) -> (Vec<Seen>, u64) {
        let store = self.store(cursor);
        let all = Filter::default();
        let page = insisted(|| store.read_all(cursor, &all, 7)).await.unwrap();
        let mut next = page.read_to;
        if self.cursor_is_head {
            pause(1).await;
            next = store.head().await.unwrap();
        }
        let seen = page.events.into_iter().map(|event| Seen {
            position: event.position,
            id: u64::try_from(event.event.id.as_u128()).unwrap(),
            stream: event.stream.to_string(),
            version: event.version,
        });
        (seen.collect(), next)
    }
}

/// The mistake: a position from a sequence is taken before the commit that shows it.
#[derive(Default)]
struct Sequence {
    last: AtomicU64,
    visible: Mutex<BTreeMap<u64, u64>>,
}

#[async_trait]
impl Subject for Sequence {
    async fn write(&self, id: u64, random: u64) -> Option<u64> {
        let position = 1 + self.last.fetch_add(1, Ordering::SeqCst);
        pause(u32::try_from(random % 8).unwrap()).await;
        if random.is_multiple_of(5) {
            return None;
        }
        self.visible.lock().unwrap().insert(position, id);
        Some(position)
    }

    async fn tail(&self, cursor: u64) -> (Vec<Seen>, u64) {
        let visible = self.visible.lock().unwrap();
        let seen = visible.range(cursor + 1..).map(|(position, id)| {
            let (position, id) = (*position, *id);
            Seen { position, id, stream: format!("order-{id}"), version: 0 }
        });
        let seen: Vec<Seen> = seen.collect();
        let next = seen.last().map_or(cursor, |seen| seen.position);
        (seen, next)
    }
}

/// The mistake: the checkpoint is saved apart from what was made of the events, so that a reader
/// that dies between the two sees them again.
struct CheckpointApart(Stores, AtomicU64);

#[async_trait]
impl Subject for CheckpointApart {
    async fn write(&self, id: u64, random: u64) -> Option<u64> {
        self.0.write(id, random).await
    }

    async fn tail(&self, cursor: u64) -> (Vec<Seen>, u64) {
        let (seen, next) = self.0.tail(cursor).await;
        let dies = self.1.fetch_add(1, Ordering::SeqCst).is_multiple_of(5) && !seen.is_empty();
        (seen, if dies { cursor } else { next })
    }
}

async fn two_stores(folder: &Path) -> Vec<Arc<dyn EventStore>> {
    let mut stores: Vec<Arc<dyn EventStore>> = Vec::new();
    for _ in 0..2 {
        let store = DatabaseStore::open(&folder.join("log.db"), TestClock::new()).await.unwrap();
        stores.push(Arc::new(store));
    }
    stores
}

fn memory() -> Vec<Arc<dyn EventStore>> {
    vec![Arc::new(MemoryStore::new(TestClock::new()))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_event_is_seen_once_and_in_order() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        for stores in [two_stores(folder.path()).await, memory()] {
            let subject = Stores { stores, cursor_is_head: false };
            let verdict = verdict(Arc::new(subject), seed).await;
            assert_eq!(verdict, Ok(()), "seed {seed}");
        }
    }
}

/// Races show after some tries; a mistake that is never found within these is not looked for well.
async fn is_caught<S: Subject + 'static>(subject: impl Fn() -> S) -> bool {
    for seed in 0..50 {
        if verdict(Arc::new(subject()), seed).await.is_err() {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_catches_a_sequence_instead_of_the_counter() {
    assert!(is_caught(Sequence::default).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_catches_a_cursor_taken_after_the_page() {
    assert!(is_caught(|| Stores { stores: memory(), cursor_is_head: true }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_catches_a_checkpoint_saved_apart() {
    let stores = || Stores { stores: memory(), cursor_is_head: false };
    assert!(is_caught(|| CheckpointApart(stores(), AtomicU64::new(0))).await);
}
