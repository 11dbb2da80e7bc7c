//! Each rule at its boundary.

use chrono::NaiveDate;
use domain::{
    CatchUp, Command, ErasureCommand, ErasureGround, ErasureOrdered, Event, MailboxSet,
    MailboxWithdrawn, Outcome, Plan, Verdict, VoucherCommand, VoucherStanding, free_through,
};

use crate::history::{day, set};
use crate::voucher::world::{OPEN, World, issue, plan, redeem, verify};

#[test]
fn requests_are_taken_from_the_first_instant_of_the_window_to_its_last() {
    for (last_day, at, answer) in [
        ("", "2015-03-17T22:59:59Z", Err("vouchers can be requested from 2015-03-18 on")),
        ("", "2015-03-17T23:00:00Z", Ok(1)),
        ("", "2018-03-17T22:59:59Z", Ok(1)),
        ("", "2018-03-17T23:00:00Z", Err("vouchers can no longer be requested")),
        ("last-day = 2016-07-31", "2016-07-31T21:59:59Z", Ok(1)),
        (
            "last-day = 2016-07-31",
            "2016-07-31T22:00:00Z",
            Err("the last day for voucher requests was 2016-07-31"),
        ),
    ] {
        let answer = answer.map_err(str::to_owned);
        assert_eq!(World::new(plan(last_day)).request(at, &[0]), answer, "{last_day} {at}");
    }
}

#[test]
fn nothing_is_granted_outside_the_window_though_it_was_asked_for_inside() {
    let mut world = World::new(plan(""));
    world.request(OPEN, &[0]).unwrap();
    world.ask(OPEN, verify(set([0]))).unwrap();
    let too_late = world.ask("2018-03-17T23:00:00Z", issue([0]));
    assert_eq!(too_late, Err("vouchers can no longer be requested".to_owned()));
    assert_eq!(world.ask("2018-03-17T22:59:59Z", issue([0])), Ok(1));
}

#[test]
fn a_request_by_the_last_day_is_granted_after_it() {
    let mut world = World::new(plan("last-day = 2016-07-31"));
    world.request("2016-07-31T21:59:59Z", &[0]).unwrap();
    assert_eq!(world.request("2016-08-02T09:00:00Z", &[0]), Ok(0), "it waits since before");
    world.ask("2016-08-02T09:00:00Z", verify(set([0]))).unwrap();
    assert_eq!(world.ask("2016-08-02T09:00:00Z", issue([0])), Ok(1));
}

#[test]
fn who_is_eligible_is_as_the_plan_says() {
    let late = "only mailboxes requested before 2014-12-18 are eligible";
    let activated = "only activated mailboxes are eligible";
    let only_activated = {
        let mut plan = plan("");
        plan.vouchers.as_mut().unwrap().eligible = domain::Eligible::Activated;
        plan
    };
    for (plan, number, answer) in [
        (plan(""), 0, Ok(1)),
        (plan(""), 1, Ok(1)),
        (plan(""), 4, Err(late)),
        (plan(""), 6, Err("the mailbox is not registered")),
        (only_activated.clone(), 0, Ok(1)),
        (only_activated.clone(), 1, Err(activated)),
        (only_activated, 4, Err(late)),
    ] {
        let answer = answer.map_err(str::to_owned);
        assert_eq!(World::new(plan).request(OPEN, &[number]), answer, "{number}");
    }
}

#[test]
fn a_lapsed_registration_stays_eligible_and_a_withdrawn_mailbox_does_not() {
    let mut world = World::new(plan(""));
    world.history.record(Event::RegistrationsLapsed(Outcome {
        phase: None,
        revision: 1,
        due_at: OPEN.parse().unwrap(),
        verdict: Verdict::Applied,
        mailboxes: MailboxSet::from(1),
    }));
    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 2 }));
    assert_eq!(world.request(OPEN, &[1]), Ok(1));
    let failed = Err("the mailbox was withdrawn".to_owned());
    assert_eq!(world.request(OPEN, &[2]), failed);
    // The holder withdrew between the request and the issue.
    world.ask(OPEN, verify(set([1]))).unwrap();
    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 1 }));
    assert_eq!(world.ask(OPEN, issue([1])), failed);
}

#[test]
fn of_many_those_who_can_are_taken_and_a_repetition_is_no_event() {
    let mut world = World::new(plan(""));
    assert_eq!(world.request(OPEN, &[0, 1, 4, 9]), Ok(1));
    assert_eq!(world.history.state.vouchers.requested, set([0, 1]));
    assert_eq!(world.request(OPEN, &[0, 1, 4, 9]), Ok(0));
    assert_eq!(world.request(OPEN, &[0]), Ok(0));
    assert_eq!(world.ask(OPEN, verify(set([0, 3]))), Ok(1));
    assert_eq!(world.history.state.vouchers.verified, set([0]));
    let unsure = "the requester has not been verified; verify the request first";
    assert_eq!(world.ask(OPEN, issue([1])), Err(unsure.to_owned()));
    assert_eq!(world.ask(OPEN, issue(0..6)), Ok(1));
    assert_eq!(world.history.state.vouchers.issued, set([0]));
}

#[test]
fn a_refused_request_may_be_made_again_and_a_granted_one_never() {
    let mut world = World::new(plan(""));
    world.request(OPEN, &[0]).unwrap();
    let refuse = |number| VoucherCommand::Refuse {
        mailboxes: set([number]),
        cause: "not-the-holder".to_owned(),
    };
    assert_eq!(world.ask(OPEN, refuse(0)), Ok(1));
    assert_eq!(world.standing(0), VoucherStanding::Refused);
    assert_eq!(world.ask(OPEN, refuse(0)), Ok(0));
    world.grant(&[0]);
    let one = "the holder has had a voucher; each holder gets one, ever";
    assert_eq!(world.request(OPEN, &[0]), Err(one.to_owned()));
    assert_eq!(world.ask(OPEN, issue([0])), Err(one.to_owned()));
    world.ask(OPEN, VoucherCommand::Revoke { number: 0 }).unwrap();
    assert_eq!(world.request(OPEN, &[0]), Err(one.to_owned()));
}

#[test]
fn the_limit_is_reached_exactly_and_an_amendment_may_not_go_below_it() {
    let mut world = World::new(plan("max-issued = 3"));
    world.grant(&[0, 1]);
    world.request(OPEN, &[2, 3]).unwrap();
    world.ask(OPEN, verify(set([2, 3]))).unwrap();
    assert_eq!(world.ask(OPEN, issue([2, 3])), Ok(1));
    assert_eq!(world.history.state.vouchers.issued, set([0, 1, 2]));
    let out = "all 3 vouchers of the plan were issued";
    assert_eq!(world.ask(OPEN, issue([3])), Err(out.to_owned()));
    let fewer =
        world.history.state.decide(Command::Amend(plan("max-issued = 2")), world.history.now);
    let problem = "max-issued = 2 is less than the 3 vouchers issued; write 3 or more";
    assert_eq!(fewer.unwrap_err().to_string(), problem);
    for event in world
        .history
        .state
        .decide(Command::Amend(plan("max-issued = 4")), world.history.now)
        .unwrap()
    {
        world.history.record(event);
    }
    assert_eq!(world.ask(OPEN, issue([3])), Ok(1));
}

#[test]
fn an_amendment_that_waited_is_dropped_where_vouchers_stand_in_its_way_by_then() {
    for (lines, problem) in [
        ("max-issued = 1", "max-issued = 1 is less than the 2 vouchers issued; write 2 or more"),
        (
            "redeem-by = 2015-03-18",
            "redeem-by = 2015-03-18 is in the past and would expire 2 valid vouchers at once; \
             write 2015-03-19 or later",
        ),
    ] {
        let mut world = World::new(plan(""));
        world.grant(&[0]);
        world.amend(Command::Amend(plan(lines)), true);
        assert!(world.history.state.programme.proposed().is_some());
        world.grant(&[1]);
        world.history.now += chrono::TimeDelta::days(1);
        let decided =
            world.history.state.decide(Command::AdoptProposed, world.history.now).unwrap();
        let [Event::AmendmentDropped(dropped)] = &decided[..] else { panic!("{decided:?}") };
        assert_eq!(dropped.because, problem);
        let refused =
            world.history.state.decide(Command::Amend(plan(lines)), world.history.now).unwrap_err();
        assert_eq!(refused.to_string(), problem, "asked for now, it is refused at once");
    }
}

#[test]
fn who_was_erased_gets_none_and_who_awaits_a_code_is_not_erased() {
    let mut world = World::new(plan(""));
    world.request(OPEN, &[1, 3]).unwrap();
    world.ask(OPEN, verify(set([1, 3]))).unwrap();
    world.ask(OPEN, issue([1])).unwrap();
    // It was never activated, so that nothing is open on the platform.
    world.history.record(Event::RegistrationsLapsed(Outcome {
        phase: None,
        revision: 1,
        due_at: OPEN.parse().unwrap(),
        verdict: Verdict::Applied,
        mailboxes: MailboxSet::from(set([1, 3])),
    }));
    let order =
        |number| ErasureCommand::Order { ground: ErasureGround::Demand, mailboxes: set([number]) };
    let kept =
        world.history.state.decide_erasure(order(1), world.history.now).unwrap_err().to_string();
    assert!(kept.starts_with("the voucher's code was not delivered"), "{kept}");
    world.ask(OPEN, VoucherCommand::Deliver { mailboxes: set([1]) }).unwrap();
    assert_eq!(world.history.state.decide_erasure(order(1), world.history.now).unwrap().len(), 1);
    // Ordered though a request waits, as by a decision made on another stream at the same moment.
    let mailboxes = MailboxSet::from(set([3, 5]));
    world
        .history
        .record(Event::ErasureOrdered(ErasureOrdered { ground: ErasureGround::Demand, mailboxes }));
    let gone =
        Err("the holder's personal data were erased: no voucher can be delivered".to_owned());
    assert_eq!(world.ask(OPEN, issue([3])), gone);
    assert_eq!(world.request(OPEN, &[5]), gone);
}

#[test]
fn two_providers_can_t_redeem_one_voucher_and_the_same_one_may_say_it_twice() {
    let mut world = World::new(plan("redeem-by = 2018-06-30"));
    world.grant(&[0]);
    let evening = "2016-02-28T23:30:00Z";
    assert_eq!(world.ask(evening, redeem(0, 1, "posta-sicura")), Ok(1));
    assert_eq!(world.ask(evening, redeem(0, 1, "posta-sicura")), Ok(0));
    let other = world.ask(evening, redeem(0, 1, "altra-posta"));
    let told = "the voucher was redeemed by posta-sicura on 2016-02-29";
    assert_eq!(other, Err(told.to_owned()), "the day is civil in Rome");
    let revoke = world.ask(evening, VoucherCommand::Revoke { number: 0 });
    assert_eq!(revoke, Err(told.to_owned()));
}

#[test]
fn a_voucher_is_redeemed_through_its_last_day_and_then_expires_with_the_others() {
    let mut world = World::new(plan("redeem-by = 2018-06-30"));
    world.grant(&[0, 1, 2]);
    assert_eq!(world.ask("2018-06-30T21:59:59Z", VoucherCommand::Expire), Ok(0));
    assert_eq!(world.ask("2018-06-30T21:59:59Z", redeem(0, 1, "posta-sicura")), Ok(1));
    let after = "2018-06-30T22:00:00Z";
    let late = Err("the last day to redeem a voucher was 2018-06-30".to_owned());
    assert_eq!(world.ask(after, redeem(1, 1, "posta-sicura")), late);
    assert_eq!(world.ask(after, VoucherCommand::Expire), Ok(1));
    assert_eq!(world.ask(after, VoucherCommand::Expire), Ok(0));
    assert_eq!(world.history.state.vouchers.expired, set([1, 2]));
    let expired = Err("the voucher has expired".to_owned());
    assert_eq!(world.ask(after, redeem(1, 1, "posta-sicura")), expired);
    assert_eq!(world.ask(after, VoucherCommand::Reissue { number: 1 }), expired);
}

#[test]
fn a_reissue_kills_the_code_before_it() {
    let mut world = World::new(plan(""));
    world.grant(&[0]);
    assert_eq!(world.ask(OPEN, VoucherCommand::Reissue { number: 0 }), Ok(1));
    let replaced = Err("the code was replaced by a newer one".to_owned());
    assert_eq!(world.ask(OPEN, redeem(0, 1, "posta-sicura")), replaced);
    assert_eq!(world.ask(OPEN, redeem(0, 2, "posta-sicura")), Ok(1));
    assert_eq!(
        world.ask(OPEN, VoucherCommand::Reissue { number: 1 }),
        Err("no voucher was issued for the mailbox".to_owned())
    );
}

#[test]
fn the_free_year_is_a_calendar_year() {
    for (first, last) in [
        ("2015-03-18", "2016-03-17"),
        ("2015-03-01", "2016-02-29"),
        ("2016-02-28", "2017-02-27"),
        ("2016-02-29", "2017-02-28"),
        ("2016-03-01", "2017-02-28"),
        ("2015-01-01", "2015-12-31"),
    ] {
        assert_eq!(free_through(day(first)), day(last), "{first}");
    }
    assert_eq!(free_through(NaiveDate::MAX), NaiveDate::MAX);
}

#[test]
fn a_last_day_to_redeem_before_the_first_to_ask_is_refused() {
    let text = include_str!("../../../../../deploy/plans/cec-pac.toml");
    for (line, problem) in [
        ("redeem-by = 2015-03-17", "redeem-by = 2015-03-17 is before"),
        ("max-issued = 0", "max-issued = 0 is out of range"),
        ("sweep = \"15 0 * * *\"", "lacks the seconds"),
    ] {
        let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{line}\n"), 1);
        let error = Plan::parse("trial.toml", &text).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn the_sweep_comes_by_cron_under_a_name_that_no_other_work_has() {
    let rules = plan("sweep = \"0 15 0 * * *\"");
    let work =
        rules.all_recurring().into_iter().find(|work| work.name.as_str() == "vouchers").unwrap();
    assert_eq!((work.cron.as_str(), work.catch_up), ("0 15 0 * * *", CatchUp::Once));
    let text = include_str!("../../../../../deploy/plans/cec-pac.toml");
    let text = text.replacen("[vouchers]\n", "[vouchers]\nsweep = \"0 15 0 * * *\"\n", 1);
    let taken = text.replacen("name = \"left-overs\"", "name = \"vouchers\"", 1);
    let error = Plan::parse("trial.toml", &taken).unwrap_err().to_string();
    assert!(error.contains("name vouchers is taken by the section [vouchers]"), "{error}");
}
