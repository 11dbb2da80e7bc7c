//! A bus that duplicates, loses and reorders messages: the result is the same, and nothing is
//! recorded twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::{Backlog, Delivery, InProcess, WorkOrder, WorkQueue};
use chrono::Duration;
use domain::Capabilities;
use engine::embedded::{Engine, Ports};
use engine::parts::WorkerSettings;
use engine::store::Store;
use engine::{EngineSettings, RunMode};
use eventstore::Clock;
use platform::Platform;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rehearsal::VirtualClock;
use rehearsal::{begins_at, prove};
use tokio_util::sync::CancellationToken;
use whole_flow::World;
use workers::SweepSettings;

/// The fate of the published orders.
#[derive(Debug, Default)]
struct Told {
    lost: u32,
    doubled: u32,
    late: u32,
}

struct Unreliable {
    inner: InProcess,
    dice: Mutex<ChaCha8Rng>,
    /// Orders delivered after later ones.
    late: Mutex<VecDeque<WorkOrder>>,
    told: Arc<Mutex<Told>>,
}

#[async_trait]
impl WorkQueue for Unreliable {
    async fn publish(&self, order: WorkOrder) -> Result<(), bus::Error> {
        let fate = self.dice.lock().unwrap().random_range(0..10);
        match fate {
            0..=2 => self.told.lock().unwrap().lost += 1,
            3..=5 => {
                self.told.lock().unwrap().doubled += 1;
                self.inner.publish(order.clone()).await?;
                self.inner.publish(order).await?;
            }
            6..=7 => {
                self.told.lock().unwrap().late += 1;
                self.late.lock().unwrap().push_back(order);
            }
            _ => {
                self.inner.publish(order).await?;
                let late = self.late.lock().unwrap().pop_front();
                if let Some(late) = late {
                    self.inner.publish(late).await?;
                }
            }
        }
        Ok(())
    }

    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, bus::Error> {
        self.inner.pull(effects).await
    }

    async fn backlog(&self) -> Result<Backlog, bus::Error> {
        self.inner.backlog().await
    }

    fn close(&self) {
        self.inner.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_lost_and_reordered_orders_change_nothing() {
    let mut world = World::with(600).await;
    world.plan.recurring.clear();
    let clock = Arc::new(VirtualClock::at(begins_at(&world.plan)));
    let shared: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&clock);
    let store = Store::open_to_rehearse(&world.home(), &world.plan, shared).await.unwrap();
    let told = Arc::<Mutex<Told>>::default();
    let queue = Unreliable {
        // Duplicates must find a free slot, or their publisher deadlocks.
        inner: InProcess::new(bus::Settings { capacity: 1_000, ..bus::Settings::default() }),
        dice: Mutex::new(ChaCha8Rng::seed_from_u64(1)),
        late: Mutex::default(),
        told: Arc::clone(&told),
    };
    let log = Arc::clone(store.log());
    let directory = Arc::clone(store.directory().await.unwrap());
    let platform: Arc<dyn Platform> = directory;
    let ports = Ports { log, queue: Arc::new(queue), platform };
    let settings = EngineSettings {
        mode: RunMode::Rehearsal,
        arm_ahead: Some(Duration::days(14)),
        workers: WorkerSettings { count: 5, ..WorkerSettings::default() },
        sweep: SweepSettings { batch: 20, orders: 12 },
        ..EngineSettings::default()
    };
    let mut engine = Engine::with_ports(store, ports, settings).await.unwrap();
    let go_on = CancellationToken::new();
    for place in 0..world.plan.phases.len() {
        for instant in
            [world.plan.starts_at(place) - Duration::days(10), world.plan.starts_at(place)]
        {
            if instant <= clock.now() {
                continue;
            }
            clock.set(instant);
            engine.store.set_directory_clock(instant).await.unwrap();
            engine.until_idle(&go_on).await.unwrap();
        }
    }
    engine.crash().await;
    let proof = prove(&world.home()).await.unwrap();
    assert_eq!(proof.problems, [""; 0]);
    assert!(proof.effects > 0);
    let told = told.lock().unwrap();
    assert!(told.lost > 5 && told.doubled > 5 && told.late > 5, "{told:?}");
}
