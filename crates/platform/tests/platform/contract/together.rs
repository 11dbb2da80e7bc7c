//! Concurrent and cancelled calls.

use std::sync::Arc;

use domain::Capability;
use platform::{Answer, Right, SetRights};
use tokio::task::JoinSet;

use crate::contract::home::{Home, call, past, set};

pub(crate) async fn a_cancelled_call_leaves_the_platform_consistent(home: Arc<Home>) {
    home.with(0..20_000).await;
    let all = call(0..20_000, [Capability::Send], past());
    for polls in 0..12 {
        // Dropped after this many polls, wherever it is then.
        let mut left = polls;
        let mut setting = home.platform().set(&all);
        std::future::poll_fn(|context| {
            if left == 0 || setting.as_mut().poll(context).is_ready() {
                return std::task::Poll::Ready(());
            }
            left -= 1;
            std::task::Poll::Pending
        })
        .await;
        drop(setting);
        let left = home.may(Capability::Send, 0..20_000).await.len();
        assert!(left == 0 || left == 20_000, "{left} after {polls} polls");
    }
    let answer = home.platform().set(&all).await.unwrap();
    assert!(answer.is_partition_of(&all.mailboxes));
    assert!(home.may(Capability::Send, 0..20_000).await.is_empty());
}

pub(crate) async fn concurrent_calls_add_up_without_deadlock(home: Arc<Home>) {
    // On both sides of a boundary between parts, so each call locks two.
    let numbers = 65_036..66_036;
    home.with(numbers.clone()).await;
    let mut calls = JoinSet::new();
    for turn in 0..8_u32 {
        let platform = home.once_more().await;
        let numbers = numbers.clone();
        calls.spawn(async move {
            let mut applied = Vec::new();
            for (round, capability) in
                [Capability::Send, Capability::Receive, Capability::Access].iter().enumerate()
            {
                // Each of the mailboxes is in two of the eight calls.
                let round = u32::try_from(round).unwrap();
                let own = numbers.clone().filter(|number| (number + turn + round) % 4 == 0);
                let call = call(own, [*capability], past());
                let answer = platform.set(&call).await.unwrap();
                assert!(answer.is_partition_of(&call.mailboxes) && answer.failed.is_empty());
                applied.push((*capability, answer.applied));
            }
            applied
        });
    }
    let mut done = Vec::new();
    while let Some(applied) = calls.join_next().await {
        done.extend(applied.unwrap());
    }
    for capability in [Capability::Send, Capability::Receive, Capability::Access] {
        assert!(home.may(capability, numbers.clone()).await.is_empty());
        let sets: Vec<_> = done.iter().filter(|(what, _)| *what == capability).collect();
        let once: u64 = sets.iter().map(|(_, applied)| applied.len()).sum();
        assert_eq!(once, 1_000, "{capability}: each mailbox was changed by one call");
    }
}

pub(crate) async fn mailboxes_that_come_in_the_middle_of_a_phase_keep_their_rights(
    home: Arc<Home>,
) {
    // Numbers with gaps, which are changed as one range, and filled meanwhile.
    home.with((0..6_000).step_by(2)).await;
    let other = home.once_more().await;
    let phases = async {
        for round in 0..20 {
            let right = if round % 2 == 0 { past() } else { Right::Allowed };
            let phase = call((0..6_000).step_by(2), [Capability::Send], right);
            let answer = other.set(&phase).await.unwrap();
            assert_eq!(answer.applied, phase.mailboxes, "round {round}");
        }
    };
    let arrivals = async {
        for first in (1..6_000).step_by(600) {
            home.with((first..first + 600).step_by(2)).await;
        }
    };
    tokio::join!(phases, arrivals);
    assert_eq!(home.may(Capability::Send, 0..6_000).await, set(0..6_000));
    let close = call((0..6_000).step_by(2), [Capability::Send], past());
    assert_eq!(other.set(&close).await.unwrap().applied.len(), 3_000);
    assert_eq!(home.may(Capability::Send, 0..6_000).await, set((1..6_000).step_by(2)));
}

pub(crate) async fn two_equal_concurrent_calls_change_rights_once(home: Arc<Home>) {
    home.with(0..5_000).await;
    let (one, other) = (home.once_more().await, home.once_more().await);
    let all = call(0..5_000, [Capability::Send, Capability::Modify], past());
    let (one, other) = tokio::join!(one.set(&all), other.set(&all));
    let mut answers = [one.unwrap(), other.unwrap()];
    answers.sort_by_key(|answer| answer.applied.len());
    let nothing = Answer { already_so: set(0..5_000), ..Answer::default() };
    let everything = Answer { applied: set(0..5_000), ..Answer::default() };
    assert_eq!(answers, [nothing, everything]);

    // One closes and one holds, at the same time: the later decision prevails.
    let close = SetRights { decided_at: 5, ..all.clone() };
    let hold = SetRights { decided_at: 6, right: Right::Allowed, ..all };
    let (first, second) = (home.once_more().await, home.once_more().await);
    let (_, later) = tokio::join!(first.set(&close), second.set(&hold));
    assert!(later.unwrap().failed.is_empty());
    assert_eq!(home.may(Capability::Send, 0..5_000).await, set(0..5_000));
}
