//! Differences between platform and log: sets against one mailbox at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Capability, Difference, Expectation, MailboxSet, Observation, Standing};
use proptest::prelude::*;
use roaring::RoaringBitmap;

const SEND: Capability = Capability::Send;

fn at(hour: u32) -> DateTime<Utc> {
    format!("2015-03-17T{hour:02}:00:00Z").parse().unwrap()
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        Just(Standing::Allowed),
        Just(Standing::Gone),
        (1_u32..4).prop_map(|hour| Standing::Until(at(hour))),
    ]
}

/// What is expected of a mailbox, and what the platform says of it; `None`: left out, and unknown.
type Row = (Option<Standing>, Option<Standing>);

fn expectation(rows: &[Row]) -> Expectation {
    let mut expectation = Expectation {
        capability: SEND,
        allowed: RoaringBitmap::new(),
        until: BTreeMap::new(),
        gone: RoaringBitmap::new(),
        left_out: RoaringBitmap::new(),
    };
    for (number, (expected, _)) in (0..).zip(rows) {
        match expected {
            Some(Standing::Allowed) => expectation.allowed.insert(number),
            Some(Standing::Gone) => expectation.gone.insert(number),
            Some(Standing::Until(end)) => expectation.until.entry(*end).or_default().insert(number),
            None => expectation.left_out.insert(number),
        };
    }
    expectation
}

#[derive(Default)]
struct Platform {
    now: BTreeMap<Capability, MailboxSet>,
    ends: BTreeMap<(Capability, DateTime<Utc>), MailboxSet>,
    unknown: RoaringBitmap,
}

impl Platform {
    fn of(rows: &[Row]) -> Self {
        let found = |of: &dyn Fn(&Option<Standing>) -> bool| -> MailboxSet {
            let rows = (0..).zip(rows).filter(|(_, (_, found))| of(found));
            rows.map(|(number, _)| number).collect()
        };
        let may = found(&|found| !matches!(found, None | Some(Standing::Gone)));
        let ends = (1..4).map(|hour| {
            let these = found(&|found| *found == Some(Standing::Until(at(hour))));
            ((SEND, at(hour)), these)
        });
        let unknown = found(&Option::is_none).into_inner();
        Self { now: BTreeMap::from([(SEND, may)]), ends: ends.collect(), unknown }
    }

    fn seen(&self) -> Observation<'_> {
        Observation { now: &self.now, ends: &self.ends, unknown: &self.unknown }
    }
}

fn one_by_one(differences: &[Difference]) -> Vec<(u32, Standing, Standing)> {
    let each = differences.iter().flat_map(|difference| {
        difference.mailboxes.iter().map(|number| (number, difference.expected, difference.found))
    });
    let mut all: Vec<_> = each.collect();
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn sets_differ_where_their_mailboxes_do(
        rows in prop::collection::vec(
            (prop::option::of(standing()), prop::option::of(standing())),
            0..80,
        )
    ) {
        let (expectation, platform) = (expectation(&rows), Platform::of(&rows));
        let differences = expectation.differences(platform.seen());
        let naive: Vec<_> = (0..)
            .zip(&rows)
            .filter_map(|(number, (expected, found))| Some((number, (*expected)?, (*found)?)))
            .filter(|(_, expected, found)| expected != found)
            .collect();
        prop_assert_eq!(one_by_one(&differences), naive);
        let compared =
            rows.iter().filter(|(expected, found)| expected.is_some() && found.is_some());
        let counted = expectation.compared_but(&platform.unknown);
        prop_assert_eq!(counted, u64::try_from(compared.count()).unwrap());
        prop_assert!(differences.iter().all(|one| one.confirmed_by(&differences) == one.mailboxes));
        prop_assert!(differences.iter().all(|one| one.confirmed_by(&[]).is_empty()));
    }
}

#[test]
fn an_end_that_was_rounded_up_to_a_second_is_the_same_end() {
    let told: DateTime<Utc> = "2015-03-17T23:00:00.25Z".parse().unwrap();
    let kept: DateTime<Utc> = "2015-03-17T23:00:01Z".parse().unwrap();
    let mut expected = expectation(&[]);
    expected.until.insert(told, [7].into_iter().collect());
    let mut platform = Platform::of(&[]);
    platform.now.insert(SEND, 7.into());
    platform.ends.insert((SEND, kept), 7.into());
    assert_eq!(expected.differences(platform.seen()), []);
}

#[test]
fn a_capability_that_was_not_answered_for_does_not_differ() {
    let expected = expectation(&[(Some(Standing::Gone), None)]);
    assert_eq!(expected.differences(Platform::default().seen()), []);
}
