//! A store in memory, a clock that is set by hand, and what was recorded, in words.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use domain::{Event, Plan, PlanAdopted, State};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Filter, Journal, MemoryStore, Origin, programme_stream,
};
use scheduler::Scheduler;

/// A clock that shows what it is told.
pub(crate) struct Hands(Mutex<DateTime<Utc>>);

impl Hands {
    pub(crate) fn at(instant: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(utc(instant))))
    }
}

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// One log and one clock.
pub(crate) struct World {
    pub(crate) clock: Arc<Hands>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) plan: Plan,
}

/// An instant as it is written in UTC.
pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The plan of CEC-PAC with other recurring work: `name`, `cron`, `catch-up`.
pub(crate) fn plan(recurring: &[(&str, &str, &str)]) -> Plan {
    let head = Plan::CEC_PAC.split("[[recurring]]").next().unwrap();
    let work = |(name, cron, catch_up): &(&str, &str, &str)| {
        format!("[[recurring]]\nname = {name:?}\ncron = {cron:?}\ncatch-up = {catch_up:?}\n")
    };
    let text: String = recurring.iter().map(work).collect();
    Plan::parse("plan.toml", &format!("{head}{text}")).unwrap().0
}

impl World {
    /// The plan adopted at an instant, nobody registered, nothing started.
    pub(crate) async fn adopted(plan: Plan, at: &str) -> Self {
        let clock = Hands::at(at);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self::on(store, clock, plan).await
    }

    /// The plan adopted in a store that is still empty.
    pub(crate) async fn on(store: Arc<dyn EventStore>, clock: Arc<Hands>, plan: Plan) -> Self {
        let world = Self { clock, store, plan: plan.clone() };
        world.record(Event::PlanAdopted(PlanAdopted { revision: 1, plan })).await;
        world
    }

    pub(crate) fn set_clock(&self, at: DateTime<Utc>) {
        *self.clock.0.lock().unwrap() = at;
    }

    /// What a process of its own sees: nothing is shared but the store and the time.
    pub(crate) fn journal(&self) -> Arc<Journal> {
        let programme = self.plan.programme.clone();
        let (store, clock) = (Arc::clone(&self.store), self.clock.clone());
        Arc::new(Journal::new(programme, store, clock, State::default(), 0))
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.journal())
    }

    pub(crate) async fn record(&self, event: Event) {
        let stream = programme_stream(&self.plan.programme).unwrap();
        let origin = Origin::part("test");
        let events = [event];
        self.journal().append(stream, ExpectedVersion::Any, &events, &origin).await.unwrap();
    }

    /// Ticks with the clock at an instant, in a process that has just come up.
    pub(crate) async fn tick_at(&self, at: &str) -> Result<domain::Tick, scheduler::Error> {
        self.set_clock(utc(at));
        self.scheduler().tick().await
    }

    /// What the scheduler recorded: each phase or work, its instant, and by how much it was late.
    pub(crate) async fn recorded(&self) -> Vec<String> {
        let page = self.store.read_all(0, &Filter::default(), usize::MAX).await.unwrap();
        let told = |event: &eventstore::RecordedEvent| {
            let at = event.event.effective_at.format("%Y-%m-%dT%H:%M:%SZ");
            let fact = event.fact().unwrap();
            if let Event::PhaseStarted(started) = fact.event {
                Some(format!("{} {at} late {}", started.phase, started.late_seconds))
            } else if let Event::RecurringWorkDue(due) = fact.event {
                let (late, skipped) = (due.late_seconds, due.skipped);
                Some(format!("{} {at} late {late} skipped {skipped}", due.name))
            } else {
                None
            }
        };
        page.events.iter().filter_map(told).collect()
    }
}
