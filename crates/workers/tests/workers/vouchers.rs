//! Vouchers as work: ordered by the sweep, issued once by workers through their port, at a limited
//! rate, with an incident after a permanent failure.

mod killed;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::{InProcess, WorkOrder, WorkQueue};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Attempted, Capabilities, Capability, Command, DateColumn, Event, MailboxSet,
    MailboxesRegistered, Plan, PlatformCapabilities, Verification, VoucherCommand, VoucherProgress,
};
use eventstore::{
    Clock, Decision, EventStore, ExpectedVersion, Filter, Journal, MemoryStore, Origin,
    incident_stream, programme_stream, registry_stream, voucher_stream,
};
use platform::{Answer, Cause, Error, Failure, IssueVouchers, Limits, Pace};
use roaring::RoaringBitmap;
use tokio::time::Instant;
use workers::{Sweep, SweepSettings, Worker};

const HOLDERS: u32 = 10;

struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// The faults of the port.
enum Fault {
    Unavailable,
    Refused,
    /// It issues, but its answer is lost.
    AnswerLost,
    /// These fail permanently.
    Some(u32),
}

/// Issues according to the log, after a sequence of faults.
struct Issuer {
    journal: Arc<Journal>,
    faults: Mutex<VecDeque<Fault>>,
    calls: Mutex<Vec<(Instant, MailboxSet)>>,
}

impl Issuer {
    fn on(journal: &Arc<Journal>) -> Arc<Self> {
        let (faults, calls) = (Mutex::default(), Mutex::default());
        Arc::new(Self { journal: Arc::clone(journal), faults, calls })
    }
}

#[async_trait]
impl IssueVouchers for Issuer {
    async fn issue(&self, mailboxes: &MailboxSet) -> Result<Answer, Error> {
        self.calls.lock().unwrap().push((Instant::now(), mailboxes.clone()));
        let fault = self.faults.lock().unwrap().pop_front();
        let (cause, problem) = (Cause::new("out-of-paper"), "no paper".to_owned());
        let mut failed = RoaringBitmap::new();
        match fault {
            Some(Fault::Unavailable) => {
                return Err(Error::Unavailable { cause, problem, source: None });
            }
            Some(Fault::Refused) => return Err(Error::Refused { cause, problem }),
            Some(Fault::Some(number)) => drop(failed.insert(number)),
            Some(Fault::AnswerLost) | None => {}
        }
        let wanted = &**mailboxes - &failed;
        let on = Decision::on(voucher_stream(self.journal.programme()).unwrap());
        let origin = Origin::part("worker");
        let decided = self.journal.decide(&on, &origin, |state, now| {
            let issue = VoucherCommand::Issue { mailboxes: wanted.clone() };
            Ok::<_, eventstore::Error>(state.decide_voucher(issue, now).unwrap_or_default())
        });
        let mut applied = RoaringBitmap::new();
        for event in decided.await.unwrap().0 {
            if let Event::VouchersIssued(event) = event {
                applied |= &*event.mailboxes;
            }
        }
        if matches!(fault, Some(Fault::AnswerLost)) {
            return Err(Error::Unavailable { cause, problem, source: None });
        }
        let failure = |mailboxes| Failure { mailboxes, cause, transient: false };
        Ok(Answer {
            already_so: MailboxSet::from(wanted - &applied),
            applied: MailboxSet::from(applied),
            failed: Some(failed)
                .filter(|failed| !failed.is_empty())
                .map(MailboxSet::from)
                .map(failure)
                .into_iter()
                .collect(),
        })
    }
}

struct World {
    clock: Arc<Hand>,
    journal: Arc<Journal>,
    queue: InProcess,
    issuer: Arc<Issuer>,
    pace: Pace,
    sweep: Sweep,
    worker: Worker,
}

impl World {
    /// Ten holders whose requests are verified, within the window.
    async fn new(settings: SweepSettings) -> Self {
        let clock = Arc::new(Hand(Mutex::new("2015-06-01T10:00:00Z".parse().unwrap())));
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new(Arc::<Hand>::clone(&clock)));
        let text = Plan::CEC_PAC.replacen("[vouchers]\n", "[vouchers]\nmax-issued = 8\n", 1);
        let plan = Plan::parse("trial.toml", &text).unwrap().0;
        let hand = Arc::<Hand>::clone(&clock);
        let state = domain::State::default();
        let journal = Arc::new(Journal::new(plan.programme.clone(), store, hand, state, 0));
        let queue = InProcess::new(bus::Settings::default());
        let issuer = Issuer::on(&journal);
        let pace = Pace::default();
        let work: Arc<dyn WorkQueue> = Arc::new(queue.clone());
        let sweep = Sweep::new(Arc::clone(&journal), Arc::clone(&work), NO_PLATFORM, settings);
        let worker = worker(&journal, &work, &issuer, &pace);
        let world = Self { clock, journal, queue, issuer, pace, sweep, worker };
        world.adopt(plan).await;
        let everyone = (0..HOLDERS).collect::<RoaringBitmap>();
        let request = VoucherCommand::Request {
            mailboxes: everyone.clone(),
            requested_in_time: everyone.clone(),
        };
        world.decide(request).await;
        world
            .decide(VoucherCommand::Verify { mailboxes: everyone, proof: Verification::Officer })
            .await;
        world
    }

    async fn adopt(&self, plan: Plan) {
        let now = self.journal.now();
        let adopted = {
            let known = self.journal.state().await.unwrap();
            known.decide(Command::Adopt(plan), now).unwrap()
        };
        let stream = programme_stream(self.journal.programme()).unwrap();
        self.append(stream, &adopted).await;
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for _ in 0..HOLDERS {
            requested_on.push(Some("2010-04-26".parse().unwrap())).unwrap();
            activated_on.push(None).unwrap();
        }
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        let stream = registry_stream(self.journal.programme()).unwrap();
        self.append(stream, &[Event::MailboxesRegistered(registered)]).await;
    }

    async fn append(&self, stream: eventstore::StreamName, events: &[Event]) {
        let origin = Origin::part("test");
        self.journal.append(stream, ExpectedVersion::Any, events, &origin).await.unwrap();
    }

    async fn decide(&self, command: VoucherCommand) {
        let events = {
            let known = self.journal.state().await.unwrap();
            known.decide_voucher(command, self.journal.now()).unwrap()
        };
        self.append(voucher_stream(self.journal.programme()).unwrap(), &events).await;
    }

    fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.issuer.faults.lock().unwrap().extend(faults);
    }

    fn later(&self, by: TimeDelta) {
        *self.clock.0.lock().unwrap() += by;
    }

    async fn progress(&self) -> VoucherProgress {
        self.journal.state().await.unwrap().voucher_progress()
    }

    async fn settle(&mut self) {
        settle(&mut self.sweep, &self.worker, &self.queue).await;
    }

    /// Takes the next order from the queue and loses it.
    async fn loses_an_order(&mut self) -> WorkOrder {
        self.sweep.tick().await.unwrap();
        let delivery = self.queue.pull(Capability::RequestVoucher.into()).await.unwrap();
        let order = delivery.order().clone();
        delivery.ack().await.unwrap();
        order
    }

    /// The events of vouchers in the log, each with its actor.
    async fn voucher_events(&self) -> Vec<(Event, String)> {
        let filter = Filter { categories: vec!["voucher".to_owned()] };
        let page = self.journal.store().read_all(0, &filter, 1_000).await.unwrap();
        let events = page.events.iter();
        events.map(|it| (it.fact().unwrap().event, it.event.actor.clone())).collect()
    }

    /// The issued vouchers in the log: holder and actor.
    async fn issued(&self) -> Vec<(u32, String)> {
        let mut issued = Vec::new();
        for (event, actor) in self.voucher_events().await {
            if let Event::VouchersIssued(event) = event {
                issued.extend(event.mailboxes.iter().map(|number| (number, actor.clone())));
            }
        }
        issued.sort();
        issued
    }

    /// The outcomes of effects on a mailbox, as the log describes them.
    async fn outcomes_of(&self, number: u32) -> Vec<String> {
        let filter = Filter { categories: vec!["outcome".to_owned()] };
        let page = self.journal.store().read_all(0, &filter, 1_000).await.unwrap();
        let facts = page.events.iter().map(|recorded| recorded.fact().unwrap());
        facts.map(|fact| fact.event.describe_for(number)).collect()
    }

    /// The first eight have one voucher each, the limit of the plan, issued by a worker.
    async fn eight_have_theirs(&self) {
        let expected: Vec<_> = (0..8).map(|number| (number, "worker".to_owned())).collect();
        assert_eq!(self.issued().await, expected);
    }
}

/// Runs until no work is left and no order is in flight.
async fn settle(sweep: &mut Sweep, worker: &Worker, queue: &dyn WorkQueue) {
    for _ in 0..1_000 {
        let progress = sweep.tick().await.unwrap().progress;
        if queue.backlog().await.unwrap().waiting > 0 {
            worker.next().await.unwrap();
        } else if progress == 0 {
            return;
        }
    }
    panic!("the sweep does not come to an end");
}

fn worker(
    journal: &Arc<Journal>,
    queue: &Arc<dyn WorkQueue>,
    issuer: &Arc<Issuer>,
    pace: &Pace,
) -> Worker {
    let (queue, vouchers) = (Arc::clone(queue), Arc::<Issuer>::clone(issuer));
    Worker::of_vouchers(Arc::clone(journal), queue, vouchers, pace.clone(), 1)
}

const NO_PLATFORM: PlatformCapabilities =
    PlatformCapabilities { controls: Capabilities::NONE, arm_ahead: None };

const SMALL: SweepSettings = SweepSettings { batch: 3, orders: 2 };

#[tokio::test]
async fn verified_requests_are_ordered_and_issued_up_to_the_limit() {
    let mut world = World::new(SMALL).await;
    assert_eq!(world.progress().await, VoucherProgress { pending: 10, ..Default::default() });
    world.settle().await;
    world.eight_have_theirs().await;
    let progress = world.progress().await;
    assert_eq!((progress.issued, progress.pending), (8, 2), "two are beyond the limit");
    assert!(world.issuer.calls.lock().unwrap().iter().all(|(_, mailboxes)| mailboxes.len() <= 3));
}

#[tokio::test]
async fn nothing_is_ordered_while_the_programme_is_paused_and_a_stale_order_does_nothing() {
    let mut world = World::new(SMALL).await;
    let stale = world.loses_an_order().await;
    let paused = {
        let known = world.journal.state().await.unwrap();
        known.decide(Command::Pause, world.journal.now()).unwrap()
    };
    world.append(programme_stream(world.journal.programme()).unwrap(), &paused).await;
    world.settle().await;
    world.queue.publish(stale).await.unwrap();
    world.worker.next().await.unwrap();
    assert_eq!(world.issued().await, []);
    assert_eq!(world.progress().await.pending, 10);
}

#[tokio::test]
async fn lost_orders_are_replaced_and_duplicates_issue_nothing_twice() {
    let mut world = World::new(SMALL).await;
    let lost = world.loses_an_order().await;
    world.settle().await;
    world.eight_have_theirs().await;
    for _ in 0..2 {
        world.queue.publish(lost.clone()).await.unwrap();
        world.worker.next().await.unwrap();
    }
    world.eight_have_theirs().await;
}

#[tokio::test]
async fn two_workers_with_the_same_order_issue_each_voucher_once() {
    let world = World::new(SMALL).await;
    let queue: Arc<dyn WorkQueue> = Arc::new(world.queue.clone());
    let other = worker(&world.journal, &queue, &world.issuer, &world.pace);
    let id = world.journal.new_id();
    let order = WorkOrder {
        id,
        programme: world.journal.programme().clone(),
        phase: None,
        effects: Capability::RequestVoucher.into(),
        mailboxes: (0..HOLDERS).collect(),
        correlation_id: id,
        causation_id: None,
    };
    world.queue.publish(order.clone()).await.unwrap();
    world.queue.publish(order).await.unwrap();
    let (one, two) = tokio::join!(world.worker.next(), other.next());
    assert!(one.is_ok() && two.is_ok());
    world.eight_have_theirs().await;
}

#[tokio::test]
async fn a_worker_that_dies_after_issuing_and_before_its_answer_leaves_nothing_to_do() {
    let mut world = World::new(SweepSettings::default()).await;
    world.fails([Fault::AnswerLost]);
    world.settle().await;
    world.eight_have_theirs().await;
    assert_eq!(world.progress().await.retrying, 0, "issued vouchers did not fail");
}

#[tokio::test]
async fn an_outage_spends_no_attempt_and_the_next_attempt_waits() {
    let mut world = World::new(SweepSettings::default()).await;
    world.fails([Fault::Unavailable]);
    world.settle().await;
    let progress = world.progress().await;
    // Holders that wait hold no place within the limit: the other two got theirs.
    assert_eq!((progress.issued, progress.retrying, progress.pending), (2, 8, 0));
    let next = {
        let known = world.journal.state().await.unwrap();
        let failures = &known.failures;
        let attempts = failures.by_attempts(Attempted::Vouchers, &(0..8).collect());
        assert_eq!(attempts.keys().copied().collect::<Vec<_>>(), [0]);
        failures.next_retry(world.journal.now())
    };
    world.later(next.map_or(TimeDelta::zero(), |next| next - world.journal.now()));
    world.settle().await;
    assert_eq!(world.progress().await.issued, 8);
}

#[tokio::test]
async fn a_permanent_failure_is_an_incident_and_issued_after_a_retry() {
    let mut world = World::new(SweepSettings::default()).await;
    world.fails([Fault::Some(4)]);
    world.settle().await;
    let progress = world.progress().await;
    assert_eq!((progress.failed, progress.issued), (1, 8), "its place went to another holder");
    let described = world.outcomes_of(4).await;
    let failed = "issuing the voucher failed permanently after 1 attempt (voucher-out-of-paper)";
    assert!(described.iter().any(|text| text.starts_with(failed)), "{described:?}");
    let key: domain::IncidentKey = "-:voucher-out-of-paper".parse().unwrap();
    let retried = {
        let known = world.journal.state().await.unwrap();
        let incident = &known.failures.incidents[&key];
        assert_eq!(incident.capabilities, Capability::RequestVoucher.into());
        assert_eq!(incident.open, [4].into());
        let (phase, cause, mailboxes) = (key.phase, key.cause, MailboxSet::from(4));
        Event::IncidentRetried(domain::IncidentRetried { phase, cause, mailboxes })
    };
    world.append(incident_stream(world.journal.programme()).unwrap(), &[retried]).await;
    let progress = world.progress().await;
    assert_eq!((progress.failed, progress.pending), (0, 2));
}

#[tokio::test]
async fn a_port_that_refuses_opens_an_incident_for_the_whole_order() {
    let mut world = World::new(SweepSettings::default()).await;
    world.fails([Fault::Refused, Fault::Refused]);
    world.settle().await;
    let progress = world.progress().await;
    assert_eq!((progress.failed, progress.issued, progress.pending), (10, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn orders_wait_for_the_rate_limit_of_vouchers() {
    let mut world = World::new(SweepSettings { batch: 2, orders: 8 }).await;
    let limits = Limits { calls_per_second: Some(1), concurrent_calls: None };
    world.pace.set(Capability::RequestVoucher, limits);
    world.settle().await;
    world.eight_have_theirs().await;
    let calls = world.issuer.calls.lock().unwrap();
    assert_eq!(calls.len(), 4);
    for two in calls.windows(2) {
        let apart = two[1].0 - two[0].0;
        assert!(apart.as_millis() >= 990, "{apart:?}");
    }
}
