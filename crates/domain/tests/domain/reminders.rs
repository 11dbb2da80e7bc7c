//! Reminders: who is due one on which day, and never more than the plan allows.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::{
    Capability, CatchUp, Command, ErasureGround, Event, HoldPlaced, HoldReleased, MailboxWithdrawn,
    Verification, VoucherCommand, VoucherRules, civil_date, reminder_holds, reminders_due,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::history::{History, at, day, restored, set, with_vouchers};

/// When the codes are delivered: in Rome it is already 2 April.
const HANDED: &str = "2015-04-01T22:30:00Z";
const RULES: &str = "redeem-by = 2016-12-31\nremind = \"0 0 9 1 * *\"\nremind-after-days = 30";

struct World {
    history: History,
}

impl World {
    /// Six holders of an active mailbox, each of whom was granted a voucher.
    fn with(lines: &str) -> Self {
        let history = History::adopted(with_vouchers(lines).unwrap(), "2014-12-01T12:00:00Z");
        let mut world = Self { history };
        world.history.register([(day("2014-11-01"), Some(day("2014-11-02"))); 6]);
        world.history.now = at(HANDED);
        let mailboxes = set(0..6);
        let request = VoucherCommand::Request {
            mailboxes: mailboxes.clone(),
            requested_in_time: mailboxes.clone(),
        };
        world.ask(request);
        world.ask(VoucherCommand::Verify {
            mailboxes: mailboxes.clone(),
            proof: Verification::Officer,
        });
        world.ask(VoucherCommand::Issue { mailboxes });
        world
    }

    /// The same, after the codes of all were delivered.
    fn handed(lines: &str) -> Self {
        let mut world = Self::with(lines);
        world.deliver(0..6);
        world
    }

    fn ask(&mut self, command: VoucherCommand) -> Vec<Event> {
        let events =
            self.history.state.decide_voucher(command, self.history.now).unwrap_or_default();
        events.iter().cloned().for_each(|event| self.history.record(event));
        events
    }

    fn deliver(&mut self, numbers: impl IntoIterator<Item = u32>) {
        self.ask(VoucherCommand::Deliver { mailboxes: set(numbers) });
    }

    /// Whom a round at this instant concerns.
    fn remind(&mut self, instant: &str) -> Vec<u32> {
        self.history.now = at(instant);
        self.claim(self.history.now)
    }

    fn claim(&mut self, scheduled_for: DateTime<Utc>) -> Vec<u32> {
        let events = self.ask(VoucherCommand::Remind { scheduled_for });
        assert!(events.len() <= 1, "a round is one event");
        let claimed = events.into_iter().flat_map(|event| {
            let Event::VoucherRemindersClaimed(event) = event else { panic!("{event:?}") };
            event.mailboxes.into_inner()
        });
        claimed.collect()
    }

    fn redeem(&mut self, number: u32, issue: u32) {
        let provider = "posta-sicura".parse().unwrap();
        self.ask(VoucherCommand::Redeem { number, issue, provider });
    }

    fn hold(&mut self, number: u32, until: Option<NaiveDate>) {
        let hold = Uuid::from_u128(u128::from(number) + 1_000);
        let capabilities = Capability::Access.into();
        self.history.record(Event::HoldPlaced(HoldPlaced { hold, number, capabilities, until }));
    }
}

#[test]
fn a_reminder_is_due_so_many_civil_days_after_the_code_was_handed_over() {
    for (instant, expected) in [
        // Delivered on 2 April in Rome: the thirtieth day after is 2 May, from midnight there.
        ("2015-05-01T21:59:59Z", vec![]),
        ("2015-05-01T22:00:00Z", vec![0, 1, 2, 3, 4, 5]),
        // Still on the last day on which it could be redeemed, and not after.
        ("2016-12-31T22:59:59Z", vec![0, 1, 2, 3, 4, 5]),
        ("2016-12-31T23:00:00Z", vec![]),
    ] {
        assert_eq!(World::handed(RULES).remind(instant), expected, "{instant}");
    }
}

#[test]
fn a_day_of_23_or_25_hours_counts_as_a_day() {
    // 29 March 2015 has 23 hours in Rome, 25 October 2015 has 25.
    for (handed, early, due) in [
        ("2015-03-28T22:30:00Z", "2015-03-29T21:59:59Z", "2015-03-29T22:00:00Z"),
        ("2015-10-24T21:30:00Z", "2015-10-25T22:59:59Z", "2015-10-25T23:00:00Z"),
    ] {
        let mut world = World::with(&RULES.replace("30", "2"));
        world.history.now = at(handed);
        world.deliver([0]);
        assert_eq!(world.remind(early), [0; 0], "{early}");
        assert_eq!(world.remind(due), [0], "{due}");
    }
}

#[test]
fn nobody_gets_more_than_the_plan_says_nor_two_within_its_days() {
    let mut world = World::handed(&format!("{RULES}\nremind-at-most = 3"));
    assert_eq!(world.remind("2015-05-10T07:00:00Z").len(), 6);
    assert_eq!(world.remind("2015-06-08T07:00:00Z").len(), 0, "29 days after");
    assert_eq!(world.remind("2015-06-09T07:00:00Z").len(), 6, "30 days after");
    assert_eq!(world.remind("2015-10-01T07:00:00Z").len(), 6);
    assert_eq!(world.remind("2016-10-01T07:00:00Z").len(), 0, "three are enough");
    let rounds = &world.history.state.vouchers.reminders;
    assert_eq!(rounds.iter().filter(|round| round.mailboxes.contains(0)).count(), 3);
}

#[test]
fn a_round_is_claimed_once_and_none_before_the_last() {
    let mut world = World::handed(RULES);
    world.history.now = at("2015-06-01T08:00:00Z");
    let round = at("2015-06-01T07:00:00Z");
    assert_eq!(world.claim(round).len(), 6);
    world.history.now = at("2015-12-01T08:00:00Z");
    assert_eq!(world.claim(round), [0; 0]);
    assert_eq!(world.claim(at("2015-05-01T07:00:00Z")), [0; 0]);
}

#[test]
fn a_round_that_is_claimed_late_concerns_those_who_were_due_at_it() {
    let mut world = World::with(RULES);
    world.deliver([0]);
    world.history.now = at("2015-05-20T10:00:00Z");
    world.deliver([1]);
    world.history.now = at("2015-08-01T00:00:00Z");
    assert_eq!(world.claim(at("2015-06-01T07:00:00Z")), [0]);
    // Their next comes by the day on which they were claimed, not by that of the round.
    assert_eq!(world.claim(at("2015-07-15T07:00:00Z")), [1]);
}

#[test]
fn whoever_used_lost_or_left_theirs_is_not_reminded() {
    let mut world = World::handed(RULES);
    world.history.now = at("2015-05-01T12:00:00Z");
    world.redeem(0, 1);
    world.ask(VoucherCommand::Revoke { number: 1 });
    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number: 2 }));
    world.hold(3, None);
    // The code of the last was reissued, and delivered much later.
    world.ask(VoucherCommand::Reissue { number: 4 });
    assert_eq!(world.remind("2015-06-01T07:00:00Z"), [5]);
    for number in 0..6 {
        assert_eq!(
            reminder_holds(&world.history.state, number, world.history.now),
            number == 5,
            "{number}"
        );
    }
    world.deliver([4]);
    assert_eq!(world.remind("2015-06-30T07:00:00Z"), [0; 0]);
    assert_eq!(world.remind("2015-07-01T07:00:00Z"), [4, 5]);
}

#[test]
fn a_hold_keeps_a_reminder_back_until_it_ends() {
    let mut world = World::handed(RULES);
    world.hold(0, Some("2015-06-01".parse().unwrap()));
    assert_eq!(world.remind("2015-06-01T07:00:00Z"), [1, 2, 3, 4, 5]);
    assert!(!reminder_holds(&world.history.state, 0, at("2015-06-01T21:59:59Z")));
    assert!(reminder_holds(&world.history.state, 0, at("2015-06-01T22:00:00Z")));
    assert_eq!(world.remind("2015-07-01T07:00:00Z"), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn whoever_is_to_be_forgotten_is_not_reminded() {
    let mut world = World::handed(RULES);
    world.history.record(Event::ErasureOrdered(domain::ErasureOrdered {
        ground: ErasureGround::Demand,
        mailboxes: (0..2).collect(),
    }));
    assert_eq!(world.remind("2015-06-01T07:00:00Z"), [2, 3, 4, 5]);
    assert!(!reminder_holds(&world.history.state, 0, world.history.now));
}

#[test]
fn a_replaced_code_begins_no_new_count() {
    let mut world = World::handed(&format!("{RULES}\nremind-at-most = 1"));
    assert_eq!(world.remind("2015-06-01T07:00:00Z").len(), 6);
    world.ask(VoucherCommand::Reissue { number: 0 });
    world.deliver([0]);
    assert_eq!(world.remind("2016-06-01T07:00:00Z"), [0; 0]);
}

#[test]
fn the_round_that_is_due_is_the_last_that_came_and_was_not_claimed() {
    let mut world = World::handed(RULES);
    assert_eq!(reminders_due(&world.history.state), None);
    let due = at("2015-06-01T07:00:00Z");
    world.history.now = due;
    world.history.record(Event::RecurringWorkDue(domain::RecurringWorkDue {
        name: VoucherRules::reminders_name(),
        scheduled_for: due,
        late_seconds: 0,
        skipped: 0,
    }));
    assert_eq!(reminders_due(&world.history.state), Some(due));
    for (command, expected) in [(Command::Pause, None), (Command::Resume, Some(due))] {
        for event in world.history.state.decide(command, world.history.now).unwrap() {
            world.history.record(event);
        }
        assert_eq!(reminders_due(&world.history.state), expected);
    }
    world.claim(due);
    assert_eq!(reminders_due(&world.history.state), None);
}

#[test]
fn a_plan_without_reminders_reminds_nobody_and_says_so() {
    let mut world = World::handed("redeem-by = 2016-12-31");
    world.history.now = at("2015-06-01T07:00:00Z");
    let refused = world.history.state.decide_voucher(
        VoucherCommand::Remind { scheduled_for: world.history.now },
        world.history.now,
    );
    let why = refused.unwrap_err().to_string();
    assert_eq!(
        why,
        "the plan's section [vouchers] has no reminders; amend the plan with the key `remind` first"
    );
}

#[test]
fn the_plan_says_when_how_soon_and_how_often() {
    let rules = |lines: &str| with_vouchers(lines).unwrap().vouchers.unwrap().remind;
    assert_eq!(rules(""), None);
    let usual = rules("remind = \"0 0 9 1 * *\"").unwrap();
    assert_eq!((usual.cron.as_str(), usual.after_days, usual.at_most), ("0 0 9 1 * *", 30, 2));
    let works = with_vouchers(RULES).unwrap().all_recurring();
    let work = works.iter().find(|work| work.name == VoucherRules::reminders_name()).unwrap();
    assert_eq!((work.cron.as_str(), work.catch_up), ("0 0 9 1 * *", CatchUp::Once));
    for (lines, problem) in [
        ("remind = \"0 9 1 * *\"", "lacks the seconds; write \"0 0 9 1 * *\""),
        ("remind-at-most = 3", "remind-at-most has no effect without remind"),
        ("remind-after-days = 3", "remind-after-days has no effect without remind"),
        ("remind = \"0 0 9 1 * *\"\nremind-after-days = 0", "write a number from 1 to 366"),
        ("remind = \"0 0 9 1 * *\"\nremind-at-most = 13", "write a number from 1 to 12"),
        (
            "redeem-by = 2018-03-17\nremind = \"0 0 9 1 * *\"\nremind-after-days = 1096",
            "write a number from 1 to 366",
        ),
        (
            "redeem-by = 2015-06-01\nremind = \"0 0 9 1 * *\"\nremind-after-days = 76",
            "no reminder would ever be due: 76 days after vouchers can be requested is later than \
             redeem-by",
        ),
    ] {
        let told = with_vouchers(lines).unwrap_err();
        assert!(told.contains(problem), "{lines}: {told}");
        assert!(told.contains("trial.toml:"), "{told}");
    }
    assert!(
        with_vouchers("redeem-by = 2015-06-01\nremind = \"0 0 9 1 * *\"\nremind-after-days = 75")
            .is_ok()
    );
}

#[derive(Debug, Clone)]
enum Step {
    Deliver(u32),
    Redeem(u32, u32),
    Revoke(u32),
    Reissue(u32),
    Withdraw(u32),
    Hold(u32, bool),
    Expire,
    /// For now, or for an instant so many hours ago.
    Remind(u16),
    Hours(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u32..6).prop_map(Step::Deliver),
        1 => (0_u32..6, 1_u32..4).prop_map(|(number, issue)| Step::Redeem(number, issue)),
        1 => (0_u32..6).prop_map(Step::Revoke),
        2 => (0_u32..6).prop_map(Step::Reissue),
        1 => (0_u32..6).prop_map(Step::Withdraw),
        1 => (0_u32..6, any::<bool>()).prop_map(|(number, placed)| Step::Hold(number, placed)),
        1 => Just(Step::Expire),
        6 => prop_oneof![Just(0), 0_u16..2_000].prop_map(Step::Remind),
        6 => (0_u16..600).prop_map(Step::Hours),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_reminded_too_often_or_of_what_they_used(steps in steps()) {
        const AFTER: i64 = 20;
        const MOST: usize = 2;
        let rules = "redeem-by = 2016-06-30\nremind = \"0 0 9 1 * *\"\nremind-after-days = 20";
        let mut world = World::with(&format!("{rules}\nremind-at-most = {MOST}"));
        let zone = world.history.state.plan().unwrap().zone;
        // Counted from the events, not from the state.
        let mut reminded: Vec<Vec<NaiveDate>> = vec![Vec::new(); 6];
        let mut handed: Vec<Option<NaiveDate>> = vec![None; 6];
        let mut over = [false; 6];
        let mut held = [false; 6];
        for step in steps {
            let today = civil_date(world.history.now, zone);
            match step {
                Step::Deliver(number) => {
                    let events = world.ask(VoucherCommand::Deliver { mailboxes: set([number]) });
                    if !events.is_empty() {
                        handed[usize::try_from(number).unwrap()] = Some(today);
                    }
                }
                Step::Redeem(number, issue) => {
                    let before = world.history.position;
                    world.redeem(number, issue);
                    over[usize::try_from(number).unwrap()] |= world.history.position > before;
                }
                Step::Revoke(number) => {
                    let events = world.ask(VoucherCommand::Revoke { number });
                    over[usize::try_from(number).unwrap()] |= !events.is_empty();
                }
                Step::Reissue(number) => {
                    if !world.ask(VoucherCommand::Reissue { number }).is_empty() {
                        handed[usize::try_from(number).unwrap()] = None;
                    }
                }
                Step::Withdraw(number) => {
                    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number }));
                    over[usize::try_from(number).unwrap()] = true;
                }
                Step::Hold(number, true) => {
                    world.hold(number, None);
                    held[usize::try_from(number).unwrap()] = true;
                }
                Step::Hold(number, false) => {
                    let hold = Uuid::from_u128(u128::from(number) + 1_000);
                    world.history.record(Event::HoldReleased(HoldReleased { hold, number }));
                    held[usize::try_from(number).unwrap()] = false;
                }
                Step::Expire => {
                    if !world.ask(VoucherCommand::Expire).is_empty() {
                        over = [true; 6];
                    }
                }
                Step::Remind(hours) => {
                    let round = world.history.now - TimeDelta::hours(hours.into());
                    for number in world.claim(round) {
                        let place = usize::try_from(number).unwrap();
                        let code = handed[place];
                        prop_assert!(!over[place] && !held[place], "{number} is not to be told");
                        prop_assert!(code.is_some_and(|day| (today - day).num_days() >= AFTER));
                        let before = reminded[place].last();
                        prop_assert!(before.is_none_or(|day| (today - *day).num_days() >= AFTER));
                        prop_assert!(today <= "2016-06-30".parse().unwrap());
                        let (state, now) = (&world.history.state, world.history.now);
                        prop_assert!(reminder_holds(state, number, now));
                        reminded[place].push(today);
                        prop_assert!(reminded[place].len() <= MOST);
                        let rounds = world.history.state.vouchers.reminders.iter();
                        let of_one = rounds.filter(|round| round.mailboxes.contains(number));
                        prop_assert_eq!(of_one.count(), reminded[place].len());
                    }
                    prop_assert_eq!(world.claim(round), Vec::<u32>::new(), "a round is claimed \
                        once");
                }
                Step::Hours(hours) => world.history.now += TimeDelta::hours(hours.into()),
            }
        }
        prop_assert_eq!(restored(&world.history.state), world.history.state);
    }
}
