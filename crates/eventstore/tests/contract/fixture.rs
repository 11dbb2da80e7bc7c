//! A store to make claims about, and short ways to write events.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{
    Append, Appended, Clock, DatabaseStore, Error, EventStore, ExpectedVersion, Filter,
    MemoryStore, NewEvent, RecordedEvent, StreamName, Written,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::database::TestDatabase;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adapter {
    Memory,
    Sqlite,
    Postgres,
}

/// A clock that is moved by hand.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_418_857_200)))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }
}

/// An empty store of one adapter.
pub(crate) struct Case {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<TestClock>,
    kept: Kept,
}

/// What a case's store keeps its log in.
enum Kept {
    Memory,
    Sqlite(DatabaseStore, TempDir),
    Postgres(DatabaseStore, Box<TestDatabase>),
}

impl Case {
    pub(crate) async fn new(adapter: Adapter) -> Self {
        let clock = TestClock::new();
        let (store, kept): (Arc<dyn EventStore>, _) = match adapter {
            Adapter::Memory => (Arc::new(MemoryStore::new(clock.clone())), Kept::Memory),
            Adapter::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("log.db");
                let store = DatabaseStore::open(&path, clock.clone()).await.unwrap();
                (Arc::new(store.clone()), Kept::Sqlite(store, folder))
            }
            Adapter::Postgres => {
                let database = TestDatabase::migrated().await;
                let store = database.store(clock.clone()).await;
                (Arc::new(store.clone()), Kept::Postgres(store, Box::new(database)))
            }
        };
        Self { store, clock, kept }
    }

    /// The file of a store in a file.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        let Kept::Sqlite(_, folder) = &self.kept else { panic!("the case has no file") };
        folder.path().join("log.db")
    }

    /// The database of a store in one.
    pub(crate) fn database(&self) -> &TestDatabase {
        let Kept::Postgres(_, database) = &self.kept else { panic!("the case has no database") };
        database
    }

    /// Closes the store and opens it again. A log in memory has nothing to come back to and stays.
    pub(crate) async fn reopen(&mut self) {
        match &mut self.kept {
            Kept::Memory => {}
            Kept::Sqlite(store, folder) => {
                store.close().await;
                let path = folder.path().join("log.db");
                *store = DatabaseStore::open(&path, self.clock.clone()).await.unwrap();
                self.store = Arc::new(store.clone());
            }
            Kept::Postgres(store, database) => {
                store.close().await;
                *store = database.store(self.clock.clone()).await;
                self.store = Arc::new(store.clone());
            }
        }
    }

    /// Appends events with these ids to a stream.
    pub(crate) async fn append(
        &self,
        stream: &str,
        expected: ExpectedVersion,
        ids: &[u128],
    ) -> Result<Appended, Error> {
        self.store.append(to(stream, expected, ids)).await
    }

    /// The same, where it can't fail.
    pub(crate) async fn given(&self, stream: &str, ids: &[u128]) -> Appended {
        self.append(stream, ExpectedVersion::Any, ids).await.unwrap()
    }

    /// The whole log.
    pub(crate) async fn log(&self) -> Vec<RecordedEvent> {
        log(&*self.store).await
    }

    /// The whole log as stream, version and id; positions are checked to be dense from 1.
    pub(crate) async fn told(&self) -> Vec<(String, u64, u128)> {
        let log = self.log().await;
        assert!((1..).zip(&log).all(|(place, event)| event.position == place), "not dense");
        log.iter()
            .map(|event| (event.stream.to_string(), event.version, event.event.id.as_u128()))
            .collect()
    }
}

pub(crate) async fn log(store: &dyn EventStore) -> Vec<RecordedEvent> {
    store.read_all(0, &Filter::default(), usize::MAX).await.unwrap().events
}

pub(crate) fn name(stream: &str) -> StreamName {
    StreamName::new(stream).unwrap()
}

pub(crate) fn to(stream: &str, expected: ExpectedVersion, ids: &[u128]) -> Append {
    Append::to(name(stream), expected, ids.iter().map(|id| event(*id)).collect())
}

pub(crate) fn event(id: u128) -> NewEvent {
    NewEvent {
        id: Uuid::from_u128(id),
        kind: "noted".to_owned(),
        schema_version: 1,
        effective_at: DateTime::from_timestamp(1_418_857_200, 0).unwrap(),
        actor: "operator:anna".to_owned(),
        reason: None,
        correlation_id: Uuid::from_u128(7),
        causation_id: None,
        payload: format!("{{\"number\":{id}}}"),
    }
}

/// Positions and versions of an answer.
pub(crate) fn places(appended: &Appended) -> Vec<(u64, u64)> {
    let places = appended.written.iter();
    places.map(|Written { position, version }| (*position, *version)).collect()
}

/// The conflicts of a refused append: stream, what it holds.
pub(crate) fn conflicts(outcome: Result<Appended, Error>) -> Vec<(String, Option<u64>)> {
    match outcome {
        Err(Error::Conflict(conflicts)) => {
            conflicts.into_iter().map(|found| (found.stream.to_string(), found.actual)).collect()
        }
        other => panic!("no conflict: {other:?}"),
    }
}

/// The id of a refused append.
pub(crate) fn duplicate(outcome: Result<Appended, Error>) -> u128 {
    match outcome {
        Err(Error::DuplicateId { id, .. }) => id.as_u128(),
        other => panic!("no duplicate id: {other:?}"),
    }
}
