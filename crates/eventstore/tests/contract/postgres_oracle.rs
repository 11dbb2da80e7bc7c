//! The oracle against a real server: writers and readers on connections of their own, random
//! pauses, rollbacks; and the known mistakes, made for real in tables beside the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventstore::ExpectedVersion::Any;
use eventstore::{EventStore, Filter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::{PgPool, Row};

use crate::database::{TestDatabase, execute};
use crate::fixture::{TestClock, to};
use crate::oracle::{Seen, Stores, Subject, pause, verdict};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_event_is_seen_once_and_in_order() {
    for seed in 0..2 {
        let database = TestDatabase::migrated().await;
        let mut stores: Vec<Arc<dyn EventStore>> = Vec::new();
        for _ in 0..3 {
            stores.push(Arc::new(database.store(TestClock::new()).await));
        }
        let subject = Stores { stores, cursor_is_head: false };
        assert_eq!(verdict(Arc::new(subject), seed).await, Ok(()), "seed {seed}");
    }
}

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The position comes from a sequence, taken before the commit that shows it.
    Sequence,
    /// The version is read in the statement that waits for the counter row.
    VersionInTheLock,
}

/// A log as one would write it by hand, with or without a mistake.
struct ByHand {
    connections: PgPool,
    mistake: Mistake,
    _database: TestDatabase,
}

impl ByHand {
    async fn new(mistake: Mistake) -> Self {
        let database = TestDatabase::empty().await;
        let tables = "
            CREATE TABLE head (position bigint); INSERT INTO head VALUES (0); CREATE SEQUENCE next;
            CREATE TABLE log (position bigint, id bigint, stream text, version bigint)";
        execute(&mut database.stranger().await, tables).await.unwrap();
        let connections = PgPool::connect_with(database.options()).await.unwrap();
        Self { connections, mistake, _database: database }
    }
}

impl Mistake {
    /// What gives an append its position, and its version where that is read at the same time.
    fn lock(self) -> &'static str {
        match self {
            Self::None => {
                "SELECT position + 1, NULL::bigint FROM head WHERE $1::text IS NOT NULL FOR UPDATE"
            }
            Self::Sequence => "SELECT nextval('next'), NULL::bigint WHERE $1::text IS NOT NULL",
            Self::VersionInTheLock => {
                "SELECT position + 1, (SELECT count(*) FROM log WHERE stream = $1) FROM head \
                 FOR UPDATE"
            }
        }
    }
}

#[async_trait]
impl Subject for ByHand {
    async fn write(&self, id: u64, random: u64) -> Option<u64> {
        // Without a lock, versions can't be right either; a stream of its own leaves the order to
        // find.
        let number = if self.mistake == Mistake::Sequence { id } else { random % 3 };
        let stream = format!("order-{number}");
        let mut transaction = self.connections.begin().await.unwrap();
        let locked = sqlx::query_as(self.mistake.lock()).bind(&stream);
        let (position, version): (i64, Option<i64>) =
            locked.fetch_one(&mut *transaction).await.unwrap();
        pause(u32::try_from(random % 7).unwrap()).await;
        let version: i64 = match version {
            Some(version) => version,
            None => sqlx::query_scalar("SELECT count(*) FROM log WHERE stream = $1")
                .bind(&stream)
                .fetch_one(&mut *transaction)
                .await
                .unwrap(),
        };
        let insert = sqlx::query("INSERT INTO log VALUES ($1, $2, $3, $4)").bind(position);
        let insert = insert.bind(i64::try_from(id).unwrap()).bind(&stream).bind(version);
        insert.execute(&mut *transaction).await.unwrap();
        if self.mistake != Mistake::Sequence {
            let head = sqlx::query("UPDATE head SET position = $1").bind(position);
            head.execute(&mut *transaction).await.unwrap();
        }
        pause(u32::try_from(random / 7 % 7).unwrap()).await;
        if random.is_multiple_of(5) {
            transaction.rollback().await.unwrap();
            return None;
        }
        transaction.commit().await.unwrap();
        u64::try_from(position).ok()
    }

    async fn tail(&self, cursor: u64) -> (Vec<Seen>, u64) {
        let found = sqlx::query(
            "SELECT position, id, stream, version FROM log WHERE position > $1 ORDER BY position",
        );
        let found = found.bind(i64::try_from(cursor).unwrap());
        let number = |number: i64| u64::try_from(number).unwrap();
        let seen = found.fetch_all(&self.connections).await.unwrap();
        let seen = seen.iter().map(|row| Seen {
            position: number(row.get(0)),
            id: number(row.get(1)),
            stream: row.get(2),
            version: number(row.get(3)),
        });
        let seen: Vec<Seen> = seen.collect();
        let next = seen.last().map_or(cursor, |seen| seen.position);
        (seen, next)
    }
}

/// What the oracle says of a log written by hand; a mistake is looked for until it shows.
async fn first_fault(mistake: Mistake, seeds: u64) -> Option<String> {
    for seed in 0..seeds {
        let by_hand = Arc::new(ByHand::new(mistake).await);
        let subject: Arc<dyn Subject> = by_hand.clone();
        let found = verdict(subject, seed).await;
        by_hand.connections.close().await;
        if let Err(fault) = found {
            return Some(fault);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_has_nothing_against_the_counter_row_by_hand() {
    assert_eq!(first_fault(Mistake::None, 2).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_catches_a_sequence_instead_of_the_counter() {
    let fault = first_fault(Mistake::Sequence, 20).await.expect("not caught");
    assert!(fault.contains("seen"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_catches_a_version_read_in_the_locking_statement() {
    let fault = first_fault(Mistake::VersionInTheLock, 20).await.expect("not caught");
    assert!(fault.contains("of its stream was due"), "{fault}");
}

/// Projects a log into a table, dying now and then, and tells what the table holds in the end. The
/// checkpoint is a row beside the table, or wrongly that of a lease in another transaction.
async fn projected(together: bool) -> Vec<i64> {
    let database = TestDatabase::migrated().await;
    let store = database.store(TestClock::new()).await;
    let ids: Vec<u128> = (1..=60).collect();
    store.append(to("order-1", Any, &ids)).await.unwrap();
    let mut rows = database.stranger().await;
    let tables = "CREATE TABLE seen (position bigint); CREATE TABLE checkpoint (position bigint);
        INSERT INTO checkpoint VALUES (0)";
    execute(&mut rows, tables).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    loop {
        let lease = store.claim("s", "a", Duration::from_mins(1)).await.unwrap().unwrap();
        let mut checkpoint = lease.checkpoint;
        if together {
            let stored = sqlx::query_scalar("SELECT position FROM checkpoint");
            let stored: i64 = stored.fetch_one(&mut rows).await.unwrap();
            checkpoint = stored.try_into().unwrap();
        }
        let page = store.read_all(checkpoint, &Filter::default(), 7).await.unwrap();
        if page.events.is_empty() {
            break;
        }
        execute(&mut rows, "BEGIN").await.unwrap();
        for event in &page.events {
            let insert = format!("INSERT INTO seen VALUES ({})", event.position);
            execute(&mut rows, insert).await.unwrap();
        }
        let dies = random.random_ratio(1, 3);
        if together {
            let save = format!("UPDATE checkpoint SET position = {}", page.read_to);
            execute(&mut rows, save).await.unwrap();
            execute(&mut rows, if dies { "ROLLBACK" } else { "COMMIT" }).await.unwrap();
        } else {
            execute(&mut rows, "COMMIT").await.unwrap();
            if !dies {
                store.save_checkpoint(&lease, page.read_to).await.unwrap();
            }
        }
    }
    store.close().await;
    let seen = sqlx::query_scalar("SELECT position FROM seen ORDER BY position");
    seen.fetch_all(&mut rows).await.unwrap()
}

#[tokio::test]
async fn a_projection_that_dies_anywhere_has_each_event_once() {
    assert!(projected(true).await.into_iter().eq(1..=60));
}

#[tokio::test]
async fn a_checkpoint_saved_outside_the_transaction_is_caught() {
    assert!(!projected(false).await.into_iter().eq(1..=60), "nothing doubled");
}
