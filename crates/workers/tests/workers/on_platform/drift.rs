//! Changes to the directory that the engine did not make.

use std::collections::BTreeSet;
use std::sync::Arc;

use bus::WorkQueue;
use domain::{
    Capabilities, Capability, DriftFound, DriftRules, DriftSettled, Event, Plan, RecurringWorkDue,
    Standing, Verdict,
};
use eventstore::schedule_stream;
use platform::{Faulty, Right};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::task::JoinSet;

use crate::on_platform::engine::{Engine, mailboxes};
use crate::on_platform::home::{Home, at, call, set};

const RECEIVE_ONLY: &str = "2015-03-17T23:00:00Z";

async fn engine(home: Arc<Home>) -> Engine {
    Engine::new(home, Plan::cec_pac().unwrap()).await
}

/// An engine after sending has ended.
async fn in_receive_only(home: Arc<Home>) -> Engine {
    let mut engine = engine(home).await;
    engine.at("2015-03-10T00:00:00Z").await;
    engine.at(RECEIVE_ONLY).await;
    engine.at("2015-03-20T00:00:00Z").await;
    engine
}

impl Home {
    /// Removes the end of a right by hand.
    async fn allow_by_hand(&self, column: &str, number: u32) {
        let no_end = match self {
            Self::File { .. } => "-2147483648",
            Self::Postgres { .. } => "'infinity'",
            Self::Webhook { .. } => panic!("a provider's API has no table"),
        };
        self.by_hand(&format!("UPDATE {{}}armed SET {column} = {no_end} WHERE number = {number}"))
            .await;
    }

    /// Sets the end of a right by hand.
    async fn end_by_hand(&self, column: &str, number: u32, instant: &str) {
        let seconds = at(instant).timestamp();
        let value = match self {
            Self::File { .. } => seconds.to_string(),
            Self::Postgres { .. } => format!("to_timestamp({seconds})"),
            Self::Webhook { .. } => panic!("a provider's API has no table"),
        };
        self.by_hand(&format!("UPDATE {{}}armed SET {column} = {value} WHERE number = {number}"))
            .await;
    }
}

fn found(
    capability: Capability,
    (expected, found): (Standing, Standing),
    repair: bool,
    numbers: impl IntoIterator<Item = u32>,
    compared_at: u64,
) -> Event {
    let mailboxes = set(numbers);
    Event::DriftFound(DriftFound { capability, expected, found, compared_at, repair, mailboxes })
}

pub(crate) async fn a_right_restored_by_hand_is_found_recorded_and_removed_again(home: Arc<Home>) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    assert_eq!(engine.check(true).await.drifting(), 0);
    home.allow_by_hand("send_until", 33).await;
    home.allow_by_hand("send_until", 65_535).await;
    let checked = engine.check(true).await;
    assert_eq!((checked.drifting(), checked.mailboxes), (2, 65));
    let compared = checked.capabilities.iter().map(|one| (one.compared, one.left_out));
    assert!(compared.eq([(65, 0); 4]), "{checked:?}");
    let told = engine.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    let Event::DriftFound(first) = &told[0] else { panic!("{told:?}") };
    let ways = (Standing::Gone, Standing::Allowed);
    let same = found(Capability::Send, ways, true, [33, 65_535], first.compared_at);
    assert_eq!(told[0], same);
    assert_eq!(engine.open_drift().await, 2);
    engine.settle().await;
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([]));
    assert_eq!(engine.open_drift().await, 0);
    let events = engine.events().await;
    let Some(Event::SendingDisabled(last)) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!((&last.mailboxes, last.verdict), (&set([33, 65_535]), Verdict::Applied));
    assert_eq!(last.phase.as_ref().unwrap().as_str(), "receive-only");
    assert_eq!(engine.check(true).await.drifting(), 0);
    assert_eq!(engine.told().await.len(), 1);
}

pub(crate) async fn a_right_removed_by_hand_is_found_and_restored(home: Arc<Home>) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    home.end_by_hand("receive_until", 140_000, "2015-03-01T00:00:00Z").await;
    assert_eq!(engine.check(true).await.drifting(), 1);
    engine.settle().await;
    assert_eq!(*home.may(Capability::Receive, mailboxes()).await, *set(mailboxes()));
    let events = engine.events().await;
    let Some(Event::RightsRestored(last)) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!((&last.mailboxes, last.capabilities), (&set([140_000]), Capability::Receive.into()));
    assert_eq!((engine.open_drift().await, engine.check(true).await.drifting()), (0, 0));
}

pub(crate) async fn an_end_moved_by_hand_is_recorded_again(home: Arc<Home>) {
    let mut engine = engine(Arc::clone(&home)).await;
    engine.at("2015-03-10T00:00:00Z").await;
    assert_eq!(engine.check(true).await.drifting(), 0, "what is armed is as it should be");
    home.end_by_hand("send_until", 3, "2015-03-12T00:00:00Z").await;
    home.allow_by_hand("send_until", 6).await;
    home.end_by_hand("login_until", 9, "2015-06-01T00:00:00Z").await;
    assert_eq!(engine.check(true).await.drifting(), 3);
    engine.settle().await;
    assert_eq!(engine.open_drift().await, 0);
    let ends = engine.platform.ends(&set([3, 6, 9]), Capabilities::OF_PLATFORM).await.unwrap();
    let send = ends.get(&(Capability::Send, at(RECEIVE_ONLY)));
    assert_eq!(send, Some(&set([3, 6, 9])));
    assert!(!ends.keys().any(|(capability, _)| *capability == Capability::Access), "{ends:?}");
    engine.set_clock("2015-03-12T00:00:01Z").await;
    assert_eq!(*home.may(Capability::Send, mailboxes()).await, *set(mailboxes()), "nothing early");
    engine.at(RECEIVE_ONLY).await;
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([]));
}

pub(crate) async fn drift_without_repair_is_recorded_once_and_left_open_until_settled(
    home: Arc<Home>,
) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    home.allow_by_hand("send_until", 33).await;
    home.allow_by_hand("send_until", 36).await;
    assert_eq!(engine.check(false).await.drifting(), 2);
    engine.settle().await;
    assert_eq!(engine.check(false).await.drifting(), 2);
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([33, 36]), "left as it is");
    assert_eq!((engine.told().await.len(), engine.open_drift().await), (1, 2));
    home.end_by_hand("send_until", 33, RECEIVE_ONLY).await;
    assert_eq!(engine.check(false).await.drifting(), 1);
    let settled = DriftSettled { capability: Capability::Send, mailboxes: set([33]) };
    assert_eq!(engine.told().await.last(), Some(&Event::DriftSettled(settled)));
    // Now with repair.
    assert_eq!(engine.check(true).await.drifting(), 1);
    engine.settle().await;
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([]));
    assert_eq!(engine.open_drift().await, 0);
}

pub(crate) async fn mailboxes_known_to_one_side_only_are_reported_and_never_changed(
    home: Arc<Home>,
) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    home.remove(66).await;
    home.with([1, 200_000]).await;
    let closed = call([1, 200_000], [Capability::Access], Right::Until(at(RECEIVE_ONLY)));
    home.platform().set(&closed).await.unwrap();
    let before = engine.events().await.len();
    let checked = engine.check(true).await;
    assert_eq!(checked.unknown_to_platform, set([66]));
    // 1 is a registration never activated; 200,000 does not exist.
    assert_eq!(checked.unknown_to_registry, set([1, 200_000]));
    assert_eq!((checked.known, checked.numberless, checked.drifting()), (66, 0, 0));
    let compared = checked.capabilities.iter().map(|one| one.compared);
    assert!(compared.eq([64; 4]), "{checked:?}");
    engine.settle().await;
    assert_eq!(engine.events().await.len(), before + 1, "the summary alone");
    assert_eq!(home.may(Capability::Send, [1, 66, 200_000]).await, set([1, 200_000]));
    assert_eq!(home.may(Capability::Access, [1, 66, 200_000]).await, set([]));
}

pub(crate) async fn drift_found_before_a_crash_is_repaired_after_it(home: Arc<Home>) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    home.allow_by_hand("send_until", 33).await;
    home.allow_by_hand("send_until", 140_000).await;
    // Killed after the first range: its drift is recorded, and no summary.
    plan_a_check(&mut engine).await;
    while engine.open_drift().await == 0 {
        engine.reconciler.tick().await.unwrap();
    }
    let mut engine = engine.crashed().await;
    engine.settle().await;
    assert_eq!(home.may(Capability::Send, [33]).await, set([]), "repaired");
    while engine.reconciler.tick().await.unwrap().progress > 0 {}
    engine.settle().await;
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([]), "looked through again");
    assert_eq!((engine.open_drift().await, engine.told().await.len()), (0, 2));
    assert_eq!(engine.reconciler.tick().await.unwrap().progress, 0, "the occurrence is answered");
    let mut engine = engine.crashed().await;
    assert_eq!(engine.reconciler.tick().await.unwrap().progress, 0, "for good");
}

/// Adopts a plan with drift checks and makes an occurrence due.
async fn plan_a_check(engine: &mut Engine) {
    let scheduled_for = engine.journal.now();
    let name = DriftRules::recurring_name();
    let due = RecurringWorkDue { name, scheduled_for, late_seconds: 0, skipped: 0 };
    let stream = schedule_stream(engine.journal.programme()).unwrap();
    engine.append(stream, Event::RecurringWorkDue(due)).await;
}

pub(crate) async fn work_in_flight_of_a_phase_is_not_drift(home: Arc<Home>) {
    let mut engine = engine(Arc::clone(&home)).await;
    engine.at("2015-01-10T00:00:00Z").await;
    // Not armed, so that all work is done at the date.
    engine.set_clock("2015-03-18T01:00:00Z").await;
    engine.start_due_phases().await;
    let mut hands = JoinSet::new();
    for _ in 0..2 {
        let worker = engine.worker();
        hands.spawn(async move { while worker.next().await.is_ok() {} });
    }
    let mut checks = 0;
    loop {
        let progress = engine.sweep.tick().await.unwrap().progress;
        let checked = engine.check(true).await;
        assert_eq!(checked.drifting(), 0, "{checked:?}");
        checks += 1;
        let backlog = engine.queue.backlog().await.unwrap();
        if progress == 0 && backlog.waiting + backlog.delayed + backlog.in_flight == 0 {
            break;
        }
    }
    hands.shutdown().await;
    assert!(checks > 1);
    assert_eq!(engine.told().await, []);
    assert_eq!(home.may(Capability::Send, mailboxes()).await, set([]));
}

pub(crate) async fn a_comparison_completes_on_a_platform_that_fails_sometimes(home: Arc<Home>) {
    let faults = "transient=40%".parse().unwrap();
    let platform = Arc::new(Faulty::new(home.once_more().await, faults, 7));
    let mut engine = Engine::on(Arc::clone(&home), Plan::cec_pac().unwrap(), platform).await;
    home.end_by_hand("send_until", 33, "2014-11-30T00:00:00Z").await;
    plan_a_check(&mut engine).await;
    let mut rests = 0;
    loop {
        let tick = engine.reconciler.tick().await.unwrap();
        match tick.next_wake {
            Some(wake) => {
                rests += 1;
                engine.set_clock(&wake.to_rfc3339()).await;
            }
            None if tick.progress == 0 => break,
            None => {}
        }
    }
    assert!(rests > 0, "the platform never failed");
    assert_eq!(engine.told().await.len(), 1);
    let snapshot = engine.journal.state().await.unwrap();
    let (_, checked) = snapshot.drift.last_check().unwrap();
    assert_eq!((checked.mailboxes, checked.known, checked.drifting()), (65, 65, 1));
}

/// A change by hand: a right, and its end in days; `None` for no end.
type Edit = (usize, usize, Option<i64>);

pub(crate) async fn comparing_ranges_finds_what_comparing_each_mailbox_finds(home: Arc<Home>) {
    let mut engine = in_receive_only(Arc::clone(&home)).await;
    let columns = [
        (Capability::Send, "send_until"),
        (Capability::Modify, "read_only_from"),
        (Capability::Receive, "receive_until"),
        (Capability::Access, "login_until"),
    ];
    let edit = (0_usize..65, 0_usize..4, prop::option::of(-20_i64..20));
    let mut runner = TestRunner::default();
    for _ in 0..12 {
        let edits = prop::collection::vec(edit.clone(), 0..12);
        let edits: Vec<Edit> = edits.new_tree(&mut runner).unwrap().current();
        for (place, column, days) in &edits {
            let (number, (_, column)) = (mailboxes()[*place], columns[*column]);
            match days {
                None => home.allow_by_hand(column, number).await,
                Some(days) => {
                    let end = engine.journal.now() + chrono::TimeDelta::days(*days);
                    home.end_by_hand(column, number, &end.to_rfc3339()).await;
                }
            }
        }
        let ended = Capabilities::from(Capability::Send).with(Capability::Modify);
        let expected = |capability| {
            if ended.contains(capability) { Standing::Gone } else { Standing::Allowed }
        };
        let mut naive = BTreeSet::new();
        for number in mailboxes() {
            for (capability, _) in columns {
                let one = set([number]);
                let actual = engine.platform.read(&one, capability.into()).await.unwrap();
                let ends = engine.platform.ends(&one, capability.into()).await.unwrap();
                let end = ends.keys().next().map(|(_, end)| Standing::Until(*end));
                let found = if actual.now[&capability].is_empty() {
                    Standing::Gone
                } else {
                    end.unwrap_or(Standing::Allowed)
                };
                if found != expected(capability) {
                    naive.insert((number, capability, found));
                }
            }
        }
        let before = engine.told().await.len();
        let checked = engine.check(true).await;
        assert_eq!(checked.drifting(), u64::try_from(naive.len()).unwrap(), "{edits:?}");
        let mut told = BTreeSet::new();
        for event in &engine.told().await[before..] {
            let Event::DriftFound(event) = event else { panic!("{event:?}") };
            assert_eq!(event.expected, expected(event.capability));
            let each = event.mailboxes.iter();
            told.extend(each.map(|number| (number, event.capability, event.found)));
        }
        assert_eq!(told, naive, "{edits:?}");
        engine.settle().await;
        assert_eq!(engine.open_drift().await, 0, "{edits:?}");
        assert_eq!(engine.check(true).await.drifting(), 0, "{edits:?}");
    }
}
