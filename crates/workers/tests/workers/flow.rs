//! The sweep and the workers over a small population: due work is done once and accounted for.

use std::sync::{Arc, Mutex};

use bus::{InProcess, WorkQueue};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{
    Capabilities, Capability, Command, DateColumn, Event, HoldPlaced, MailboxWithdrawn,
    MailboxesRegistered, PhaseId, Plan, PlatformCapabilities,
};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Journal, MemoryStore, Origin, mailbox_stream,
    programme_stream, registry_stream,
};
use platform::{Directory, Mode, Platform};
use tempfile::TempDir;
use workers::{Sweep, SweepSettings, Worker};

struct Hands(Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

struct World {
    clock: Arc<Hands>,
    journal: Arc<Journal>,
    queue: InProcess,
    directory: Arc<Directory>,
    sweep: Sweep,
    worker: Worker,
    _folder: TempDir,
}

const EVERYTHING: Capabilities = Capabilities::OF_PLATFORM.with(Capability::Activate);

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

impl World {
    /// Mailboxes 0 to 9, the odd ones never activated.
    async fn new(arm_ahead: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        let directory = Arc::new(Directory::create(&path, Mode::Rehearsal).await.unwrap());
        let clock = Arc::new(Hands(Mutex::new("2014-12-01T00:00:00Z".parse().unwrap())));
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new(Arc::<Hands>::clone(&clock)));
        let plan = Plan::cec_pac().unwrap();
        let journal = Journal::new(
            plan.programme.clone(),
            store,
            Arc::<Hands>::clone(&clock),
            domain::State::default(),
            0,
        );
        let journal = Arc::new(journal);
        let queue = InProcess::new(bus::Settings::default());
        let reach = PlatformCapabilities { controls: directory.controls(), arm_ahead };
        let work: Arc<dyn WorkQueue> = Arc::new(queue.clone());
        let settings = SweepSettings { batch: 2, orders: 3 };
        let sweep = Sweep::new(Arc::clone(&journal), Arc::clone(&work), reach, settings);
        let platform: Arc<dyn Platform> = Arc::<Directory>::clone(&directory);
        let worker = Worker::new(Arc::clone(&journal), work, platform, reach, EVERYTHING, 1);
        let world = Self { clock, journal, queue, directory, sweep, worker, _folder: folder };
        world.decide(Command::Adopt(plan)).await;
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in 0..10 {
            requested_on.push(Some(day(2010, 4, 26))).unwrap();
            activated_on.push((number % 2 == 0).then(|| day(2010, 5, 1))).unwrap();
        }
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        let stream = registry_stream(world.journal.programme()).unwrap();
        world.append(stream, Event::MailboxesRegistered(registered)).await;
        let rows: Vec<_> = (0..10).step_by(2).map(|n| (n, format!("m{n}@example"))).collect();
        world.directory.provision(&rows, 0).await.unwrap();
        world.set_clock("2014-12-01T00:00:00Z").await;
        world
    }

    async fn set_clock(&self, instant: &str) {
        let instant = instant.parse().unwrap();
        *self.clock.0.lock().unwrap() = instant;
        self.directory.set_clock(Some(instant)).await.unwrap();
    }

    async fn append(&self, stream: eventstore::StreamName, event: Event) {
        let origin = Origin::part("test");
        self.journal.append(stream, ExpectedVersion::Any, &[event], &origin).await.unwrap();
    }

    async fn decide(&self, command: Command) {
        let events = {
            let snapshot = self.journal.state().await.unwrap();
            snapshot.decide(command, self.journal.now()).unwrap()
        };
        let stream = programme_stream(self.journal.programme()).unwrap();
        for event in events {
            self.append(stream.clone(), event).await;
        }
    }

    async fn start_due_phases(&self) {
        let due = self.journal.state().await.unwrap().plan().unwrap().phases.len();
        for _ in 0..due {
            self.decide(Command::StartPhase { frozen_at: 0 }).await;
        }
    }

    /// Runs until no work is left and no order is in flight.
    async fn settle(&mut self) {
        for _ in 0..1_000 {
            let progress = self.sweep.tick().await.unwrap().progress;
            let backlog = self.queue.backlog().await.unwrap();
            if backlog.waiting > 0 {
                self.worker.next().await.unwrap();
            } else if progress == 0 {
                return;
            }
        }
        panic!("the sweep does not come to an end");
    }

    async fn who_may(&self, capability: Capability) -> Vec<u32> {
        let everyone = (0..10).collect();
        let actual = self.directory.read(&everyone, capability.into()).await.unwrap();
        actual.now[&capability].iter().collect()
    }

    async fn completed(&self, phase: &str) -> Option<domain::PhaseCompleted> {
        let phase: PhaseId = phase.parse().unwrap();
        let snapshot = self.journal.state().await.unwrap();
        Some(snapshot.phases.get(&phase)?.completed.clone()?.1)
    }
}

#[tokio::test]
async fn a_phase_removes_what_it_does_not_allow_and_completes() {
    let mut world = World::new(None).await;
    world.settle().await;
    world.set_clock("2015-03-17T22:59:59Z").await;
    world.start_due_phases().await;
    world.settle().await;
    assert_eq!(world.who_may(Capability::Send).await, [0, 2, 4, 6, 8]);
    assert_eq!(world.completed("activations-closed").await.unwrap().done, 5);
    world.set_clock("2015-03-17T23:00:00Z").await;
    world.start_due_phases().await;
    world.settle().await;
    assert_eq!(world.who_may(Capability::Send).await, [0; 0]);
    assert_eq!(world.who_may(Capability::Modify).await, [0; 0]);
    assert_eq!(world.who_may(Capability::Receive).await, [0, 2, 4, 6, 8]);
    let completed = world.completed("receive-only").await.unwrap();
    assert_eq!((completed.population, completed.done, completed.already_so), (5, 5, 0));
}

#[tokio::test]
async fn armed_rights_end_by_themselves_and_are_confirmed() {
    let mut world = World::new(Some(Duration::days(14))).await;
    world.set_clock("2015-03-10T00:00:00Z").await;
    world.start_due_phases().await;
    world.settle().await;
    world.set_clock("2015-03-17T22:59:59Z").await;
    assert_eq!(world.who_may(Capability::Send).await, [0, 2, 4, 6, 8]);
    world.set_clock("2015-03-17T23:00:00Z").await;
    assert_eq!(world.who_may(Capability::Send).await, [0; 0], "nothing of ours ran");
    world.start_due_phases().await;
    world.settle().await;
    let completed = world.completed("receive-only").await.unwrap();
    assert_eq!((completed.done, completed.already_so), (5, 0));
}

#[tokio::test]
async fn a_hold_keeps_its_capabilities_and_a_withdrawal_ends_all() {
    let mut world = World::new(Some(Duration::days(14))).await;
    world.set_clock("2015-03-10T00:00:00Z").await;
    world.start_due_phases().await;
    world.settle().await;
    let hold = Event::HoldPlaced(HoldPlaced {
        hold: uuid::Uuid::from_u128(1),
        number: 4,
        capabilities: Capability::Send.into(),
        until: Some(day(2015, 4, 1)),
    });
    let programme = world.journal.programme().clone();
    world.append(mailbox_stream(&programme, 4).unwrap(), hold).await;
    let withdrawn = Event::MailboxWithdrawn(MailboxWithdrawn { number: 6 });
    world.append(mailbox_stream(&programme, 6).unwrap(), withdrawn).await;
    world.settle().await;
    assert_eq!(world.who_may(Capability::Access).await, [0, 2, 4, 8]);
    world.set_clock("2015-03-17T23:00:00Z").await;
    world.start_due_phases().await;
    world.settle().await;
    assert_eq!(world.who_may(Capability::Send).await, [4]);
    assert_eq!(world.who_may(Capability::Modify).await, [0; 0]);
    let completed = world.completed("receive-only").await.unwrap();
    assert_eq!(completed.population, 4);
    assert_eq!(completed.held.iter().collect::<Vec<_>>(), [4]);
    world.set_clock("2015-03-20T00:00:00Z").await;
    world.settle().await;
    world.set_clock("2015-04-01T22:00:00Z").await;
    assert_eq!(world.who_may(Capability::Send).await, [0; 0], "the platform knew the hold's end");
    world.settle().await;
    let snapshot = world.journal.state().await.unwrap();
    let account = snapshot.account(&"receive-only".parse().unwrap(), world.journal.now());
    assert_eq!(account.unwrap().done.len(), 4);
}
