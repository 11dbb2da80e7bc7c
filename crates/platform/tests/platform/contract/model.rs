//! Model test: a platform against a map of instants, under random calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::DateTime;
use domain::{Capabilities, Capability};
use platform::{Answer, Right};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::contract::home::{Home, call, set};

/// The number of runs on one directory; each continues where the last one ended.
const RUNS: usize = 40;

/// A call on a directory and its model.
#[derive(Debug, Clone)]
enum Step {
    Set { mailboxes: BTreeSet<u32>, capabilities: Vec<Capability>, until: Option<i64> },
    Clock(i64),
    Remove(u32),
    Add(u32),
}

fn step() -> impl Strategy<Value = Step> {
    // Dense, ragged and sparse numbers: each takes another code path of the directory.
    let number = prop_oneof![8 => 0..120_u32, 1 => 65_500..65_580_u32, 1 => any::<u32>()];
    let numbers = prop_oneof![
        proptest::collection::btree_set(number, 0..60),
        (0..120_u32, 0..120_u32).prop_map(|(from, more)| (from..from + more).collect()),
    ];
    let capabilities = proptest::sample::subsequence(
        vec![Capability::Send, Capability::Modify, Capability::Receive, Capability::Access],
        1..=4,
    );
    let change = (numbers, capabilities, proptest::option::of(990..1_010_i64));
    prop_oneof![
        6 => change.prop_map(|(mailboxes, capabilities, until)| {
            Step::Set { mailboxes, capabilities, until }
        }),
        2 => (990..1_010_i64).prop_map(Step::Clock),
        1 => (0..120_u32).prop_map(Step::Remove),
        2 => (0..120_u32).prop_map(Step::Add),
    ]
}

/// Each mailbox's instants by capability; an absent capability has no end.
type Model = BTreeMap<u32, BTreeMap<Capability, i64>>;

fn expected(model: &mut Model, step: &Step, now: i64) -> Answer {
    let Step::Set { mailboxes, capabilities, until } = step else { return Answer::default() };
    let (mut applied, mut already_so) = (BTreeSet::new(), BTreeSet::new());
    for number in mailboxes {
        let Some(instants) = model.get_mut(number) else { continue };
        let so = capabilities.iter().all(|capability| match (instants.get(capability), until) {
            (Some(kept), Some(until)) => kept == until || (*kept <= now && *until <= now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
        if so {
            already_so.insert(*number)
        } else {
            applied.insert(*number)
        };
        for capability in capabilities.iter().filter(|_| !so) {
            match until {
                Some(until) => instants.insert(*capability, *until),
                None => instants.remove(capability),
            };
        }
    }
    Answer { applied: set(applied), already_so: set(already_so), failed: Vec::new() }
}

pub(crate) async fn a_platform_does_what_a_map_of_instants_would(home: Arc<Home>) {
    let numbers = (0..120).filter(|number| number % 3 != 0).chain([65_535, 65_536, u32::MAX]);
    let mut model: Model = numbers.map(|number| (number, BTreeMap::new())).collect();
    home.with(model.keys().copied()).await;
    let mut now = 1_000;
    home.set_clock(DateTime::from_timestamp(now, 0).unwrap()).await;
    let mut runner = TestRunner::default();
    let steps = proptest::collection::vec(step(), 1..12);
    for _ in 0..RUNS {
        let steps = steps.new_tree(&mut runner).unwrap().current();
        for step in &steps {
            take(&home, &mut model, &mut now, step).await;
            agree(&home, &model, now, step).await;
        }
    }
}

async fn take(home: &Home, model: &mut Model, now: &mut i64, step: &Step) {
    let foretold = expected(model, step, *now);
    match step {
        Step::Set { mailboxes, capabilities, until } => {
            let right = until.map_or(Right::Allowed, |until| {
                Right::Until(DateTime::from_timestamp(until, 0).unwrap())
            });
            let call = call(mailboxes.iter().copied(), capabilities.iter().copied(), right);
            let answer = home.platform().set(&call).await.unwrap();
            assert!(answer.is_partition_of(&call.mailboxes), "{step:?}");
            assert_eq!(answer.applied, foretold.applied, "{step:?}");
            assert_eq!(answer.already_so, foretold.already_so, "{step:?}");
        }
        Step::Clock(instant) => {
            *now = *instant;
            home.set_clock(DateTime::from_timestamp(*now, 0).unwrap()).await;
        }
        Step::Remove(number) => {
            model.remove(number);
            home.remove(*number).await;
        }
        Step::Add(number) => {
            model.entry(*number).or_default();
            home.with([*number]).await;
        }
    }
}

async fn agree(home: &Home, model: &Model, now: i64, step: &Step) {
    let asked = set((0..130).chain(65_530..65_540).chain([u32::MAX]));
    let actual = home.platform().read(&asked, Capabilities::OF_PLATFORM).await.unwrap();
    let unknown = asked.iter().filter(|number| !model.contains_key(number));
    assert_eq!(actual.unknown, set(unknown), "{step:?}");
    for (capability, allowed) in actual.now {
        let may = model
            .iter()
            .filter(|(_, instants)| instants.get(&capability).is_none_or(|until| now < *until));
        assert_eq!(allowed, set(may.map(|(number, _)| *number)), "{capability} after {step:?}");
    }
}
