//! Commands about a programme or a mailbox, and the sentences of their rejections.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Capabilities, Capability, Command, Event, Fact, Mailbox, MailboxCommand, MailboxSet,
    MailboxesActivated, PaceChanged, Plan, RecurringWorkDue, State,
};
use uuid::Uuid;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The state after these commands at these instants.
fn after(commands: &[(&str, Command)]) -> State {
    let mut state = State::default();
    let mut position = 0;
    for (at, command) in commands {
        for event in state.decide(command.clone(), utc(at)).unwrap() {
            position += 1;
            let (id, at) = (Uuid::from_u128(position.into()), utc(at));
            state.evolve(&Fact { position, id, effective_at: at, recorded_at: at, event });
        }
    }
    state
}

fn adopt() -> (&'static str, Command) {
    ("2014-12-01T00:00:00Z", Command::Adopt(Plan::cec_pac().unwrap()))
}

fn start(at: &'static str) -> (&'static str, Command) {
    (at, Command::StartPhase { frozen_at: 1 })
}

fn pace(effect: Capability, calls_per_second: Option<u32>) -> Command {
    Command::ChangePace(PaceChanged { effect, calls_per_second, concurrent_calls: None })
}

fn moved(phase: &str, from: &str) -> Plan {
    let mut plan = Plan::cec_pac().unwrap();
    for of_plan in plan.phases.iter_mut().filter(|of_plan| of_plan.id.as_str() == phase) {
        of_plan.from = from.parse().unwrap();
    }
    plan
}

#[test]
fn what_does_not_fit_the_moment_is_refused_in_one_sentence() {
    let another = Plan { title: "Another".to_owned(), ..Plan::cec_pac().unwrap() };
    let activations_closed = start("2014-12-18T00:00:00Z");
    let paused = ("2014-12-02T00:00:00Z", Command::Pause);
    type Row<'a> = (&'a [(&'a str, Command)], Command, &'a str);
    let table: &[Row<'_>] = &[
        (
            &[],
            Command::Pause,
            "no plan is adopted; run `tramonto plan adopt FILE --reason TEXT` first",
        ),
        (
            &[adopt()],
            Command::Adopt(another),
            "programme cec-pac already has a plan (revision 1); use `tramonto plan amend \
             FILE --reason TEXT` to \
             change it",
        ),
        (&[adopt()], Command::Resume, "the programme is not paused"),
        (&[adopt(), paused], Command::Pause, "the programme is already paused"),
        (
            &[adopt()],
            Command::CompletePhase("ended".parse().unwrap()),
            "phase ended has not started",
        ),
        (
            &[adopt(), activations_closed],
            Command::Amend(moved("activations-closed", "2014-12-19")),
            "phase activations-closed has started and cannot move from 2014-12-18 to 2014-12-19; \
             keep its date",
        ),
        (
            &[adopt()],
            pace(Capability::RequestLogs, Some(5)),
            "request-logs has no rate limit; expected one of send, modify, receive, access, \
             request-voucher",
        ),
        (
            &[adopt()],
            pace(Capability::Send, Some(0)),
            "a rate limit of 0 would stop all work; use `tramonto phase pause --reason \
             TEXT` instead",
        ),
    ];
    for (given, when, then) in table {
        let answer = after(given).decide(when.clone(), utc("2014-12-18T00:00:00Z"));
        assert_eq!(answer.unwrap_err().to_string(), *then);
    }
}

#[test]
fn what_is_already_so_changes_nothing() {
    let plan = Plan::cec_pac().unwrap();
    let completed = Command::CompletePhase("activations-closed".parse().unwrap());
    let work = |at: &str| {
        Command::RecurringWorkDue(RecurringWorkDue {
            name: "left-overs".parse().unwrap(),
            scheduled_for: utc(at),
            late_seconds: 0,
            skipped: 0,
        })
    };
    let noon = "2014-12-18T12:00:00Z";
    let given = [
        adopt(),
        start("2014-12-18T00:00:00Z"),
        ("2014-12-18T00:00:00Z", completed.clone()),
        (noon, work("2014-12-18T02:30:00Z")),
    ];
    for again in [
        Command::Adopt(plan.clone()),
        Command::Amend(plan),
        Command::StartPhase { frozen_at: 9 },
        completed,
        work("2014-12-18T02:30:00Z"),
        work("2014-12-17T02:30:00Z"),
    ] {
        assert_eq!(after(&given).decide(again.clone(), utc(noon)), Ok(Vec::new()), "{again:?}");
    }
}

#[test]
fn phases_start_one_at_a_time_in_order_with_how_late_they_are() {
    let given = [adopt(), start("2015-03-18T00:00:00Z")];
    let events = after(&given).decide(start("").1, utc("2015-03-18T00:00:00Z")).unwrap();
    let [Event::PhaseStarted(started)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((started.phase.as_str(), started.late_seconds), ("receive-only", 3600));
    assert_eq!(started.due_at, utc("2015-03-17T23:00:00Z"));
    assert_eq!(started.removes.to_string(), "send, modify");
    assert_eq!(started.frozen_at, 1);
}

#[test]
fn an_amendment_is_the_next_revision() {
    let amended = Command::Amend(moved("ended", "2018-04-18"));
    let state = after(&[adopt(), ("2014-12-02T00:00:00Z", amended)]);
    assert_eq!(state.programme.revision(), 2);
    assert_eq!(state.programme.adopted_at, Some(utc("2014-12-01T00:00:00Z")));
    assert_eq!(state.plan().unwrap().phases.last().unwrap().from, day("2018-04-18"));
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

const HOLD: Uuid = Uuid::from_u128(7);

fn hold(rights: Capabilities, until: Option<&str>) -> MailboxCommand {
    MailboxCommand::PlaceHold { hold: HOLD, capabilities: rights, until: until.map(day) }
}

/// Mailbox 5, registered and perhaps activated, after these commands of 1 March.
fn mailbox(activated: bool, commands: &[MailboxCommand]) -> Mailbox {
    let mut mailbox = Mailbox::new(5);
    let mut registered = domain::DateColumn::new();
    registered.push(Some(day("2011-01-01"))).unwrap();
    let mut nothing = domain::DateColumn::new();
    nothing.push(None).unwrap();
    mailbox.evolve(&Event::MailboxesRegistered(domain::MailboxesRegistered {
        first: 5,
        requested_on: registered.clone(),
        activated_on: nothing,
    }));
    if activated {
        let (mailboxes, activated_on) = (MailboxSet::from(5), registered);
        let event = MailboxesActivated { mailboxes, activated_on };
        mailbox.evolve(&Event::MailboxesActivated(event));
    }
    for command in commands {
        for event in mailbox.decide(command.clone(), day("2015-03-01")).unwrap() {
            mailbox.evolve(&event);
        }
    }
    mailbox
}

#[test]
fn a_mailbox_refuses_what_it_can_not_do_in_one_sentence() {
    let send = Capabilities::from(Capability::Send);
    let release = MailboxCommand::ReleaseHold { hold: HOLD };
    let withdraw = MailboxCommand::Withdraw;
    let refused = [
        (Mailbox::new(5), withdraw.clone(), "the mailbox is not registered"),
        (
            mailbox(true, std::slice::from_ref(&withdraw)),
            withdraw.clone(),
            "the mailbox is already withdrawn",
        ),
        (
            mailbox(true, &[hold(send, None)]),
            withdraw.clone(),
            "hold 00000000-0000-0000-0000-000000000007 on the mailbox is in force; release it \
             first",
        ),
        (
            mailbox(false, &[]),
            hold(send, None),
            "a hold needs an activated mailbox; this one was never activated",
        ),
        (
            mailbox(true, &[withdraw]),
            hold(send, None),
            "a hold needs an activated mailbox; this one was withdrawn",
        ),
        (
            mailbox(true, &[]),
            hold(Capabilities::NONE, None),
            "a hold can keep one or more of send, modify, receive, access",
        ),
        (
            mailbox(true, &[]),
            hold(Capability::RequestLogs.into(), None),
            "a hold can keep one or more of send, modify, receive, access",
        ),
        (
            mailbox(true, &[]),
            hold(send, Some("2015-02-28")),
            "the hold would end on 2015-02-28, which is in the past",
        ),
        (
            mailbox(true, &[]),
            release,
            "the mailbox has no hold 00000000-0000-0000-0000-000000000007",
        ),
    ];
    for (given, when, then) in refused {
        let answer = given.decide(when, day("2015-03-01")).unwrap_err();
        assert_eq!(answer.to_string(), then);
    }
}

#[test]
fn a_hold_of_one_day_and_a_hold_placed_twice_are_fine() {
    let today = hold(Capability::Send.into(), Some("2015-03-01"));
    let held = mailbox(true, std::slice::from_ref(&today));
    assert_eq!(held.holds.len(), 1);
    assert_eq!(held.decide(today, day("2015-03-01")), Ok(Vec::new()));
    // Its last day over, it keeps nothing, not even from a withdrawal.
    assert!(held.decide(MailboxCommand::Withdraw, day("2015-03-02")).is_ok());
}
