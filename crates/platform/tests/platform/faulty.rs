//! A platform with simulated faults fails as often as configured, and its answers stay consistent.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Capabilities, Capability, MailboxSet};
use platform::{Actual, Answer, Error, Faults, Faulty, Known, Layer, Platform, SetRights};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::contract::home::close;

/// Removes the right to send, in memory.
#[derive(Default)]
struct Simple {
    gone: Mutex<MailboxSet>,
}

#[async_trait]
impl Platform for Simple {
    fn controls(&self) -> Capabilities {
        Capability::Send.into()
    }

    fn arms(&self) -> bool {
        false
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        let mut gone = self.gone.lock().unwrap();
        let already_so = (&**gone & &*call.mailboxes).into();
        let applied = (&*call.mailboxes - &**gone).into();
        *gone = (&**gone | &*call.mailboxes).into();
        Ok(Answer { applied, already_so, failed: Vec::new() })
    }

    async fn read(&self, mailboxes: &MailboxSet, _: Capabilities) -> Result<Actual, Error> {
        let may = (&**mailboxes - &**self.gone.lock().unwrap()).into();
        Ok(Actual { now: BTreeMap::from([(Capability::Send, may)]), unknown: MailboxSet::new() })
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let mailboxes = (from..100).take(usize::try_from(limit).unwrap()).collect();
        Ok(Known { mailboxes, numberless: 0 })
    }
}

fn faulty(faults: &str, seed: u64) -> Faulty<Simple> {
    Faulty::new(Simple::default(), faults.parse().unwrap(), seed)
}

fn failed(answer: &Answer, transient: bool) -> MailboxSet {
    let of_kind = answer.failed.iter().filter(|failure| failure.transient == transient);
    of_kind.flat_map(|failure| failure.mailboxes.iter()).collect()
}

#[tokio::test]
async fn about_as_many_calls_fail_as_configured() {
    let platform = faulty("transient=10%,permanent=1%", 1);
    let all: MailboxSet = (0..100_000).collect();
    let (mut whole, mut transient, mut answers) = (0, 0, 0);
    for _ in 0..100 {
        match platform.set(&close(all.iter())).await {
            Err(error) => {
                assert!(error.may_retry());
                whole += 1;
            }
            Ok(answer) => {
                answers += 1;
                transient += failed(&answer, true).len();
                assert!((800..1_200).contains(&failed(&answer, false).len()));
            }
        }
    }
    assert!((2..25).contains(&whole), "{whole} calls of 100 failed as a whole");
    let each = transient / answers;
    assert!((9_500..10_500).contains(&each), "{each} mailboxes of 100,000 failed");
}

#[tokio::test]
async fn a_permanent_failure_repeats_and_changes_nothing() {
    let platform = faulty("permanent=5%", 2);
    let all: MailboxSet = (0..2_000).collect();
    let first = platform.set(&close(all.iter())).await.unwrap();
    let second = platform.set(&close(all.iter())).await.unwrap();
    let unlucky = failed(&first, false);
    assert!(!unlucky.is_empty());
    assert_eq!(failed(&second, false), unlucky);
    assert_eq!(second.already_so, first.applied);
    let actual = platform.read(&all, Capability::Send.into()).await.unwrap();
    assert_eq!(actual.now[&Capability::Send], unlucky, "what is read is the truth");
}

#[tokio::test]
async fn a_transient_failure_may_come_before_or_after_the_change() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..200 {
        let platform = faulty("transient=50%", seed);
        let asked = close(0..20);
        let unsure = match platform.set(&asked).await {
            Err(_) => asked.mailboxes.clone(),
            Ok(answer) => failed(&answer, true),
        };
        let gone = platform.inner().gone.lock().unwrap().clone();
        after += unsure.intersection_len(&gone);
        before += unsure.len() - unsure.intersection_len(&gone);
    }
    assert!(before > 500 && after > 500, "{before} before, {after} after");
}

#[tokio::test]
async fn retries_change_every_mailbox_in_the_end() {
    let platform = faulty("transient=30%", 3);
    let mut left: MailboxSet = (0..10_000).collect();
    for _ in 0..60 {
        if let Ok(answer) = platform.set(&close(left.iter())).await {
            left = failed(&answer, true);
        }
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(platform.inner().gone.lock().unwrap().len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_between_a_half_and_one_and_a_half_times_the_latency() {
    let platform = faulty("latency=200ms", 4);
    let mut lengths = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        platform.set(&close([1])).await.unwrap();
        lengths.push(begun.elapsed());
    }
    let range = Duration::from_millis(100)..Duration::from_millis(302);
    assert!(lengths.iter().all(|length| range.contains(length)), "{lengths:?}");
    assert!(lengths.iter().max() > lengths.iter().min());
}

proptest! {
    #[test]
    fn an_answer_says_of_each_mailbox_one_thing_and_the_seed_says_which(
        seed: u64,
        transient in 0..=100_u32,
        permanent in 0..=100_u32,
        mailboxes in proptest::collection::btree_set(0..500_u32, 0..80),
    ) {
        let faults = format!("transient={transient}%,permanent={permanent}%");
        let asked = close(mailboxes);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = || {
            let platform = faulty(&faults, seed);
            (0..4).map(|_| runtime.block_on(platform.set(&asked)).ok()).collect::<Vec<_>>()
        };
        let answers = run();
        prop_assert_eq!(&answers, &run());
        for answer in answers.iter().flatten() {
            prop_assert!(answer.is_partition_of(&asked.mailboxes), "{answer:?}");
        }
        if transient == 100 {
            prop_assert!(answers.iter().all(Option::is_none));
        }
    }

    #[test]
    fn no_text_is_read_as_faults_that_are_not_what_it_says(text in "[a-z=%0-9.,]{0,30}") {
        if let Ok(faults) = text.parse::<Faults>() {
            prop_assert_eq!(faults.to_string().parse(), Ok(faults));
        }
    }
}
