//! Rate limits, under a paused clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{Capabilities, Capability, MailboxSet};
use platform::{Actual, Answer, Error, Known, Layer, Limits, Pace, Paced, Platform, SetRights};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::contract::home::close;

const SEND: Capability = Capability::Send;

fn per_second(calls: u32) -> Limits {
    Limits { calls_per_second: Some(calls), ..Limits::default() }
}

fn at_once(calls: u32) -> Limits {
    Limits { concurrent_calls: Some(calls), ..Limits::default() }
}

async fn time_for(pace: &Pace, calls: u32) -> Duration {
    let begun = Instant::now();
    for _ in 0..calls {
        drop(pace.begin(SEND.into()).await);
    }
    begun.elapsed()
}

async fn waits(pace: &Pace, effects: impl Into<Capabilities>) -> bool {
    timeout(Duration::from_hours(1), pace.begin(effects.into())).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits() {
    let pace = Pace::default();
    assert_eq!(time_for(&pace, 10_000).await, Duration::ZERO);
    assert_eq!(pace.limits(SEND), Limits::default());
}

#[tokio::test(start_paused = true)]
async fn calls_start_in_an_even_rhythm_within_the_limit() {
    for (rate, calls) in
        [(1_u32, 11_u32), (10, 101), (700, 1_401), (1_000, 2_001), (50_000, 50_001)]
    {
        let pace = Pace::default();
        pace.set(SEND, per_second(rate));
        let taken = time_for(&pace, calls).await;
        let ideal = Duration::from_secs(1) * (calls - 1) / rate;
        // The timer ticks in milliseconds, and its delay is compensated.
        let slack = Duration::from_millis(4);
        let range = ideal.saturating_sub(slack)..ideal + slack;
        assert!(range.contains(&taken), "{calls} calls at {rate} a second took {taken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_the_work_is_not_made_up_for() {
    let pace = Pace::default();
    pace.set(SEND, per_second(10));
    time_for(&pace, 5).await;
    sleep(Duration::from_mins(1)).await;
    assert!(time_for(&pace, 11).await >= Duration::from_millis(990));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_in_flight_than_allowed() {
    let pace = Pace::default();
    pace.set(SEND, at_once(2));
    let first = pace.begin(SEND.into()).await;
    let _second = pace.begin(SEND.into()).await;
    assert!(waits(&pace, SEND).await);
    assert_eq!(pace.under_way(SEND), 2);
    drop(first);
    assert!(!waits(&pace, SEND).await);
}

#[tokio::test(start_paused = true)]
async fn a_change_takes_effect_for_waiting_calls() {
    let pace = Pace::default();
    for (before, after) in [
        (per_second(0), per_second(5)),
        (per_second(1), Limits::default()),
        (at_once(0), at_once(1)),
    ] {
        pace.set(SEND, before);
        drop(timeout(Duration::from_secs(2), pace.begin(SEND.into())).await);
        let change = async {
            tokio::task::yield_now().await;
            pace.set(SEND, after);
        };
        let begun = Instant::now();
        let (_call, ()) = tokio::join!(pace.begin(SEND.into()), change);
        assert!(begun.elapsed() < Duration::from_millis(250), "{before:?} to {after:?}");
        assert_eq!(pace.limits(SEND), after);
    }
}

#[tokio::test(start_paused = true)]
async fn effects_have_each_their_pace_and_a_call_for_two_waits_for_both() {
    let pace = Pace::default();
    pace.set(Capability::Receive, at_once(0));
    let both: Capabilities = [SEND, Capability::Receive].into_iter().collect();
    assert!(waits(&pace, both).await);
    assert_eq!(pace.under_way(SEND), 0, "a call that waits holds no turn");
    assert!(!waits(&pace, SEND).await);
    pace.set(Capability::Receive, at_once(1));
    let call = pace.begin(both).await;
    assert_eq!((pace.under_way(SEND), pace.under_way(Capability::Receive)), (1, 1));
    drop(call);
    assert_eq!((pace.under_way(SEND), pace.under_way(Capability::Receive)), (0, 0));
}

/// Takes a second for each call, and records the maximum in flight.
#[derive(Default)]
struct Slow {
    under_way: AtomicU32,
    most: AtomicU32,
}

impl Slow {
    async fn take_a_second(&self) {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Platform for Slow {
    fn controls(&self) -> Capabilities {
        SEND.into()
    }

    fn arms(&self) -> bool {
        true
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        self.take_a_second().await;
        Ok(Answer { applied: call.mailboxes.clone(), ..Answer::default() })
    }

    async fn read(&self, _: &MailboxSet, _: Capabilities) -> Result<Actual, Error> {
        self.take_a_second().await;
        Ok(Actual { now: BTreeMap::new(), unknown: MailboxSet::new() })
    }

    async fn known(&self, _: u32, _: u32) -> Result<Known, Error> {
        self.take_a_second().await;
        Ok(Known::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_paced_platform_paces_changes_and_questions_alike() {
    let pace = Pace::default();
    pace.set(SEND, at_once(3));
    let platform = Arc::new(Paced::new(Slow::default(), pace));
    assert!(platform.arms());
    assert_eq!(platform.controls(), SEND.into());
    let call = close([1]);
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for turn in 0..30 {
        let (platform, call) = (Arc::clone(&platform), call.clone());
        calls.spawn(async move {
            match turn % 3 {
                0 => platform.set(&call).await.map(drop),
                1 => platform.read(&call.mailboxes, call.capabilities).await.map(drop),
                _ => platform.known(0, 10).await.map(drop),
            }
        });
    }
    for outcome in calls.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(platform.inner().inner().most.load(Ordering::SeqCst), 3);
    let taken = begun.elapsed();
    assert!(Duration::from_secs(10) <= taken && taken < Duration::from_secs(11), "{taken:?}");
}
