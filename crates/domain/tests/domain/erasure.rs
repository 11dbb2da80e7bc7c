//! Eligibility for erasure.

use std::collections::BTreeMap;

use domain::{
    Capability, Command, ErasureCommand, ErasureGround, Event, HoldPlaced, LogRequestRefused,
    LogRequested, MailboxSet, MailboxWithdrawn, Outcome, Plan, Requester, Verdict,
    VouchersRequested,
};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::history::{History, day};

struct World {
    history: History,
}

impl World {
    /// Four mailboxes, the even ones activated.
    fn new() -> Self {
        let mut history = History::adopted(Plan::cec_pac().unwrap(), "2015-05-01T12:00:00Z");
        let asked = day("2012-03-04");
        history.register((0..4).map(|number| (asked, (number % 2 == 0).then_some(asked))));
        Self { history }
    }

    fn close(&mut self, numbers: &[u32]) {
        let outcome = || Outcome {
            phase: None,
            revision: 1,
            due_at: self.history.now,
            verdict: Verdict::Applied,
            mailboxes: set(numbers).into(),
        };
        let events = [
            Event::SendingDisabled(outcome()),
            Event::ModifyingDisabled(outcome()),
            Event::ReceivingDisabled(outcome()),
            Event::AccessClosed(outcome()),
        ];
        for event in events {
            self.history.record(event);
        }
    }

    fn lapse(&mut self, numbers: &[u32]) {
        let (due_at, mailboxes) = (self.history.now, set(numbers).into());
        let outcome =
            Outcome { phase: None, revision: 1, due_at, verdict: Verdict::Applied, mailboxes };
        self.history.record(Event::RegistrationsLapsed(outcome));
    }

    fn order(&mut self, ground: ErasureGround, numbers: &[u32]) -> Result<Vec<u32>, String> {
        let mailboxes = set(numbers);
        let command = ErasureCommand::Order { ground, mailboxes };
        let events = self
            .history
            .state
            .decide_erasure(command, self.history.now)
            .map_err(|why| why.to_string())?;
        let mut ordered = Vec::new();
        for event in events {
            if let Event::ErasureOrdered(event) = &event {
                ordered.extend(event.mailboxes.iter());
            }
            self.history.record(event);
        }
        Ok(ordered)
    }

    fn demand(&mut self, number: u32) -> Result<Vec<u32>, String> {
        self.order(ErasureGround::Demand, &[number])
    }
}

fn set(numbers: &[u32]) -> RoaringBitmap {
    numbers.iter().copied().collect()
}

#[test]
fn nobody_is_erased_to_whom_something_is_still_due() {
    let mut world = World::new();
    let refused = |world: &mut World, number| world.demand(number).unwrap_err();
    assert!(refused(&mut world, 0).contains("still open on the platform"));
    assert!(refused(&mut world, 1).contains("can still be activated"));
    assert!(refused(&mut world, 9).contains("not registered"));
    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 0 }));
    assert!(refused(&mut world, 0).contains("still open"), "withdrawn, and not closed yet");
    world.close(&[0]);
    assert_eq!(world.demand(0), Ok(vec![0]));
    world.lapse(&[1]);
    assert_eq!(world.demand(1), Ok(vec![1]));
    assert_eq!(world.demand(1), Ok(Vec::new()), "asked again, nothing is new");
}

#[test]
fn a_hold_and_a_request_that_waits_keep_a_holder_known() {
    let mut world = World::new();
    world.close(&[2]);
    world.lapse(&[1, 3]);
    let hold = HoldPlaced {
        hold: Uuid::from_u128(7),
        number: 2,
        capabilities: Capability::Access.into(),
        until: Some("2015-05-01".parse().unwrap()),
    };
    world.history.record(Event::HoldPlaced(hold));
    world
        .history
        .record(Event::VouchersRequested(VouchersRequested { mailboxes: set(&[3]).into() }));
    assert!(world.demand(2).unwrap_err().contains("a hold on the mailbox"));
    assert!(world.demand(3).unwrap_err().contains("pending voucher request"));
    assert_eq!(
        world.order(ErasureGround::Demand, &[1, 2, 3]),
        Ok(vec![1]),
        "of many, those who can"
    );
    world.history.now = "2015-05-01T22:00:00Z".parse().unwrap();
    assert_eq!(world.demand(2), Ok(vec![2]), "the hold's last day is over, in Rome");
    world.history.now = "2018-03-17T22:59:59Z".parse().unwrap();
    assert!(world.demand(3).is_err());
    world.history.now = "2018-03-17T23:00:00Z".parse().unwrap();
    assert_eq!(world.demand(3), Ok(vec![3]), "nothing can be granted any more");
}

#[test]
fn a_request_for_the_log_of_messages_is_served_before_its_holder_is_forgotten() {
    let mut world = World::new();
    world.history.now = "2016-01-01T12:00:00Z".parse().unwrap();
    world.close(&[0]);
    let id = Uuid::from_u128(11);
    world.history.record(Event::LogRequested(LogRequested {
        request: id,
        number: 0,
        by: Requester::Holder,
        from: None,
        through: None,
        received_on: None,
    }));
    assert!(world.demand(0).unwrap_err().contains("unfinished log request"));
    world.history.record(Event::LogRequestRefused(LogRequestRefused {
        request: id,
        number: 0,
        cause: "not-the-holder".to_owned(),
    }));
    assert_eq!(world.demand(0), Ok(vec![0]));
}

#[test]
fn everyone_goes_only_once_the_last_phase_has_completed() {
    let mut world = World::new();
    world.close(&[0, 2]);
    world.lapse(&[1, 3]);
    let everyone = [0, 1, 2, 3];
    assert!(world.order(ErasureGround::End, &everyone).unwrap_err().contains("has not ended"));
    world.history.now = "2018-03-18T00:00:00Z".parse().unwrap();
    assert!(world.order(ErasureGround::End, &everyone).is_err(), "its date alone does not end it");
    for place in 0..5 {
        let (phase, frozen_at) = {
            let phase = &world.history.state.plan().unwrap().phases[place];
            (phase.id.clone(), world.history.position)
        };
        for command in [Command::StartPhase { frozen_at }, Command::CompletePhase(phase)] {
            for event in world.history.state.decide(command, world.history.now).unwrap() {
                world.history.record(event);
            }
        }
    }
    assert_eq!(world.order(ErasureGround::End, &everyone), Ok(everyone.to_vec()));
}

#[test]
fn what_was_ordered_is_to_be_done_until_it_is_said_to_be() {
    let mut world = World::new();
    world.close(&[0]);
    world.lapse(&[1]);
    world.order(ErasureGround::Demand, &[0, 1]).unwrap();
    assert_eq!(world.history.state.erasure.pending(), set(&[0, 1]));
    let done = |mailboxes| ErasureCommand::Done { places: BTreeMap::new(), mailboxes };
    let events = world.history.state.decide_erasure(done(set(&[0, 3])), world.history.now).unwrap();
    let [Event::HoldersErased(erased)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(erased.mailboxes, MailboxSet::from(set(&[0])), "nobody who was not to be");
    world.history.record(events[0].clone());
    assert_eq!(world.history.state.erasure.pending(), set(&[1]));
    let again = world.history.state.decide_erasure(done(set(&[0])), world.history.now).unwrap();
    assert!(again.is_empty());
}
