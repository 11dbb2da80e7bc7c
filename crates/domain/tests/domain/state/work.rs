use chrono::{NaiveDate, TimeDelta};
use domain::{
    Capabilities, Capability, Change, Command, MailboxCommand, Plan, Task, Verdict, next_wake,
};
use uuid::Uuid;

use crate::history::{at, set};
use crate::state::world::{ARMED, UNARMED, World};

const HOLD: Uuid = Uuid::from_u128(7);

fn capabilities(names: &str) -> Capabilities {
    names.split_whitespace().map(|name| name.parse::<Capability>().unwrap()).collect()
}

/// CEC-PAC with mailboxes 0 to 3 activated and 4 only asked for, up to an instant, all work done.
fn cec_pac(reach: domain::PlatformCapabilities, until: &str) -> World {
    let mut world = World::adopted(Plan::cec_pac().unwrap(), "2014-11-01T12:00:00Z", reach);
    world.register(&[true, true, true, true, false]);
    world.now = at(until);
    world.tick();
    world.work();
    world
}

fn hold(names: &str, until: Option<&str>) -> MailboxCommand {
    let until = until.map(|day| day.parse::<NaiveDate>().unwrap());
    MailboxCommand::PlaceHold { hold: HOLD, capabilities: capabilities(names), until }
}

fn task(phase: Option<&str>, change: Change, rights: &str, mailboxes: &[u32]) -> Task {
    Task {
        phase: phase.map(|phase| phase.parse().unwrap()),
        change,
        capabilities: capabilities(rights),
        mailboxes: set(mailboxes.iter().copied()),
    }
}

fn close(due_at: &str) -> Change {
    Change::Close { due_at: at(due_at) }
}

fn arm(until: &str) -> Change {
    Change::Arm { until: Some(at(until)) }
}

#[test]
fn a_phase_takes_from_everyone_what_it_removes_and_nothing_before_its_instant() {
    let mut world = cec_pac(UNARMED, "2015-03-17T22:59:59Z");
    assert_eq!(world.tasks(), []);
    world.now = at("2015-03-17T23:00:00Z");
    assert_eq!(world.tasks(), [], "the phase has not started");
    world.tick();
    let due = close("2015-03-17T23:00:00Z");
    assert_eq!(world.tasks(), [task(Some("receive-only"), due, "send modify", &[0, 1, 2, 3])]);
    world.now = at("2015-03-17T22:59:59.999Z");
    assert_eq!(world.tasks(), [], "the clock went back before the instant");
}

#[test]
fn a_clock_that_steps_back_over_a_midnight_gives_nothing_back_unless_it_was_far_ahead() {
    let mut world = cec_pac(UNARMED, "2015-03-17T23:00:00Z");
    world.tick();
    world.work();
    world.now = at("2015-03-17T22:59:58Z");
    assert_eq!(world.tasks(), [], "a time service set the clock");
    world.now = at("2015-03-17T22:58:00Z");
    assert_eq!(world.tasks(), [task(None, Change::Restore, "send modify", &[0, 1, 2, 3])]);
}

#[test]
fn registrations_that_were_never_activated_lapse_and_nothing_else_happens_to_them() {
    let mut world = World::adopted(Plan::cec_pac().unwrap(), "2014-11-01T12:00:00Z", UNARMED);
    world.register(&[true, false]);
    world.now = at("2014-12-18T00:00:00Z");
    world.tick();
    let lapse = task(Some("activations-closed"), close("2014-12-17T23:00:00Z"), "activate", &[1]);
    assert_eq!(world.tasks(), [lapse]);
    world.work();
    world.now = at("2018-03-18T00:00:00Z");
    world.tick();
    assert!(world.tasks().iter().all(|task| task.mailboxes == set([0])));
}

#[test]
fn a_hold_keeps_what_it_names_through_its_last_day_and_lapses_at_the_next_midnight() {
    let mut world = cec_pac(UNARMED, "2015-03-01T12:00:00Z");
    world.ask(1, hold("send", Some("2015-04-30"))).unwrap();
    world.now = at("2015-03-17T23:00:00Z");
    world.tick();
    let due = close("2015-03-17T23:00:00Z");
    assert_eq!(
        world.tasks(),
        [
            task(Some("receive-only"), due, "send modify", &[0, 2, 3]),
            task(Some("receive-only"), due, "modify", &[1]),
        ]
    );
    world.work();
    let lapses = at("2015-04-30T22:00:00Z");
    assert_eq!(next_wake(&world.state, world.now, world.reach), Some(lapses));
    world.now = lapses - TimeDelta::nanoseconds(1);
    assert_eq!(world.tasks(), []);
    world.now = lapses;
    assert_eq!(world.tasks(), [task(Some("receive-only"), due, "send", &[1])]);
}

#[test]
fn a_hold_that_comes_after_the_closing_gives_the_right_back() {
    let mut world = cec_pac(UNARMED, "2015-03-18T12:00:00Z");
    world.ask(2, hold("send", None)).unwrap();
    assert_eq!(world.tasks(), [task(None, Change::Restore, "send", &[2])]);
    world.work();
    world.ask(2, MailboxCommand::ReleaseHold { hold: HOLD }).unwrap();
    let due = close("2015-03-17T23:00:00Z");
    assert_eq!(world.tasks(), [task(Some("receive-only"), due, "send", &[2])]);
}

#[test]
fn a_withdrawal_closes_everything_at_once_whatever_the_phase() {
    for at in ["2014-11-02T00:00:00Z", "2015-03-18T12:00:00Z", "2015-08-01T00:00:00Z"] {
        let mut world = cec_pac(UNARMED, at);
        let had = world.mailboxes.iter().find(|mailbox| mailbox.number == 3).unwrap().has;
        world.ask(3, MailboxCommand::Withdraw).unwrap();
        let [task] = world.tasks().try_into().unwrap();
        assert_eq!((task.phase.clone(), task.capabilities), (None, had), "at {at}");
        assert_eq!(task.mailboxes, set([3]));
        world.work();
        assert_eq!(world.tasks(), []);
    }
}

#[test]
fn a_platform_is_armed_a_month_ahead_and_at_the_date_its_rights_are_confirmed() {
    let mut world = cec_pac(ARMED, "2015-02-15T22:59:59Z");
    assert_eq!(world.tasks(), []);
    let month_before = at("2015-02-15T23:00:00Z");
    assert_eq!(next_wake(&world.state, world.now, world.reach), Some(month_before));
    world.now = month_before;
    let armed =
        task(Some("receive-only"), arm("2015-03-17T23:00:00Z"), "send modify", &[0, 1, 2, 3]);
    assert_eq!(world.tasks(), [armed]);
    world.work();
    assert_eq!(world.tasks(), []);
    world.now = at("2015-03-17T23:00:00Z");
    world.tick();
    let [confirm] = world.tasks().try_into().unwrap();
    assert_eq!(confirm.change, close("2015-03-17T23:00:00Z"));
    world.done(&confirm, Verdict::Confirmed, &confirm.mailboxes);
    let account = world.state.account(&"receive-only".parse().unwrap(), world.now).unwrap();
    assert!(account.is_complete());
    assert_eq!(account.done, set([0, 1, 2, 3]));
}

#[test]
fn arming_is_done_again_after_an_amendment() {
    let mut world = cec_pac(ARMED, "2015-03-01T00:00:00Z");
    let mut plan = world.plan();
    for phase in plan.phases.iter_mut().filter(|phase| phase.id.as_str() == "receive-only") {
        phase.from = "2015-03-25".parse().unwrap();
    }
    world.command(Command::Amend(plan.clone())).unwrap();
    let again = arm("2015-03-24T23:00:00Z");
    let everyone = [0, 1, 2, 3];
    let called_off = task(None, Change::Arm { until: None }, "send modify", &everyone);
    assert_eq!(world.tasks(), std::slice::from_ref(&called_off), "the old instant goes first");
    assert_eq!(world.state.programme.revision(), 1);
    world.work();
    assert_eq!(world.state.programme.revision(), 2, "and then the amendment is adopted");
    assert_eq!(world.tasks(), [task(Some("receive-only"), again, "send modify", &everyone)]);
    world.work();
    for phase in plan.phases.iter_mut().filter(|phase| phase.id.as_str() == "receive-only") {
        phase.from = "2015-06-25".parse().unwrap();
    }
    world.command(Command::Amend(plan)).unwrap();
    assert_eq!(world.tasks(), [called_off]);
    world.work();
    assert_eq!(world.state.programme.revision(), 3);
    assert_eq!(world.tasks(), [], "beyond a month nothing is told");
}

#[test]
fn a_hold_calls_the_armed_end_off_or_moves_it_to_its_own() {
    for (until, change) in [
        (None, Change::Arm { until: None }),
        (Some("2015-03-31"), Change::Arm { until: None }),
        (Some("2015-03-20"), arm("2015-03-20T23:00:00Z")),
    ] {
        let mut world = cec_pac(ARMED, "2015-03-01T00:00:00Z");
        world.ask(1, hold("send", until)).unwrap();
        let phase = None;
        assert_eq!(world.tasks(), [task(phase, change, "send", &[1])], "until {until:?}");
        world.work();
        assert_eq!(world.tasks(), []);
    }
}
