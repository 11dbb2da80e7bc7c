//! Random scenarios of vouchers, with amendments and passing days.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Command, Event, MailboxWithdrawn, Plan, VoucherCommand};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use crate::history::{restored, set};
use crate::voucher::world::{World, issue, plan, redeem, request, verify};

const LONG: &str = "2018-06-30";
const SHORT: &str = "2016-06-30";

/// The plan with a limit and a last day to redeem.
fn limited(limit: Option<u64>, redeem_by: &str) -> Plan {
    let limit = limit.map(|limit| format!("max-issued = {limit}\n")).unwrap_or_default();
    plan(&format!("redeem-by = {redeem_by}\n{limit}"))
}

impl World {
    /// The limit and the last day of the plan in force.
    fn rules(&self) -> (u64, NaiveDate) {
        let rules = self.history.state.plan().unwrap().vouchers.as_ref().unwrap();
        (rules.max_issued.unwrap_or(u64::MAX), rules.redeem_by.unwrap())
    }
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
    /// The plan is amended to this limit and last day; at once, or by an amendment that waits
    /// first.
    Amend(Option<u64>, &'static str, bool),
    /// The amendment that waits is adopted, or dropped.
    Adopt,
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
    fn no_scenario_issues_two_vouchers_to_a_holder_or_exceeds_the_limit(steps in steps()) {
        let mut world = World::new(limited(Some(3), LONG));
        world.history.now = "2015-03-01T12:00:00Z".parse().unwrap();
        // Who redeemed, and how often a holder was granted one: counted from the events, not from
        // the state.
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
                    world.history.record(Event::MailboxWithdrawn(MailboxWithdrawn { number }));
                    continue;
                }
                Step::Days(days) => {
                    world.history.now += chrono::TimeDelta::days(days.into());
                    continue;
                }
                Step::Amend(limit, redeem_by, waits) => {
                    world.amend(Command::Amend(limited(limit, redeem_by)), waits);
                    continue;
                }
                Step::Adopt => {
                    world.amend(Command::AdoptProposed, false);
                    let sum: u64 = granted.iter().map(|many| u64::from(*many)).sum();
                    prop_assert!(sum <= world.rules().0, "an amendment went below what was \
                        granted");
                    continue;
                }
            };
            let decided = world.history.state.decide_voucher(command.clone(), world.history.now);
            for event in decided.unwrap_or_default() {
                if let Event::VouchersIssued(event) = &event {
                    let open = "2015-03-17T23:00:00Z".parse().unwrap()
                        ..("2018-03-17T23:00:00Z".parse::<DateTime<Utc>>().unwrap());
                    prop_assert!(open.contains(&world.history.now), "granted outside the window");
                    for number in event.mailboxes.iter() {
                        *granted.get_mut(place(number)).unwrap() += 1;
                    }
                }
                if let Event::VoucherRedeemed(event) = &event {
                    *redeemed.get_mut(place(event.number)).unwrap() += 1;
                    prop_assert!(event.on <= world.rules().1);
                }
                world.history.record(event);
            }
            prop_assert!(granted.iter().all(|many| *many <= 1), "two for one holder");
            let sum: u64 = granted.iter().map(|many| u64::from(*many)).sum();
            prop_assert!(sum <= world.rules().0, "more than the limit");
            prop_assert!(redeemed.iter().zip(granted).all(|(many, had)| *many <= had));
            prop_assert_eq!(granted.iter().skip(4).sum::<u32>(), 0, "issued to late requesters");
            // What workers are to do is exactly what would be issued of all that is verified.
            let pending = world.history.state.vouchers_to_issue(world.history.now);
            let verified = world.history.state.vouchers.verified.clone();
            let whole = VoucherCommand::Issue { mailboxes: verified };
            let (state, now) = (&world.history.state, world.history.now);
            let whole = state.decide_voucher(whole, now).unwrap_or_default();
            let issued = whole.into_iter().find_map(|event| {
                if let Event::VouchersIssued(event) = event { Some(event.mailboxes) } else { None }
            });
            prop_assert_eq!(&pending, &*issued.unwrap_or_default());
            // Each open request has a cause, and nobody else has.
            let requested = &world.history.state.vouchers.requested;
            let causes = state.vouchers.by_cause(&state.rights.registered);
            let caused = causes.values().fold(RoaringBitmap::new(), |all, set| all | set);
            prop_assert_eq!(&caused, requested);
            prop_assert_eq!(causes.values().map(RoaringBitmap::len).sum::<u64>(), requested.len());
            // The same again changes nothing.
            let again = state.decide_voucher(command.clone(), now).unwrap_or_default();
            let told_twice = matches!(command, VoucherCommand::Reissue { .. });
            let issues_more = matches!(command, VoucherCommand::Issue { .. });
            prop_assert!(again.is_empty() || told_twice || issues_more, "{again:?}");
            let vouchers = &world.history.state.vouchers;
            let expired = vouchers.expired.clone();
            let ended = vouchers.redeemed.values().fold(expired, |all, set| all | set);
            prop_assert!((vouchers.valid() & ended).is_empty());
        }
        prop_assert_eq!(restored(&world.history.state), world.history.state);
    }
}
