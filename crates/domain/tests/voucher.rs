//! The vouchers, rule by rule at its boundary, and any story of them.

#![cfg(test)]

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    CatchUp, Command, DateColumn, ErasureCommand, ErasureOrdered, Event, Fact, Ground, MailboxSet,
    MailboxWithdrawn, MailboxesRegistered, Outcome, Plan, Proof, Rejection, State, Verdict,
    VoucherCommand, VoucherStanding, free_through,
};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use uuid::Uuid;

/// On the first day of the window.
const OPEN: &str = "2015-03-18T12:00:00Z";

struct World {
    state: State,
    position: u64,
    now: DateTime<Utc>,
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn set(numbers: impl IntoIterator<Item = u32>) -> RoaringBitmap {
    numbers.into_iter().collect()
}

/// The shipped plan with these lines in its section `[vouchers]`.
fn plan(lines: &str) -> Plan {
    let text = include_str!("../../../deploy/plans/cec-pac.toml");
    let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{lines}\n"), 1);
    Plan::parse("trial.toml", &text).unwrap_or_else(|error| panic!("{error}")).0
}

impl World {
    /// Six mailboxes: the even ones activated, the last two asked for too late.
    fn new(plan: Plan) -> Self {
        let now = "2014-12-01T12:00:00Z".parse().unwrap();
        let mut world = Self { state: State::default(), position: 0, now };
        for event in world.state.decide(Command::Adopt(plan), now).unwrap() {
            world.record(event);
        }
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in 0..6 {
            let asked = day(if number < 4 { "2014-12-17" } else { "2014-12-18" });
            requested_on.push(Some(asked)).unwrap();
            activated_on.push((number % 2 == 0).then_some(asked)).unwrap();
        }
        world.record(Event::MailboxesRegistered(MailboxesRegistered {
            first: 0,
            requested_on,
            activated_on,
        }));
        world
    }

    fn record(&mut self, event: Event) {
        self.position += 1;
        let (position, now) = (self.position, self.now);
        let id = Uuid::from_u128(position.into());
        self.state.evolve(&Fact { position, id, effective_at: now, recorded_at: now, event });
    }

    fn ask(&mut self, at: &str, command: VoucherCommand) -> Result<usize, String> {
        self.now = at.parse().unwrap();
        self.ask_now(command).map_err(|why| why.to_string())
    }

    fn ask_now(&mut self, command: VoucherCommand) -> Result<usize, Rejection> {
        let events = self.state.decide_voucher(command, self.now)?;
        let count = events.len();
        for event in events {
            self.record(event);
        }
        Ok(count)
    }

    fn request(&mut self, at: &str, numbers: &[u32]) -> Result<usize, String> {
        self.ask(at, request(numbers.iter().copied()))
    }

    /// Has vouchers granted.
    fn grant(&mut self, numbers: &[u32]) {
        self.request(OPEN, numbers).unwrap();
        let mailboxes = set(numbers.iter().copied());
        self.ask(OPEN, verify(mailboxes.clone())).unwrap();
        assert_eq!(self.ask(OPEN, VoucherCommand::Issue { mailboxes }), Ok(1));
    }

    fn standing(&self, number: u32) -> VoucherStanding {
        self.state.vouchers.standing(number)
    }
}

fn request(numbers: impl IntoIterator<Item = u32>) -> VoucherCommand {
    VoucherCommand::Request { mailboxes: set(numbers), asked_in_time: set(0..4) }
}

fn verify(mailboxes: RoaringBitmap) -> VoucherCommand {
    VoucherCommand::Verify { mailboxes, proof: Proof::Officer }
}

fn issue(numbers: impl IntoIterator<Item = u32>) -> VoucherCommand {
    VoucherCommand::Issue { mailboxes: set(numbers) }
}

fn redeem(number: u32, issue: u32, provider: &str) -> VoucherCommand {
    VoucherCommand::Redeem { number, issue, provider: provider.parse().unwrap() }
}

#[test]
fn requests_are_taken_from_the_first_instant_of_the_window_to_its_last() {
    for (last_day, at, answer) in [
        ("", "2015-03-17T22:59:59Z", Err("vouchers can be asked for from 2015-03-18 on")),
        ("", "2015-03-17T23:00:00Z", Ok(1)),
        ("", "2018-03-17T22:59:59Z", Ok(1)),
        ("", "2018-03-17T23:00:00Z", Err("vouchers can't be asked for any more")),
        ("last-day = 2016-07-31", "2016-07-31T21:59:59Z", Ok(1)),
        (
            "last-day = 2016-07-31",
            "2016-07-31T22:00:00Z",
            Err("the last day to ask for a voucher was 2016-07-31"),
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
    assert_eq!(too_late, Err("vouchers can't be asked for any more".to_owned()));
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
    let late = "only mailboxes asked for before 2014-12-18 are eligible";
    let activated = "only those who activated their mailbox are eligible";
    let only_activated = {
        let mut plan = plan("");
        plan.vouchers.as_mut().unwrap().eligible = domain::Eligible::Activated;
        plan
    };
    for (plan, number, answer) in [
        (plan(""), 0, Ok(1)),
        (plan(""), 1, Ok(1)),
        (plan(""), 4, Err(late)),
        (plan(""), 6, Err("no such mailbox is registered")),
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
    world.record(Event::RegistrationsLapsed(Outcome {
        phase: None,
        revision: 1,
        due_at: OPEN.parse().unwrap(),
        verdict: Verdict::Applied,
        mailboxes: MailboxSet::from(1),
    }));
    world.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 2 }));
    assert_eq!(world.request(OPEN, &[1]), Ok(1));
    let given_up = Err("the mailbox was given up by its holder".to_owned());
    assert_eq!(world.request(OPEN, &[2]), given_up);
    // Given up between the request and the grant.
    world.ask(OPEN, verify(set([1]))).unwrap();
    world.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 1 }));
    assert_eq!(world.ask(OPEN, issue([1])), given_up);
}

#[test]
fn of_many_those_who_can_are_taken_and_a_repetition_is_no_event() {
    let mut world = World::new(plan(""));
    assert_eq!(world.request(OPEN, &[0, 1, 4, 9]), Ok(1));
    assert_eq!(*world.state.vouchers.requested(), set([0, 1]));
    assert_eq!(world.request(OPEN, &[0, 1, 4, 9]), Ok(0));
    assert_eq!(world.request(OPEN, &[0]), Ok(0));
    assert_eq!(world.ask(OPEN, verify(set([0, 3]))), Ok(1));
    assert_eq!(*world.state.vouchers.verified(), set([0]));
    let unsure = "it is not sure yet who asked; verify the request first";
    assert_eq!(world.ask(OPEN, issue([1])), Err(unsure.to_owned()));
    assert_eq!(world.ask(OPEN, issue(0..6)), Ok(1));
    assert_eq!(*world.state.vouchers.issued(), set([0]));
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
    let one = "its holder has had a voucher; there is one for each holder, ever";
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
    assert_eq!(*world.state.vouchers.issued(), set([0, 1, 2]));
    let out = "all 3 vouchers of the plan are issued";
    assert_eq!(world.ask(OPEN, issue([3])), Err(out.to_owned()));
    let fewer = world.state.decide(Command::Amend(plan("max-issued = 2")), world.now);
    let problem = "max-issued = 2 is fewer than were issued already; write 3 or more";
    assert_eq!(fewer.unwrap_err().to_string(), problem);
    for event in world.state.decide(Command::Amend(plan("max-issued = 4")), world.now).unwrap() {
        world.record(event);
    }
    assert_eq!(world.ask(OPEN, issue([3])), Ok(1));
}

#[test]
fn an_amendment_that_waited_is_dropped_where_vouchers_stand_in_its_way_by_then() {
    for (lines, problem) in [
        ("max-issued = 1", "max-issued = 1 is fewer than were issued already; write 2 or more"),
        (
            "redeem-by = 2015-03-18",
            "redeem-by = 2015-03-18 is over, and 2 vouchers that can be redeemed would end at once; write \
             2015-03-19 or a later day",
        ),
    ] {
        let mut world = World::new(plan(""));
        world.grant(&[0]);
        world.amend(Command::Amend(plan(lines)), true);
        assert!(world.state.programme.proposed().is_some());
        world.grant(&[1]);
        world.now += chrono::TimeDelta::days(1);
        let decided = world.state.decide(Command::AdoptProposed, world.now).unwrap();
        let [Event::AmendmentDropped(dropped)] = &decided[..] else { panic!("{decided:?}") };
        assert_eq!(dropped.because, problem);
        let refused = world.state.decide(Command::Amend(plan(lines)), world.now).unwrap_err();
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
    world.record(Event::RegistrationsLapsed(Outcome {
        phase: None,
        revision: 1,
        due_at: OPEN.parse().unwrap(),
        verdict: Verdict::Applied,
        mailboxes: MailboxSet::from(set([1, 3])),
    }));
    let order = |number| ErasureCommand::Order { ground: Ground::Demand, mailboxes: set([number]) };
    let kept = world.state.decide_erasure(order(1), world.now).unwrap_err().to_string();
    assert!(kept.starts_with("the code of its voucher was not handed over"), "{kept}");
    world.ask(OPEN, VoucherCommand::Deliver { mailboxes: set([1]) }).unwrap();
    assert_eq!(world.state.decide_erasure(order(1), world.now).unwrap().len(), 1);
    // Ordered though a request waits, as by a decision made on another stream at the same moment.
    let mailboxes = MailboxSet::from(set([3, 5]));
    world.record(Event::ErasureOrdered(ErasureOrdered { ground: Ground::Demand, mailboxes }));
    let gone = Err("its holder was erased: nobody is left to hand a voucher to".to_owned());
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
    assert_eq!(*world.state.vouchers.expired(), set([1, 2]));
    let expired = Err("the voucher has expired".to_owned());
    assert_eq!(world.ask(after, redeem(1, 1, "posta-sicura")), expired);
    assert_eq!(world.ask(after, VoucherCommand::Reissue { number: 1 }), expired);
}

#[test]
fn a_reissue_kills_the_code_before_it() {
    let mut world = World::new(plan(""));
    world.grant(&[0]);
    assert_eq!(world.ask(OPEN, VoucherCommand::Reissue { number: 0 }), Ok(1));
    let replaced = Err("this code was replaced by a later one".to_owned());
    assert_eq!(world.ask(OPEN, redeem(0, 1, "posta-sicura")), replaced);
    assert_eq!(world.ask(OPEN, redeem(0, 2, "posta-sicura")), Ok(1));
    assert_eq!(
        world.ask(OPEN, VoucherCommand::Reissue { number: 1 }),
        Err("no voucher was issued to it".to_owned())
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
    let text = include_str!("../../../deploy/plans/cec-pac.toml");
    for (line, problem) in [
        ("redeem-by = 2015-03-17", "redeem-by = 2015-03-17 comes before"),
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
    let work = rules.works().into_iter().find(|work| work.name.as_str() == "vouchers").unwrap();
    assert_eq!((work.cron.as_str(), work.catch_up), ("0 15 0 * * *", CatchUp::Once));
    let text = include_str!("../../../deploy/plans/cec-pac.toml");
    let text = text.replacen("[vouchers]\n", "[vouchers]\nsweep = \"0 15 0 * * *\"\n", 1);
    let taken = text.replacen("name = \"left-overs\"", "name = \"vouchers\"", 1);
    let error = Plan::parse("trial.toml", &taken).unwrap_err().to_string();
    assert!(error.contains("name vouchers is taken by the section [vouchers]"), "{error}");
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Request(Vec<u32>),
    Verify(Vec<u32>),
    Refuse(u32),
    Issue(Vec<u32>),
    Redeem(u32, u32, bool),
    Revoke(u32),
    Reissue(u32),
    Withdraw(u32),
    Expire,
    Days(u16),
    /// The plan is amended to this limit and last day; at once, or by an amendment that waits first.
    Amend(Option<u64>, &'static str, bool),
    /// The amendment that waits is adopted, or dropped.
    Adopt,
}

const LONG: &str = "2018-06-30";
const SHORT: &str = "2016-06-30";

/// The plan with a limit and a last day to redeem.
fn limited(limit: Option<u64>, redeem_by: &str) -> Plan {
    let limit = limit.map(|limit| format!("max-issued = {limit}\n")).unwrap_or_default();
    plan(&format!("redeem-by = {redeem_by}\n{limit}"))
}

impl World {
    /// What a command about the plan leads to, if to anything; an amendment waits where that is said.
    fn amend(&mut self, command: Command, waits: bool) {
        for event in self.state.decide(command, self.now).unwrap_or_default() {
            if let Event::PlanAmended(amended) = &event
                && waits
            {
                self.record(Event::AmendmentProposed(amended.clone()));
            } else {
                self.record(event);
            }
        }
    }

    /// The limit and the last day of the plan in force.
    fn rules(&self) -> (u64, NaiveDate) {
        let rules = self.state.plan().unwrap().vouchers.as_ref().unwrap();
        (rules.max_issued.unwrap_or(u64::MAX), rules.redeem_by.unwrap())
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || prop::collection::vec(0_u32..7, 1..7);
    let step = prop_oneof![
        3 => some().prop_map(Step::Request),
        3 => some().prop_map(Step::Verify),
        1 => (0_u32..7).prop_map(Step::Refuse),
        3 => some().prop_map(Step::Issue),
        3 => (0_u32..7, 1_u32..4, any::<bool>()).prop_map(|(n, i, p)| Step::Redeem(n, i, p)),
        1 => (0_u32..7).prop_map(Step::Revoke),
        1 => (0_u32..7).prop_map(Step::Reissue),
        1 => (0_u32..7).prop_map(Step::Withdraw),
        1 => Just(Step::Expire),
        1 => (0_u16..400).prop_map(Step::Days),
        1 => (prop::option::of(1_u64..6), any::<bool>(), any::<bool>()).prop_map(
            |(limit, long, waits)| Step::Amend(limit, if long { LONG } else { SHORT }, waits)
        ),
        1 => Just(Step::Adopt),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn no_story_gives_a_holder_two_vouchers_or_exceeds_the_limit(steps in steps()) {
        let mut world = World::new(limited(Some(3), LONG));
        world.now = "2015-03-01T12:00:00Z".parse().unwrap();
        // Who redeemed, and how often a holder was granted one: counted from the events, not from the state.
        let mut granted = [0_u32; 7];
        let mut redeemed = [0_u32; 7];
        for step in steps {
            let command = match step {
                Step::Request(numbers) => request(numbers),
                Step::Verify(numbers) => verify(set(numbers)),
                Step::Refuse(number) => {
                    VoucherCommand::Refuse { mailboxes: set([number]), cause: "no".to_owned() }
                }
                Step::Issue(numbers) => issue(numbers),
                Step::Redeem(number, issue, one) => {
                    redeem(number, issue, if one { "one" } else { "other" })
                }
                Step::Revoke(number) => VoucherCommand::Revoke { number },
                Step::Reissue(number) => VoucherCommand::Reissue { number },
                Step::Expire => VoucherCommand::Expire,
                Step::Withdraw(number) => {
                    world.record(Event::MailboxWithdrawn(MailboxWithdrawn { number }));
                    continue;
                }
                Step::Days(days) => {
                    world.now += chrono::TimeDelta::days(days.into());
                    continue;
                }
                Step::Amend(limit, redeem_by, waits) => {
                    world.amend(Command::Amend(limited(limit, redeem_by)), waits);
                    continue;
                }
                Step::Adopt => {
                    world.amend(Command::AdoptProposed, false);
                    let sum: u64 = granted.iter().map(|many| u64::from(*many)).sum();
                    prop_assert!(sum <= world.rules().0, "an amendment went below what was granted");
                    continue;
                }
            };
            for event in world.state.decide_voucher(command.clone(), world.now).unwrap_or_default() {
                if let Event::VouchersIssued(event) = &event {
                    let open = "2015-03-17T23:00:00Z".parse().unwrap()
                        ..("2018-03-17T23:00:00Z".parse::<DateTime<Utc>>().unwrap());
                    prop_assert!(open.contains(&world.now), "granted outside the window");
                    event.mailboxes.iter().for_each(|number| *granted.get_mut(place(number)).unwrap() += 1);
                }
                if let Event::VoucherRedeemed(event) = &event {
                    *redeemed.get_mut(place(event.number)).unwrap() += 1;
                    prop_assert!(event.on <= world.rules().1);
                }
                world.record(event);
            }
            prop_assert!(granted.iter().all(|many| *many <= 1), "two for one holder");
            let sum: u64 = granted.iter().map(|many| u64::from(*many)).sum();
            prop_assert!(sum <= world.rules().0, "more than the limit");
            prop_assert!(redeemed.iter().zip(granted).all(|(many, had)| *many <= had));
            prop_assert_eq!(granted.iter().skip(4).sum::<u32>(), 0, "to who asked too late");
            // The same again changes nothing.
            let again = world.state.decide_voucher(command.clone(), world.now).unwrap_or_default();
            let told_twice = matches!(command, VoucherCommand::Reissue { .. });
            let issues_more = matches!(command, VoucherCommand::Issue { .. });
            prop_assert!(again.is_empty() || told_twice || issues_more, "{again:?}");
            let vouchers = &world.state.vouchers;
            let ended = vouchers.redeemed().values().fold(vouchers.expired().clone(), |all, set| all | set);
            prop_assert!((vouchers.valid() & ended).is_empty());
        }
        let sets = world.state.sets();
        let find = |wanted: &str| {
            let found = sets.iter().find(|(name, _)| name == wanted);
            found.map_or_else(RoaringBitmap::new, |(_, set)| (*set).clone())
        };
        let rest = serde_json::to_string(&world.state.rest()).unwrap();
        let again = State::from_parts(serde_json::from_str(&rest).unwrap(), find);
        prop_assert_eq!(again, world.state.clone());
    }
}
