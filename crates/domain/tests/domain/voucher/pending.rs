//! Which vouchers are still to be issued.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Attempted, Capabilities, Capability, Change, EffectFailed, ErasureGround, ErasureOrdered,
    Event, IncidentKey, IncidentOpened, IncidentRetried, MailboxSet, MailboxWithdrawn, PaceChanged,
    PlatformCapabilities, State, VoucherCommand, next_wake, tasks,
};
use uuid::Uuid;

use crate::history::{at, set};
use crate::voucher::world::{OPEN, World, issue, plan, verify};

/// A worker that only issues vouchers.
const VOUCHERS: PlatformCapabilities =
    PlatformCapabilities { controls: Capabilities::NONE, arm_ahead: None };
const BUSY: &str = "voucher-store-unavailable";

/// Everyone who may ask has asked, and is verified.
fn verified(lines: &str) -> World {
    let mut world = World::new(plan(lines));
    world.request(OPEN, &[0, 1, 2, 3]).unwrap();
    world.ask(OPEN, verify(set(0..4))).unwrap();
    world
}

fn pending(world: &World) -> Vec<u32> {
    world.history.state.vouchers_to_issue(world.history.now).iter().collect()
}

fn failed(world: &mut World, numbers: &[u32], attempts: u32, retry_at: DateTime<Utc>) {
    world.history.record(Event::EffectFailed(EffectFailed {
        phase: None,
        capabilities: Capability::RequestVoucher.into(),
        cause: BUSY.to_owned(),
        attempts,
        retry_at,
        mailboxes: MailboxSet::from(set(numbers.iter().copied())),
    }));
}

fn failed_permanently(world: &mut World, numbers: &[u32]) {
    world.history.record(Event::IncidentOpened(IncidentOpened {
        phase: None,
        capabilities: Capability::RequestVoucher.into(),
        cause: BUSY.to_owned(),
        attempts: 5,
        mailboxes: MailboxSet::from(set(numbers.iter().copied())),
    }));
}

#[test]
fn a_verified_request_is_a_task_until_its_voucher_is_issued() {
    let mut world = World::new(plan(""));
    world.request(OPEN, &[0, 1]).unwrap();
    assert_eq!(tasks(&world.history.state, world.history.now, VOUCHERS), [], "nobody is verified");
    world.ask(OPEN, verify(set([1]))).unwrap();
    let [task] = tasks(&world.history.state, world.history.now, VOUCHERS).try_into().unwrap();
    assert_eq!((task.phase, task.change), (None, Change::Issue));
    assert_eq!(task.capabilities, Capability::RequestVoucher.into());
    assert_eq!(task.mailboxes, set([1]));
    world.ask(OPEN, issue([1])).unwrap();
    assert_eq!(tasks(&world.history.state, world.history.now, VOUCHERS), []);
}

#[test]
fn nothing_is_pending_outside_the_window_or_after_the_last_day_to_redeem() {
    let mut world = verified("redeem-by = 2016-02-29");
    for (now, expected) in [
        ("2015-03-17T22:59:59Z", 0),
        ("2015-03-17T23:00:00Z", 4),
        ("2016-02-29T22:59:59Z", 4),
        ("2016-02-29T23:00:00Z", 0),
    ] {
        world.history.now = at(now);
        assert_eq!(pending(&world).len(), expected, "at {now}");
    }
    let mut world = verified("");
    world.history.now = at("2018-03-17T22:59:59Z");
    assert_eq!(pending(&world), [0, 1, 2, 3]);
    world.history.now = at("2018-03-17T23:00:00Z");
    assert_eq!(pending(&world), [0; 0], "the programme has ended");
}

#[test]
fn who_withdrew_or_is_being_erased_is_not_pending() {
    let mut world = verified("");
    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 1 }));
    let mailboxes = MailboxSet::from(set([2]));
    world
        .history
        .record(Event::ErasureOrdered(ErasureOrdered { ground: ErasureGround::Demand, mailboxes }));
    assert_eq!(pending(&world), [0, 3]);
}

#[test]
fn the_lowest_numbers_are_pending_up_to_the_limit_and_who_failed_holds_no_place() {
    let mut world = verified("max-issued = 2");
    assert_eq!(pending(&world), [0, 1]);
    failed_permanently(&mut world, &[0]);
    assert_eq!(pending(&world), [1, 2]);
    world.ask(OPEN, issue([1, 2])).unwrap();
    assert_eq!(pending(&world), [0; 0], "none is left");
    let progress = world.history.state.voucher_progress();
    assert_eq!((progress.issued, progress.pending, progress.failed), (2, 1, 1));
}

#[test]
fn who_failed_waits_for_another_attempt_and_is_pending_again() {
    let mut world = verified("");
    let later = world.history.now + TimeDelta::minutes(5);
    failed(&mut world, &[0, 3], 1, later);
    assert_eq!(pending(&world), [1, 2]);
    assert_eq!(next_wake(&world.history.state, world.history.now, VOUCHERS), Some(later));
    let progress = world.history.state.voucher_progress();
    assert_eq!((progress.pending, progress.retrying), (2, 2));
    let attempts = world.history.state.failures.by_attempts(Attempted::Vouchers, &set(0..2));
    assert_eq!(attempts.into_iter().collect::<Vec<_>>(), [(0, set([1])), (1, set([0]))]);
    world.history.now = later;
    assert_eq!(pending(&world), [0, 1, 2, 3]);
    world.ask_now(issue([0])).unwrap();
    assert!(!world.history.state.failures.retrying(Attempted::Vouchers).contains(0));
}

#[test]
fn who_failed_permanently_waits_for_an_operator() {
    let mut world = verified("");
    failed_permanently(&mut world, &[2]);
    assert_eq!(pending(&world), [0, 1, 3]);
    let key: IncidentKey = format!("-:{BUSY}").parse().unwrap();
    assert_eq!(world.history.state.failures.incidents[&key].open, set([2]));
    let IncidentKey { phase, cause } = key;
    let mailboxes = MailboxSet::from(2);
    world.history.record(Event::IncidentRetried(IncidentRetried { phase, cause, mailboxes }));
    assert_eq!(pending(&world), [0, 1, 2, 3]);
    // A request that is refused leaves no incident behind.
    failed_permanently(&mut world, &[2]);
    let refuse = VoucherCommand::Refuse { mailboxes: set([2]), cause: "no".to_owned() };
    world.ask_now(refuse).unwrap();
    assert!(world.history.state.failures.incidents.is_empty());
}

#[test]
fn a_voucher_that_failed_stands_in_the_way_of_no_right_and_no_right_in_the_way_of_a_voucher() {
    let mut world = verified("");
    failed_permanently(&mut world, &[0]);
    let later = world.history.now + TimeDelta::minutes(5);
    failed(&mut world, &[2], 1, later);
    let failures = &world.history.state.failures;
    assert!(failures.failed(None).is_empty() && failures.retrying(None).is_empty());
    assert_eq!(failures.failed(Attempted::Vouchers), set([0]));
    world.history.record(Event::EffectFailed(EffectFailed {
        phase: None,
        capabilities: Capability::Send.into(),
        cause: "platform-unavailable".to_owned(),
        attempts: 1,
        retry_at: later,
        mailboxes: MailboxSet::from(set([1, 2])),
    }));
    assert_eq!(pending(&world), [1, 3]);
    assert_eq!(world.history.state.failures.retrying(Attempted::Vouchers), set([2]));
    assert_eq!(world.history.state.failures.backing_off(None, world.history.now), set([1, 2]));
}

#[test]
fn the_cause_of_a_request_is_what_recorded_it_and_then_what_verified_it() {
    let mut world = World::new(plan(""));
    world.request(OPEN, &[0, 1, 2]).unwrap();
    let requested = world.history.state.vouchers.cause_of(0).unwrap();
    assert_eq!(world.history.state.vouchers.cause_of(1), Some(requested));
    world.ask(OPEN, verify(set([1]))).unwrap();
    let verified = world.history.state.vouchers.cause_of(1).unwrap();
    assert_ne!(verified, requested);
    let split = world.history.state.vouchers.by_cause(&set(0..6));
    let expected = [(requested, set([0, 2])), (verified, set([1]))];
    assert_eq!(split.into_iter().collect::<Vec<(Uuid, _)>>(), expected);
    world.ask(OPEN, issue([1])).unwrap();
    assert_eq!(world.history.state.vouchers.cause_of(1), None, "it was answered");
    assert_eq!(State::default().vouchers.cause_of(0), None);
}

#[test]
fn issuing_has_a_pace_of_its_own() {
    let world = verified("");
    let pace = PaceChanged {
        effect: Capability::RequestVoucher,
        calls_per_second: Some(2),
        concurrent_calls: None,
    };
    let changed =
        world.history.state.decide(domain::Command::ChangePace(pace), world.history.now).unwrap();
    assert_eq!(changed.len(), 1);
}
