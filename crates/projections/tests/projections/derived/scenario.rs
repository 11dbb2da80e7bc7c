//! Random programmes: every event comes from the domain's own decisions, or is a possible outcome
//! of the domain's own tasks.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use chrono::{DateTime, Days, Duration, NaiveDate, TimeZone, Utc};
use domain::{
    Capabilities, Capability, Change, Command, Compared, DateColumn, DriftChecked, DriftFound,
    DriftSettled, EffectFailed, Event, IncidentOpened, IncidentResolved, IncidentRetried,
    MailboxCommand, MailboxSet, MailboxesActivated, MailboxesRegistered, Outcome, PhaseId, Plan,
    PlatformCapabilities, ProgrammeId, RegistrationsCorrected, RightsArmed, RightsRestored,
    Standing, State, Task, Verdict, VouchersIssued, civil_date, tasks,
};
use eventstore::{
    Append, Clock, DatabaseStore, EventStore, ExpectedVersion, Filter, Journal, MemoryStore,
    NewEvent, Origin, StreamName, drift_stream, incident_stream, mailbox_stream, outcome_stream,
    programme_stream, registry_stream,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

pub(crate) struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// The next step; the numbers choose among the possible ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    kind: u8,
    a: u32,
    b: u32,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u8..19, any::<u32>(), any::<u32>()).prop_map(|(kind, a, b)| Step { kind, a, b });
    prop::collection::vec(step, 1..90)
}

pub(crate) struct Scenario {
    pub(crate) hand: Arc<Hand>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) journal: Journal,
}

pub(crate) fn programme() -> ProgrammeId {
    "cec-pac".parse().unwrap()
}

pub(crate) fn chosen(number: u32, seed: u32, parts: u32) -> u32 {
    let mixed = (u64::from(number) << 32 | u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from((mixed ^ mixed >> 29) >> 33).unwrap() % parts
}

fn hand() -> Arc<Hand> {
    let start = Utc.with_ymd_and_hms(2014, 9, 1, 8, 0, 0).unwrap();
    Arc::new(Hand(Mutex::new(start)))
}

impl Scenario {
    /// A programme with its plan adopted.
    pub(crate) async fn begin() -> Self {
        let hand = hand();
        let store = Arc::new(MemoryStore::new(hand.clone()));
        Self::begin_on(store, hand).await
    }

    /// The same, with its log in a file.
    pub(crate) async fn begin_in(dir: &tempfile::TempDir) -> Self {
        let hand = hand();
        let store = DatabaseStore::open(&dir.path().join("log.db"), hand.clone()).await.unwrap();
        Self::begin_on(Arc::new(store), hand).await
    }

    async fn begin_on(store: Arc<dyn EventStore>, hand: Arc<Hand>) -> Self {
        let log = Arc::clone(&store);
        let journal = Journal::new(programme(), log, hand.clone(), State::default(), 0);
        let begun = Self { hand, store, journal };
        begun.command(Command::Adopt(Plan::cec_pac().unwrap())).await;
        begun
    }

    pub(crate) async fn told(steps: &[Step]) -> Self {
        let scenario = Self::begin().await;
        for step in steps {
            scenario.step(*step).await;
        }
        scenario
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.hand.now()
    }

    pub(crate) fn log(&self) -> Arc<dyn EventStore> {
        self.store.clone()
    }

    pub(crate) async fn state(&self) -> State {
        self.journal.state().await.unwrap().clone()
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.hand.0.lock().unwrap() += by;
    }

    pub(crate) async fn append(&self, stream: StreamName, at: DateTime<Utc>, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let origin = Origin::part("scenario");
        let new = |event| self.journal.new_event(event, at, &origin).unwrap();
        let events = events.iter().map(new).collect();
        self.store.append(Append::to(stream, ExpectedVersion::Any, events)).await.unwrap();
    }

    /// A newer program appends an event unknown to this one.
    pub(crate) async fn beam_up(&self) {
        let unknown = NewEvent {
            id: self.journal.new_id(),
            kind: "mailbox-beamed-up".to_owned(),
            schema_version: 1,
            effective_at: self.now(),
            actor: "newer".to_owned(),
            reason: None,
            correlation_id: self.journal.new_id(),
            causation_id: None,
            payload: "{}".to_owned(),
        };
        let stream = StreamName::new("mailbox-x").unwrap();
        let append = Append::to(stream, ExpectedVersion::Any, vec![unknown]);
        self.store.append(append).await.unwrap();
    }

    /// The log of an older backup.
    pub(crate) async fn log_up_to(&self, events: usize) -> Arc<dyn EventStore> {
        let log = MemoryStore::new(self.hand.clone());
        for event in self.store.read_all(0, &Filter::default(), events).await.unwrap().events {
            let append = Append::to(event.stream, ExpectedVersion::Any, vec![event.event]);
            log.append(append).await.unwrap();
        }
        Arc::new(log)
    }

    pub(crate) async fn command(&self, command: Command) {
        let Ok(events) = self.state().await.decide(command, self.now()) else { return };
        self.append(programme_stream(&programme()).unwrap(), self.now(), &events).await;
    }

    async fn one_mailbox(&self, number: u32, command: MailboxCommand) {
        let mailbox = projections::mailbox_now(&self.state().await, number);
        let today = civil_date(self.now(), chrono_tz::Europe::Rome);
        let Ok(events) = mailbox.decide(command, today) else { return };
        self.append(mailbox_stream(&programme(), number).unwrap(), self.now(), &events).await;
    }

    pub(crate) async fn step(&self, Step { kind, a, b }: Step) {
        let state = self.state().await;
        let any = |a: u32| a.checked_rem(state.rights.next_number()).unwrap_or(0);
        match kind {
            0 | 1 => self.register(a % 14, b).await,
            2 => self.activate(&state, a).await,
            3 => self.correct(&state, a).await,
            4 => self.one_mailbox(any(a), MailboxCommand::Withdraw).await,
            5 | 6 => self.place_hold(any(a), b).await,
            7 => {
                let holds = state.rights.holds.len();
                let place = usize::try_from(a).unwrap().checked_rem(holds).unwrap_or(0);
                if let Some((hold, on)) = state.rights.holds.iter().nth(place) {
                    self.one_mailbox(on.number, MailboxCommand::ReleaseHold { hold: *hold }).await;
                }
            }
            8 | 9 => self.advance(Duration::hours(i64::from(a % 2500))),
            10 | 11 => {
                let frozen_at = self.store.head().await.unwrap();
                self.command(Command::StartPhase { frozen_at }).await;
            }
            12 => {
                for phase in state.phases.names() {
                    self.command(Command::CompletePhase(phase)).await;
                }
            }
            13 if a % 2 == 0 => self.command(Command::Pause).await,
            13 => self.command(Command::Resume).await,
            14 => self.operator(&state, a, b).await,
            15 => {
                self.tell(&state, a, b).await;
                self.probe(&state, a, b).await;
                if !a.is_multiple_of(3) {
                    self.grant(&state, a, b).await;
                }
                self.ask_for_logs(&state, a, b).await;
                self.erase(&state, a).await;
            }
            _ => self.work(&state, a, b).await,
        }
    }

    pub(crate) async fn register(&self, count: u32, seed: u32) {
        let first = self.state().await.rights.next_number();
        let today = civil_date(self.now(), chrono_tz::Europe::Rome);
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in first..first + count {
            let age = chosen(number, seed, 300);
            let requested = today - Days::new(age.into());
            let activated = (chosen(number, seed, 7) < 4)
                .then(|| requested + Days::new((chosen(number, seed, age + 1)).into()));
            requested_on.push(Some(requested)).unwrap();
            activated_on.push(activated).unwrap();
        }
        let event = MailboxesRegistered { first, requested_on, activated_on };
        let stream = registry_stream(&programme()).unwrap();
        self.append(stream, self.now(), &[Event::MailboxesRegistered(event)]).await;
    }

    async fn activate(&self, state: &State, seed: u32) {
        let pending = state.rights.pending();
        let mailboxes: MailboxSet =
            pending.iter().filter(|number| chosen(*number, seed, 3) == 0).collect();
        let today = civil_date(self.now(), chrono_tz::Europe::Rome);
        let mut activated_on = DateColumn::new();
        for number in mailboxes.iter() {
            let days = chosen(number, seed, 20);
            activated_on.push(Some(today - Days::new(days.into()))).unwrap();
        }
        let event = Event::MailboxesActivated(MailboxesActivated { mailboxes, activated_on });
        self.append(registry_stream(&programme()).unwrap(), self.now(), &[event]).await;
    }

    async fn correct(&self, state: &State, seed: u32) {
        let all = state.rights.registered.iter();
        let mailboxes: MailboxSet = all.filter(|number| chosen(*number, seed, 4) == 0).collect();
        let mut requested_on = DateColumn::new();
        for number in mailboxes.iter() {
            let day = NaiveDate::from_ymd_opt(2014, 1, 1).unwrap()
                + Days::new(chosen(number, seed, 240).into());
            requested_on.push(Some(day)).unwrap();
        }
        let fields = vec!["requested_on".to_owned()];
        let event = RegistrationsCorrected { mailboxes, requested_on, fields };
        let stream = registry_stream(&programme()).unwrap();
        self.append(stream, self.now(), &[Event::RegistrationsCorrected(event)]).await;
    }

    async fn place_hold(&self, number: u32, seed: u32) {
        let platform = Capabilities::OF_PLATFORM.iter().zip(0..);
        let kept = platform.filter(|(_, place)| chosen(*place, seed, 2) == 0);
        let capabilities = kept.map(|(capability, _)| capability).collect();
        let today = civil_date(self.now(), chrono_tz::Europe::Rome);
        let until = (!seed.is_multiple_of(3)).then(|| today + Days::new((seed % 200).into()));
        let hold = Uuid::from_u128(u128::from(seed));
        self.one_mailbox(number, MailboxCommand::PlaceHold { hold, capabilities, until }).await;
    }

    /// An operator retries a part of an incident, or resolves it.
    async fn operator(&self, state: &State, a: u32, b: u32) {
        self.compare(state, a, b).await;
        let stream = incident_stream(&programme()).unwrap();
        for (key, incident) in &state.failures.incidents {
            let some = incident.open.iter().filter(|number| chosen(*number, b, 2) == 0);
            let (phase, cause) = (key.phase.clone(), key.cause.clone());
            let mailboxes = some.collect();
            let event = if a.is_multiple_of(2) {
                Event::IncidentRetried(IncidentRetried { phase, cause, mailboxes })
            } else {
                Event::IncidentResolved(IncidentResolved { phase, cause, mailboxes })
            };
            self.append(stream.clone(), self.now(), &[event]).await;
        }
    }

    /// The platform is compared with the log: drift is found, and earlier drift is gone.
    async fn compare(&self, state: &State, a: u32, b: u32) {
        let stream = drift_stream(&programme()).unwrap();
        let place = usize::try_from(a % 4).unwrap();
        let capability = Capabilities::OF_PLATFORM.iter().nth(place).unwrap();
        let found = match b % 3 {
            0 => Standing::Allowed,
            1 => Standing::Gone,
            _ => Standing::Until(self.now() + Duration::days((b % 50).into())),
        };
        let (expected, repair) = (Standing::Allowed, !a.is_multiple_of(3));
        let activated = state.rights.activated.iter();
        let mailboxes: MailboxSet = activated.filter(|number| chosen(*number, b, 3) == 0).collect();
        let settled = state.drift.open.first().map(|open| {
            let some = open.mailboxes.iter().filter(|number| chosen(*number, a, 2) == 0);
            DriftSettled { capability: open.capability, mailboxes: some.collect() }
        });
        let compared_at = 0;
        let found = DriftFound { capability, expected, found, compared_at, repair, mailboxes };
        let checked = DriftChecked {
            scheduled_for: a.is_multiple_of(2).then(|| self.now()),
            repair,
            from_position: 1,
            to_position: 2,
            mailboxes: 3,
            capabilities: vec![Compared { capability, compared: 3, left_out: 1, drifting: 2 }],
            known: 4,
            unknown_to_registry: MailboxSet::from(b),
            numberless: 0,
            unknown_to_platform: MailboxSet::from(a % 50),
        };
        let mut events = vec![Event::DriftFound(found), Event::DriftChecked(checked)];
        events.extend(settled.map(Event::DriftSettled));
        self.append(stream, self.now(), &events).await;
    }

    /// A worker carries out a part of the work, with every possible outcome.
    pub(crate) async fn work(&self, state: &State, a: u32, b: u32) {
        let arm_ahead = a.is_multiple_of(2).then(|| Duration::days(40));
        let reach = PlatformCapabilities { controls: Capabilities::OF_PLATFORM, arm_ahead };
        for task in tasks(state, self.now(), reach) {
            for fate in 0..4 {
                let some = task.mailboxes.iter().filter(|number| chosen(*number, b, 5) == fate);
                let some: MailboxSet = some.collect();
                if !some.is_empty() {
                    self.record(&task, some, fate, b).await;
                }
            }
        }
    }

    async fn record(&self, task: &Task, mailboxes: MailboxSet, fate: u32, seed: u32) {
        let (phase, capabilities) = (task.phase.clone(), task.capabilities);
        let work = if task.change == Change::Issue { "voucher" } else { "cause" };
        let cause = format!("{work}-{}", seed % 3);
        let attempts = 1 + seed % 3;
        let events = match (fate, task.change) {
            (0 | 1, Change::Close { due_at }) => {
                closed(task, mailboxes, fate, due_at.max(self.now()))
            }
            (0 | 1, Change::Restore) => {
                vec![Event::RightsRestored(RightsRestored { capabilities, revision: 1, mailboxes })]
            }
            (0 | 1, Change::Arm { until }) => {
                let armed = RightsArmed { phase, revision: 1, capabilities, until, mailboxes };
                vec![Event::RightsArmed(armed)]
            }
            (0 | 1, Change::Issue) => {
                vec![Event::VouchersIssued(VouchersIssued { revision: 1, mailboxes })]
            }
            (2, _) => {
                let retry_at = self.now() + Duration::minutes(i64::from(seed % 90));
                vec![Event::EffectFailed(EffectFailed {
                    phase,
                    capabilities,
                    cause,
                    attempts,
                    retry_at,
                    mailboxes,
                })]
            }
            _ => {
                let opened = IncidentOpened { phase, capabilities, cause, attempts, mailboxes };
                vec![Event::IncidentOpened(opened)]
            }
        };
        let stream = outcome_stream(&programme(), task.phase.as_ref()).unwrap();
        // An armed right ended at its date, which is recorded when it is read back.
        let at = match task.change {
            Change::Close { due_at } if fate == 1 && task.phase.is_some() => due_at,
            Change::Close { .. } | Change::Restore | Change::Arm { .. } | Change::Issue => {
                self.now()
            }
        };
        self.append(stream, at, &events).await;
    }
}

fn closed(task: &Task, mailboxes: MailboxSet, fate: u32, due_at: DateTime<Utc>) -> Vec<Event> {
    let verdict = match fate {
        0 if mailboxes.len().is_multiple_of(3) => Verdict::AlreadySo,
        0 => Verdict::Applied,
        _ => Verdict::Confirmed,
    };
    let outcome = Outcome { phase: task.phase.clone(), revision: 1, due_at, verdict, mailboxes };
    let of = |capability: Capability| Event::removal(capability, outcome.clone());
    task.capabilities.iter().filter_map(of).collect()
}

pub(crate) fn phase(name: &str) -> PhaseId {
    name.parse().unwrap()
}

/// Runs a future of a test that is not itself asynchronous.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs a future for this many polls and drops it there; returns its result, if it has one.
pub(crate) async fn killed_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// A generator that omits a kind proves nothing about it.
#[test]
fn the_scenarios_contain_every_kind_of_event() {
    let mut told = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..60 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let page = run(async {
            let scenario = Scenario::told(&steps).await;
            scenario.store.read_all(0, &Filter::default(), usize::MAX).await.unwrap()
        });
        told.extend(page.events.into_iter().map(|event| event.event.kind));
    }
    // Kinds without mailboxes are left out.
    let beside = [
        "plan-amended",
        "amendment-proposed",
        "amendment-dropped",
        "pace-changed",
        "recurring-work-due",
        "registry-imported",
    ];
    let kinds = Event::KINDS.iter().map(|(kind, _)| *kind);
    let missing: Vec<_> =
        kinds.filter(|kind| !told.contains(*kind) && !beside.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?} never happen");
}
