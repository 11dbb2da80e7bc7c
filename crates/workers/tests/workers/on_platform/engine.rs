//! The sweep, workers and reconciler over a mail directory and a log in memory.

use std::sync::{Arc, Mutex};

use bus::{InProcess, WorkQueue};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{
    Capabilities, Capability, Command, DateColumn, DriftChecked, Event, MailboxesRegistered, Plan,
    PlatformCapabilities, State,
};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Filter, Journal, MemoryStore, Origin, StreamName,
    drift_stream, programme_stream, registry_stream,
};
use platform::Platform;
use workers::{Reconciler, Sweep, SweepSettings, Worker};

use crate::on_platform::home::Home;

pub(crate) struct Hands(Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) const ARM_AHEAD: Duration = Duration::days(14);
const EVERYTHING: Capabilities = Capabilities::OF_PLATFORM.with(Capability::Activate);

/// Numbers with gaps: every third of a hundred, a block across a container boundary, one far away.
pub(crate) fn mailboxes() -> Vec<u32> {
    (0..100).step_by(3).chain(65_520..65_550).chain([140_000]).collect()
}

pub(crate) struct Engine {
    pub(crate) home: Arc<Home>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) queue: InProcess,
    pub(crate) sweep: Sweep,
    pub(crate) reconciler: Reconciler,
}

impl Engine {
    /// The adopted plan and its mailboxes, on 1 December 2014.
    pub(crate) async fn new(home: Arc<Home>, plan: Plan) -> Self {
        let platform = home.once_more().await;
        Self::on(home, plan, platform).await
    }

    /// The same on another platform.
    pub(crate) async fn on(home: Arc<Home>, plan: Plan, platform: Arc<dyn Platform>) -> Self {
        let begin = "2014-12-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(Hands(Mutex::new(begin)));
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new(Arc::<Hands>::clone(&clock)));
        let programme = plan.programme.clone();
        let engine = Self::over(home, clock, store, programme, platform);
        engine.decide(Command::Adopt(plan)).await;
        engine.register().await;
        engine.home.with(mailboxes()).await;
        engine.set_clock("2014-12-01T00:00:00Z").await;
        engine
    }

    /// New parts over the log and the platform.
    fn over(
        home: Arc<Home>,
        clock: Arc<Hands>,
        store: Arc<dyn EventStore>,
        programme: domain::ProgrammeId,
        platform: Arc<dyn Platform>,
    ) -> Self {
        let handed = Arc::<Hands>::clone(&clock);
        let journal = Arc::new(Journal::new(programme, store, handed, State::default(), 0));
        let queue = InProcess::new(bus::Settings::default());
        let reach =
            PlatformCapabilities { controls: platform.controls(), arm_ahead: Some(ARM_AHEAD) };
        let settings = SweepSettings { batch: 20, orders: 4 };
        let work: Arc<dyn WorkQueue> = Arc::new(queue.clone());
        let sweep = Sweep::new(Arc::clone(&journal), work, reach, settings);
        let reconciler = Reconciler::new(Arc::clone(&journal), Arc::clone(&platform), reach);
        Self { home, clock, journal, platform, queue, sweep, reconciler }
    }

    /// As after a crash: only the log and the directory remain.
    pub(crate) async fn crashed(self) -> Self {
        let store = Arc::clone(self.journal.store());
        let programme = self.journal.programme().clone();
        let platform = self.home.once_more().await;
        Self::over(self.home, self.clock, store, programme, platform)
    }

    pub(crate) fn worker(&self) -> Worker {
        let reach =
            PlatformCapabilities { controls: self.platform.controls(), arm_ahead: Some(ARM_AHEAD) };
        let (journal, platform) = (Arc::clone(&self.journal), Arc::clone(&self.platform));
        Worker::new(journal, Arc::new(self.queue.clone()), platform, reach, EVERYTHING, 1)
    }

    pub(crate) async fn set_clock(&self, instant: &str) {
        let instant = instant.parse().unwrap();
        *self.clock.0.lock().unwrap() = instant;
        self.home.set_clock(instant).await;
    }

    pub(crate) async fn append(&self, stream: StreamName, event: Event) {
        let origin = Origin::part("test");
        self.journal.append(stream, ExpectedVersion::Any, &[event], &origin).await.unwrap();
    }

    pub(crate) async fn decide(&self, command: Command) {
        let events = {
            let snapshot = self.journal.state().await.unwrap();
            snapshot.decide(command, self.journal.now()).unwrap()
        };
        let stream = programme_stream(self.journal.programme()).unwrap();
        for event in events {
            self.append(stream.clone(), event).await;
        }
    }

    async fn register(&self) {
        let day = |month, day| NaiveDate::from_ymd_opt(2010, month, day).unwrap();
        let activated = mailboxes();
        for numbers in [0..100, 65_520..65_550, 140_000..140_001] {
            let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
            let first = numbers.start;
            for number in numbers {
                let activated = activated.binary_search(&number).is_ok();
                requested_on.push(Some(day(4, 26))).unwrap();
                activated_on.push(activated.then(|| day(5, 1))).unwrap();
            }
            let registered = MailboxesRegistered { first, requested_on, activated_on };
            let stream = registry_stream(self.journal.programme()).unwrap();
            self.append(stream, Event::MailboxesRegistered(registered)).await;
        }
    }

    pub(crate) async fn start_due_phases(&self) {
        let phases = self.journal.state().await.unwrap().plan().unwrap().phases.len();
        for _ in 0..phases {
            self.decide(Command::StartPhase { frozen_at: 0 }).await;
        }
    }

    /// Sets the clock and does all work that is due.
    pub(crate) async fn at(&mut self, instant: &str) {
        self.set_clock(instant).await;
        self.start_due_phases().await;
        self.settle().await;
    }

    /// Runs until no work is left and no order is in flight.
    pub(crate) async fn settle(&mut self) {
        let worker = self.worker();
        for _ in 0..1_000 {
            let progress = self.sweep.tick().await.unwrap().progress;
            let backlog = self.queue.backlog().await.unwrap();
            if backlog.waiting > 0 {
                worker.next().await.unwrap();
            } else if progress == 0 {
                return;
            }
        }
        panic!("the sweep does not come to an end");
    }

    pub(crate) async fn check(&mut self, repair: bool) -> DriftChecked {
        self.reconciler.check(repair, &Origin::part("test")).await.unwrap()
    }

    /// The drift events, without the summaries.
    pub(crate) async fn told(&self) -> Vec<Event> {
        let all = self.journal.store().read_all(0, &Filter::default(), usize::MAX).await.unwrap();
        let stream = drift_stream(self.journal.programme()).unwrap();
        let told = all.events.iter().filter(|event| event.stream == stream);
        let told = told.map(|event| event.fact().unwrap().event);
        told.filter(|event| !matches!(event, Event::DriftChecked(_))).collect()
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let all = self.journal.store().read_all(0, &Filter::default(), usize::MAX).await.unwrap();
        all.events.iter().map(|event| event.fact().unwrap().event).collect()
    }

    pub(crate) async fn open_drift(&self) -> u64 {
        let snapshot = self.journal.state().await.unwrap();
        snapshot.drift.open.iter().map(|open| open.mailboxes.len()).sum()
    }
}
