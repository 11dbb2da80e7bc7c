//! Notices: audience, window, batches and outcomes.

use chrono::TimeDelta;
use domain::{
    Capabilities, Capability, Command, Event, MailboxCommand, MailboxSet, NoticeStanding,
    NoticesBounced, NoticesClaimed, NoticesDeferred, NoticesFailed, NoticesInDoubt, NoticesRetried,
    NoticesSent, PhaseId, Plan, State, expired_claims, next_notice_wake, notice_account,
    notice_standing, outgoing, release,
};
use roaring::RoaringBitmap;

use crate::history::{at, restored, set};
use crate::state::world::{UNARMED, World};

fn plan(batch: u32) -> Plan {
    let mut plan = Plan::cec_pac().unwrap();
    for rule in &mut plan.notices {
        rule.batch = batch;
    }
    plan
}

/// Mailboxes 0 to 5, the last one never activated; receive-only is announced from 16 February 2015.
fn world(batch: u32) -> World {
    let mut world = World::adopted(plan(batch), "2014-12-01T00:00:00Z", UNARMED);
    world.register(&[true, true, true, true, true, false]);
    world.now = at("2015-02-16T08:00:00Z");
    world.tick();
    world
}

fn notice() -> PhaseId {
    "sending-ends".parse().unwrap()
}

impl World {
    fn release(&mut self) -> Vec<u32> {
        let (notice, now) = (notice(), self.now);
        let Some(event) = release(&self.state, &notice, now, now) else { return Vec::new() };
        let Event::NoticesReleased(released) = &event else { panic!("another event") };
        let released = released.mailboxes.iter().collect();
        self.record(event);
        released
    }

    fn outgoing(&self) -> Vec<u32> {
        let all = outgoing(&self.state, self.now).into_iter();
        all.flat_map(|outgoing| outgoing.mailboxes.into_iter().collect::<Vec<_>>()).collect()
    }

    fn claim(&mut self, mailboxes: &[u32]) {
        let (claim, until) = (self.new_id(), self.now + TimeDelta::minutes(5));
        let mailboxes = mailboxes.iter().copied().collect();
        let claimed = NoticesClaimed { notice: notice(), claim, until, mailboxes };
        self.record(Event::NoticesClaimed(claimed));
    }

    fn sent(&mut self, mailboxes: &[u32]) {
        let mailboxes = mailboxes.iter().copied().collect();
        self.record(Event::NoticesSent(NoticesSent { notice: notice(), mailboxes }));
    }

    fn standing(&self, when: &str) -> NoticeStanding {
        let plan = self.state.plan().unwrap();
        notice_standing(&self.state, plan, plan.notice(&notice()).unwrap(), at(when))
    }

    fn left(&self) -> RoaringBitmap {
        let plan = self.state.plan().unwrap();
        notice_account(&self.state, plan.notice(&notice()).unwrap()).left
    }
}

#[test]
fn a_notice_goes_out_from_its_first_day_in_the_plans_zone_until_its_phase_begins() {
    let world = world(10);
    for (at, standing) in [
        ("2015-02-15T22:59:59Z", NoticeStanding::Upcoming),
        ("2015-02-15T23:00:00Z", NoticeStanding::Open),
        ("2015-03-17T22:59:59Z", NoticeStanding::Open),
        ("2015-03-17T23:00:00Z", NoticeStanding::Over),
    ] {
        assert_eq!(world.standing(at), standing, "{at}");
    }
}

#[test]
fn nothing_is_let_go_out_a_second_early_and_nothing_once_the_phase_has_begun() {
    let mut world = world(10);
    let (notice, early) = (notice(), at("2015-02-15T22:59:59Z"));
    assert_eq!(release(&world.state, &notice, early, early), None);
    // An occurrence of before the window lets nothing out within it.
    let open = at("2015-02-15T23:00:00Z");
    assert_eq!(release(&world.state, &notice, early, open), None);
    assert!(release(&world.state, &notice, open, open).is_some());
    assert_eq!(world.release(), [0, 1, 2, 3, 4]);
    world.now = at("2015-03-17T23:00:00Z");
    assert_eq!(world.outgoing(), [0_u32; 0], "its phase is due, whether it was started or not");
    // A clock that goes back does not let a started phase be announced.
    world.tick();
    world.now = at("2015-03-17T22:00:00Z");
    assert_eq!(world.outgoing(), [0_u32; 0]);
    assert_eq!(world.release(), [0_u32; 0]);
}

#[test]
fn each_occurrence_lets_one_batch_out_and_none_before_the_one_before_is_through() {
    let mut world = world(2);
    assert_eq!(world.release(), [0, 1]);
    assert_eq!(world.release(), [0_u32; 0], "the same occurrence comes again");
    world.now += TimeDelta::hours(1);
    assert_eq!(world.release(), [0_u32; 0], "nobody has come to the first batch");
    world.claim(&[0, 1]);
    assert_eq!(world.release(), [0_u32; 0], "the first batch is in somebody's hands");
    assert_eq!(world.outgoing(), [0_u32; 0]);
    world.sent(&[0]);
    let retry_at = world.now + TimeDelta::hours(3);
    let (cause, mailboxes) = ("451".to_owned(), MailboxSet::from(1));
    let deferred = NoticesDeferred { notice: notice(), cause, attempts: 1, retry_at, mailboxes };
    world.record(Event::NoticesDeferred(deferred));
    assert_eq!(world.release(), [2, 3], "who waits for another attempt holds up nobody");
    assert_eq!(world.outgoing(), [2, 3]);
    assert_eq!(next_notice_wake(&world.state, world.now), Some(retry_at));
    world.now = retry_at;
    assert_eq!(world.outgoing(), [1, 2, 3]);
    world.sent(&[1, 2, 3]);
    assert_eq!(world.release(), [4]);
    world.sent(&[4]);
    world.now += TimeDelta::hours(1);
    assert_eq!(world.release(), [0_u32; 0], "everyone was told");
    assert_eq!((world.outgoing(), world.left()), (Vec::new(), set([])));
}

#[test]
fn who_loses_nothing_is_not_told() {
    let mut world = world(10);
    world.ask(1, MailboxCommand::Withdraw).unwrap();
    let hold = |number, capabilities| {
        let hold = uuid::Uuid::from_u128(u128::from(number));
        (number, MailboxCommand::PlaceHold { hold, capabilities, until: None })
    };
    let all: Capabilities = [Capability::Send, Capability::Modify].into_iter().collect();
    for (number, command) in [hold(2, all), hold(3, Capability::Send.into())] {
        world.ask(number, command).unwrap();
    }
    // 5 was never activated; 3 keeps sending and loses the right to change its content.
    assert_eq!(world.release(), [0, 3, 4]);
    world.ask(4, MailboxCommand::Withdraw).unwrap();
    assert_eq!(world.outgoing(), [0, 3], "who withdrew meanwhile is not told any more");
    world.command(Command::Pause).unwrap();
    assert_eq!(world.outgoing(), [0_u32; 0]);
}

#[test]
fn of_a_lost_sender_nobody_is_told_again_by_itself() {
    let mut world = world(10);
    world.release();
    world.claim(&[0, 1, 2]);
    world.sent(&[0]);
    world.now += TimeDelta::minutes(5);
    assert!(expired_claims(&world.state, world.now).is_empty(), "its sender may still be at it");
    let wake = next_notice_wake(&world.state, world.now - TimeDelta::minutes(1)).unwrap();
    world.now = wake;
    let over = expired_claims(&world.state, world.now);
    assert_eq!(
        over.iter().map(|over| (*over.mailboxes).clone()).collect::<Vec<_>>(),
        [set([1, 2])]
    );
    let (cause, mailboxes) = ("sender-lost".to_owned(), [1, 2].into_iter().collect());
    let doubt = NoticesInDoubt { notice: notice(), cause, mailboxes };
    world.record(Event::NoticesInDoubt(doubt));
    assert_eq!(world.outgoing(), [3, 4]);
    // The sender was not lost but slow: what it says is a fact.
    world.sent(&[1]);
    world.record(Event::NoticesRetried(NoticesRetried {
        notice: notice(),
        mailboxes: MailboxSet::from(2),
    }));
    assert_eq!(world.outgoing(), [2, 3, 4], "an operator had one told again");
}

#[test]
fn a_phase_that_is_moved_is_announced_by_its_new_date_to_those_not_told_yet() {
    let mut world = world(2);
    world.release();
    world.sent(&[0, 1]);
    let mut later = plan(2);
    later.phases[1].from = "2015-04-01".parse().unwrap();
    world.command(Command::Amend(later.clone())).unwrap();
    world.now = at("2015-03-01T22:59:59Z");
    assert_eq!(world.release(), [0_u32; 0], "thirty days before 1 April are 2 March");
    world.now = at("2015-03-01T23:00:00Z");
    assert_eq!(world.release(), [2, 3], "who was told once is not told again");
    let wording = later.notice(&notice()).unwrap().wording(&later).unwrap();
    assert!(wording.subject.starts_with("CEC-PAC: l'invio di messaggi termina il 31 marzo 2015 /"));

    later.notices[0].phase = later.phases[2].id.clone();
    let refused = world.command(Command::Amend(later)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "notice sending-ends has already been sent for another phase and cannot announce \
         consultation-only; give it another id"
    );
}

#[test]
fn a_state_with_notices_is_taken_apart_and_put_together_again() {
    let mut world = world(10);
    world.release();
    world.claim(&[0, 1]);
    world.sent(&[0]);
    let (notice, cause) = (notice(), "550-5.1.1".to_owned());
    let failed = NoticesFailed {
        notice: notice.clone(),
        cause: cause.clone(),
        attempts: 1,
        mailboxes: MailboxSet::from(2),
    };
    world.record(Event::NoticesFailed(failed));
    let doubt = NoticesInDoubt {
        notice: notice.clone(),
        cause: cause.clone(),
        mailboxes: MailboxSet::from(3),
    };
    world.record(Event::NoticesInDoubt(doubt));
    let retry_at = world.now;
    let deferred = NoticesDeferred {
        notice: notice.clone(),
        cause: cause.clone(),
        attempts: 2,
        retry_at,
        mailboxes: MailboxSet::from(4),
    };
    world.record(Event::NoticesDeferred(deferred));
    let bounced = NoticesBounced { notice, cause, mailboxes: MailboxSet::from(0) };
    world.record(Event::NoticesBounced(bounced));

    assert_eq!(restored(&world.state), world.state);
    // What was kept before there were notices is still read.
    let before = serde_json::to_value(State::default().snapshot().0).unwrap();
    let mut before = before.as_object().unwrap().clone();
    before.remove("notices").unwrap();
    let before = serde_json::from_value(before.into()).unwrap();
    assert_eq!(State::from_snapshot(before, |_| RoaringBitmap::new()), State::default());
}
