//! What a mailbox may do at an instant: one second before and at each boundary of the CEC-PAC plan,
//! for each kind of mailbox, with no phase recorded as started.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::{
    Capabilities, Capability, Command, DateColumn, Denied, Entitled, Event, Fact, HoldPlaced,
    HoldReleased, MailboxWithdrawn, MailboxesRegistered, Plan, State,
};
use uuid::Uuid;

const ACTIVE: u32 = 0;
const PENDING: u32 = 1;
const WITHDRAWN: u32 = 2;
/// Sending is kept until 31 March 2015, a day within a phase that takes it away.
const MAY_SEND: u32 = 3;
/// Receiving is kept until somebody releases it.
const MAY_RECEIVE: u32 = 4;
const NOBODY: u32 = 5;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

struct World(State, u64);

impl World {
    fn of(plan: Plan) -> Self {
        let mut world = Self(State::default(), 0);
        world.decided(Command::Adopt(plan));
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in 0..5 {
            requested_on.push(Some(day("2012-01-02"))).unwrap();
            activated_on.push((number != PENDING).then(|| day("2012-01-09"))).unwrap();
        }
        world.happens(Event::MailboxesRegistered(MailboxesRegistered {
            first: 0,
            requested_on,
            activated_on,
        }));
        world.happens(Event::MailboxWithdrawn(MailboxWithdrawn { number: WITHDRAWN }));
        world.held(MAY_SEND, Capability::Send, Some(day("2015-03-31")));
        world.held(MAY_RECEIVE, Capability::Receive, None);
        world
    }

    fn happens(&mut self, event: Event) {
        self.1 += 1;
        let at = utc("2014-12-01T00:00:00Z");
        let (position, id) = (self.1, Uuid::from_u128(self.1.into()));
        self.0.evolve(&Fact { position, id, effective_at: at, recorded_at: at, event });
    }

    fn decided(&mut self, command: Command) {
        for event in self.0.decide(command, utc("2014-12-01T00:00:00Z")).unwrap() {
            self.happens(event);
        }
    }

    fn held(&mut self, number: u32, capability: Capability, until: Option<NaiveDate>) {
        let (hold, capabilities) = (Uuid::from_u128(number.into()), Capabilities::from(capability));
        self.happens(Event::HoldPlaced(HoldPlaced { hold, number, capabilities, until }));
    }

    fn check(&self, number: u32, capability: Capability, at: DateTime<Utc>) -> Result<(), Denied> {
        Entitled::of(&self.0).unwrap().check(number, capability, at)
    }
}

#[test]
fn each_right_ends_at_its_instant_and_not_a_second_before() {
    let world = World::of(Plan::cec_pac().unwrap());
    // The first instant of each phase in Rome, and what an active mailbox has from it on.
    let boundaries = [
        ("2014-12-17T23:00:00Z", [true, true, true, true]),
        ("2015-03-17T23:00:00Z", [false, false, true, true]),
        ("2015-07-17T22:00:00Z", [false, false, false, true]),
        ("2015-09-17T22:00:00Z", [false, false, false, false]),
        ("2018-03-17T23:00:00Z", [false, false, false, false]),
    ];
    let mut before = [true, true, true, true];
    for (instant, from) in boundaries {
        let at = utc(instant);
        for (instant, has) in [(at - TimeDelta::seconds(1), before), (at, from)] {
            for (capability, has) in Capabilities::OF_PLATFORM.iter().zip(has) {
                let check = |number| world.check(number, capability, instant);
                let ended = if has { Ok(()) } else { Err(Denied::Ended) };
                assert_eq!(check(ACTIVE), ended, "{capability} at {instant}");
                assert_eq!(check(PENDING), Err(Denied::NeverActivated));
                assert_eq!(check(WITHDRAWN), Err(Denied::Withdrawn));
                assert_eq!(check(NOBODY), Err(Denied::Unregistered));
                let kept = capability == Capability::Receive;
                assert_eq!(check(MAY_RECEIVE), if kept { Ok(()) } else { ended });
                let kept = capability == Capability::Send && instant < utc("2015-03-31T22:00:00Z");
                assert_eq!(check(MAY_SEND), if kept { Ok(()) } else { ended });
            }
        }
        before = from;
    }
}

#[test]
fn a_hold_ends_with_its_last_day_and_at_once_when_it_is_released() {
    let mut world = World::of(Plan::cec_pac().unwrap());
    let end = utc("2015-03-31T22:00:00Z");
    let sends = |world: &World, at| world.check(MAY_SEND, Capability::Send, at);
    assert_eq!(sends(&world, end - TimeDelta::seconds(1)), Ok(()));
    assert_eq!(sends(&world, end), Err(Denied::Ended));
    let number = MAY_SEND;
    world.happens(Event::HoldReleased(HoldReleased { hold: Uuid::from_u128(3), number }));
    assert_eq!(sends(&world, end - TimeDelta::seconds(1)), Err(Denied::Ended));
}

#[test]
fn an_amendment_moves_the_instant_as_soon_as_it_is_known() {
    let plan = Plan::cec_pac().unwrap();
    let mut world = World::of(plan.clone());
    let at = utc("2015-03-17T23:00:00Z");
    assert_eq!(world.check(ACTIVE, Capability::Send, at), Err(Denied::Ended));
    let mut later = plan;
    later.phases[1].from = day("2015-03-25");
    world.decided(Command::Amend(later));
    assert_eq!(world.check(ACTIVE, Capability::Send, at), Ok(()));
    let moved = utc("2015-03-24T23:00:00Z");
    assert_eq!(world.check(ACTIVE, Capability::Send, moved - TimeDelta::seconds(1)), Ok(()));
    assert_eq!(world.check(ACTIVE, Capability::Send, moved), Err(Denied::Ended));
}

#[test]
fn nothing_is_known_before_a_plan_is() {
    assert_eq!(Entitled::of(&State::default()), None);
}
