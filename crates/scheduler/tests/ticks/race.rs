//! Two schedulers on one log: both may try, the expected version lets one win.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::{Append, Appended, DatabaseStore, Error, EventStore};
use scheduler::Scheduler;
use tokio::sync::Mutex;

use crate::log_layer::{Layered, LogLayer};
use crate::support::{Hands, World, plan, utc};

/// A store in which a rival scheduler ticks just before each of the first appends.
struct Rivalled {
    store: Arc<dyn EventStore>,
    rival: Mutex<Option<Scheduler>>,
    conflicts: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl LogLayer for Rivalled {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.store)
    }

    async fn append(&self, append: Append) -> Result<Appended, Error> {
        if let Some(mut rival) = self.rival.lock().await.take() {
            rival.tick().await.unwrap();
        }
        let answer = self.store.append(append).await;
        if matches!(answer, Err(Error::Conflict(_))) {
            self.conflicts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        answer
    }
}

async fn tick_against_a_rival(world: &mut World, at: &str) -> (domain::Tick, usize) {
    world.set_clock(utc(at));
    let rivalled = Arc::new(Layered(Rivalled {
        store: Arc::clone(&world.store),
        rival: Mutex::new(Some(world.scheduler())),
        conflicts: 0.into(),
    }));
    world.store = rivalled.clone();
    let tick = world.scheduler().tick().await.unwrap();
    (tick, rivalled.conflicts.load(std::sync::atomic::Ordering::Relaxed))
}

#[tokio::test]
async fn a_phase_starts_once_even_if_two_schedulers_tick() {
    let mut world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    let (tick, conflicts) = tick_against_a_rival(&mut world, "2015-03-18T00:00:00Z").await;
    assert_eq!((tick.progress, conflicts), (0, 1));
    assert_eq!(
        world.recorded().await,
        [
            "activations-closed 2014-12-17T23:00:00Z late 7779600",
            "receive-only 2015-03-17T23:00:00Z late 3600",
        ]
    );
}

#[tokio::test]
async fn an_occurrence_is_recorded_once_even_if_two_schedulers_tick() {
    let recurring = plan(&[("each", "0 0 12 * * *", "all"), ("nightly", "0 30 3 * * *", "once")]);
    let mut world = World::adopted(recurring, "2014-12-01T00:00:00Z").await;
    let (tick, conflicts) = tick_against_a_rival(&mut world, "2014-12-02T12:00:00Z").await;
    assert_eq!((tick.progress, conflicts), (0, 1));
    assert_eq!(
        world.recorded().await,
        [
            "each 2014-12-01T11:00:00Z late 90000 skipped 0",
            "each 2014-12-02T11:00:00Z late 3600 skipped 0",
            "nightly 2014-12-02T02:30:00Z late 34200 skipped 1",
        ]
    );
}

#[tokio::test]
async fn what_an_operator_writes_meanwhile_does_not_stop_a_phase() {
    let world = World::adopted(plan(&[]), "2014-12-01T00:00:00Z").await;
    world.set_clock(utc("2014-12-18T00:00:00Z"));
    let (mut one, mut two) = (world.scheduler(), world.scheduler());
    let pause = domain::Event::ProgrammePaused(domain::ProgrammePaused {});
    let (one, two, ()) = tokio::join!(one.tick(), two.tick(), world.record(pause));
    assert_eq!(one.unwrap().progress + two.unwrap().progress, 1);
    assert_eq!(world.recorded().await.len(), 1);
}

/// Two processes on one file: nothing is shared but the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_on_one_file_record_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let clock = Hands::at("2014-12-01T00:00:00Z");
    let one = DatabaseStore::open(&file, clock.clone()).await.unwrap();
    let other = DatabaseStore::open(&file, clock.clone()).await.unwrap();
    let recurring = plan(&[("weekly", "0 0 12 * * Mon", "once")]);
    let one = World::on(Arc::new(one), clock.clone(), recurring.clone()).await;
    let other = World { clock, store: Arc::new(other), plan: recurring.clone() };
    let (mut a, mut b) = (one.scheduler(), other.scheduler());
    let mut progress = 0;
    for week in 0..175 {
        one.set_clock(utc("2014-12-01T12:00:00Z") + chrono::TimeDelta::weeks(week));
        let (a, b) = tokio::join!(async { a.tick().await.unwrap().progress }, async {
            b.tick().await.unwrap().progress
        },);
        progress += a + b;
    }
    let recorded = one.recorded().await;
    assert_eq!(recorded.len(), 175 + 5, "{recorded:#?}");
    assert_eq!(progress, 175 + 5);
    let distinct: std::collections::BTreeSet<_> = recorded.iter().collect();
    assert_eq!(distinct.len(), recorded.len());
}
