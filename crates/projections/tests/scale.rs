//! The whole population of the real programme: 2,121,783 registrations, 1.2 million of them activated.
//! Run in release, on a machine with nothing else to do:
//! `cargo test --release -p projections --test scale -- --ignored --nocapture`

#![cfg(test)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Europe::Rome;
use domain::{
    Capabilities, Capability, Command, DateColumn, Event, Fact, MailboxSet, MailboxesRegistered,
    Outcome, Plan, ProgrammeId, Reach, State, Verdict, tasks,
};
use eventstore::{
    Append, Clock, EventStore, ExpectedVersion, Filter, Journal, Origin, SqliteStore, StreamName,
    outcome_stream, programme_stream, registry_stream,
};
use projections::{Cutoff, Projections};
use tempfile::TempDir;

const REGISTRATIONS: u32 = 2_121_783;
const BATCH: u32 = 8192;

struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

struct Whole {
    dir: TempDir,
    hand: Arc<Hand>,
    log: Arc<dyn EventStore>,
    journal: Journal,
}

fn programme() -> ProgrammeId {
    "cec-pac".parse().unwrap()
}

fn mixed(number: u32, parts: u64) -> u64 {
    let mixed = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29) >> 20) % parts
}

impl Whole {
    async fn registered() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let start = Utc.with_ymd_and_hms(2014, 12, 17, 12, 0, 0).unwrap();
        let hand = Arc::new(Hand(Mutex::new(start)));
        let clock: Arc<dyn Clock> = hand.clone();
        let store = SqliteStore::open(&dir.path().join("events.db"), Arc::clone(&clock)).await;
        let log: Arc<dyn EventStore> = Arc::new(store.unwrap());
        let journal = Journal::new(programme(), Arc::clone(&log), clock, State::default(), 0);
        let whole = Self { dir, hand, log, journal };
        whole.command(Command::Adopt(Plan::cec_pac().unwrap())).await;
        let mut first = 0;
        while first < REGISTRATIONS {
            let count = BATCH.min(REGISTRATIONS - first);
            whole.register(first, count).await;
            first += count;
        }
        whole
    }

    async fn register(&self, first: u32, count: u32) {
        let day = NaiveDate::from_ymd_opt(2010, 4, 26).unwrap();
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in first..first + count {
            let requested = day + Days::new(mixed(number, 1600));
            let activated = (mixed(number, 1000) < 566).then(|| requested + Days::new(12));
            requested_on.push(Some(requested)).unwrap();
            activated_on.push(activated).unwrap();
        }
        let event = MailboxesRegistered { first, requested_on, activated_on };
        let stream = registry_stream(&programme()).unwrap();
        self.append(stream, &[Event::MailboxesRegistered(event)]).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.hand.now()
    }

    async fn append(&self, stream: StreamName, events: &[Event]) {
        let origin = Origin::part("scale");
        let new = |event| self.journal.written(event, self.now(), &origin).unwrap();
        let events = events.iter().map(new).collect();
        self.log.append(Append::to(stream, ExpectedVersion::Any, events)).await.unwrap();
    }

    async fn state(&self) -> State {
        self.journal.known().await.unwrap().state().clone()
    }

    async fn command(&self, command: Command) {
        let events = self.state().await.decide(command, self.now()).unwrap();
        self.append(programme_stream(&programme()).unwrap(), &events).await;
    }

    /// Moves the clock to the next phase and carries it out, 65,536 mailboxes to an event.
    async fn phase(&self) {
        let next = self.state().await.plan().unwrap().next_wake(self.now()).unwrap();
        *self.hand.0.lock().unwrap() = next + chrono::Duration::seconds(1);
        let frozen_at = self.log.head().await.unwrap();
        self.command(Command::StartPhase { frozen_at }).await;
        let reach = Reach { controls: Capabilities::OF_PLATFORM, arm_ahead: None };
        for task in tasks(&self.state().await, self.now(), reach) {
            let stream = outcome_stream(&programme(), task.phase.as_ref()).unwrap();
            let numbers: Vec<u32> = task.mailboxes.iter().collect();
            for batch in numbers.chunks(65_536) {
                let outcome = Outcome {
                    phase: task.phase.clone(),
                    revision: 1,
                    due_at: next,
                    verdict: Verdict::Applied,
                    mailboxes: batch.iter().copied().collect::<MailboxSet>(),
                };
                let of = |capability: Capability| Event::removal(capability, outcome.clone());
                let events: Vec<_> = task.capabilities.iter().filter_map(of).collect();
                self.append(stream.clone(), &events).await;
            }
        }
    }

    async fn open(&self) -> Projections {
        Projections::open(self.dir.path(), programme(), Arc::clone(&self.log)).await.unwrap()
    }
}

/// Says how long something took, and holds it to its limit.
fn within(limit: Duration, what: &str, since: Instant) {
    let took = since.elapsed();
    println!("{what}: {took:.3?} (limit {limit:?})");
    assert!(took <= limit, "{what} took {took:?}, more than {limit:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "half a minute in release, on a machine of its own"]
async fn the_whole_population_in_the_time_it_may_take() {
    let whole = Whole::registered().await;
    let projections = whole.open().await;

    let start = Instant::now();
    while projections.sets().tick(whole.now()).await.unwrap().progress > 0 {}
    within(Duration::from_secs(3), "sets: 2,121,783 registrations", start);
    let start = Instant::now();
    while projections.table().tick(whole.now()).await.unwrap().progress > 0 {}
    within(Duration::from_secs(12), "table: 2,121,783 rows inserted", start);

    whole.phase().await;
    while projections.tick(whole.now()).await.unwrap().progress > 0 {}
    whole.phase().await;
    let start = Instant::now();
    while projections.table().tick(whole.now()).await.unwrap().progress > 0 {}
    within(Duration::from_secs(2), "table: a phase of 1.2 million, two capabilities", start);
    let start = Instant::now();
    while projections.sets().tick(whole.now()).await.unwrap().progress > 0 {}
    within(Duration::from_millis(500), "sets: the same phase", start);

    for _ in 0..2 {
        whole.phase().await;
    }
    projections.catch_up(whole.now()).await.unwrap();
    past(&whole, &projections).await;

    projections.close().await.unwrap();
    let start = Instant::now();
    let (state, _) = whole.open().await.state().await.unwrap();
    within(Duration::from_millis(500), "start: the state loaded", start);
    assert_eq!(state, whole.state().await);
    let start = Instant::now();
    let log = Arc::clone(&whole.log);
    let rebuilt = Projections::rebuild(whole.dir.path(), programme(), log, whole.now()).await;
    let rebuilt = rebuilt.unwrap();
    assert_eq!(Some(rebuilt.after), rebuilt.before);
    within(Duration::from_secs(40), "rebuild: all of it, with digests before and after", start);
    for file in ["state.db", "mailboxes.db"] {
        let bytes = std::fs::metadata(whole.dir.path().join(file)).unwrap().len();
        println!("{file}: {} bytes a mailbox", bytes / u64::from(REGISTRATIONS));
    }
}

async fn past(whole: &Whole, projections: &Projections) {
    let history = projections.history();
    let now = Cutoff::at(whole.now(), Rome);
    let numbers: Vec<u32> = (0..200).map(|at| at * (REGISTRATIONS / 200)).collect();
    history.mailbox_as_of(0, now).await.unwrap();
    let start = Instant::now();
    for number in &numbers {
        let (mailbox, _) = history.mailbox_as_of(*number, now).await.unwrap();
        assert_eq!(mailbox.number, *number);
    }
    within(Duration::from_millis(10) * 200, "200 mailboxes as of now", start);
    let start = Instant::now();
    let state = history.population_as_of(now).await.unwrap();
    within(Duration::from_secs(2), "the population as of now", start);
    assert_eq!(state, whole.state().await);
}

/// What a fold alone costs, beside which the rest is to be seen.
#[tokio::test]
#[ignore = "half a minute in release, on a machine of its own"]
async fn the_log_folds_in_a_second() {
    let whole = Whole::registered().await;
    let page = whole.log.read_all(0, &Filter::default(), usize::MAX).await.unwrap();
    let start = Instant::now();
    let facts: Vec<Fact> = page.events.iter().map(|event| event.fact().unwrap()).collect();
    let mut state = State::default();
    for fact in &facts {
        state.evolve(fact);
    }
    within(Duration::from_secs(1), "fold: 2,121,783 registrations", start);
    assert_eq!(state.rights.registered().len(), u64::from(REGISTRATIONS));
}
