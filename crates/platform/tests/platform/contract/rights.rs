//! Rights are set, stored and read.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use domain::{Capabilities, Capability};
use platform::{Answer, Cause, Right};

use crate::contract::home::{Home, address, at, call, past, set};

pub(crate) async fn what_is_set_is_what_a_mail_server_looks_up(home: Arc<Home>) {
    home.with(0..4).await;
    let platform = home.platform();
    let first = call([1, 2], [Capability::Send, Capability::Modify], past());
    let answer = platform.set(&first).await.unwrap();
    assert_eq!(answer, Answer { applied: set([1, 2]), ..Answer::default() });
    platform.set(&call([2], [Capability::Receive], past())).await.unwrap();
    platform.set(&call([3], [Capability::Access], past())).await.unwrap();

    let rights = [
        (0, [true, false, true, true]),
        (1, [false, true, true, true]),
        (2, [false, true, false, true]),
        (3, [true, false, true, false]),
    ];
    for (number, expected) in rights {
        assert_eq!(home.looked_up(&address(number)).await, Some(expected), "{number}");
    }
}

pub(crate) async fn a_refused_sender_gets_the_text_of_the_plan(home: Arc<Home>) {
    home.with(0..2).await;
    home.platform().set(&call([1], [Capability::Send], past())).await.unwrap();
    let refusal = home.refusal(&address(1)).await;
    assert_eq!(refusal.as_deref(), Some("550 5.7.1 this mailbox can no longer send"));
    assert_eq!(home.refusal(&address(0)).await, None);
}

pub(crate) async fn rights_are_read_as_they_are_and_not_as_they_were_set(home: Arc<Home>) {
    home.with(0..10).await;
    let platform = home.platform();
    let close = call(0..10, [Capability::Send], past());
    assert_eq!(platform.set(&close).await.unwrap().applied, set(0..10));
    home.give_back(4).await;
    home.remove(7).await;
    let actual = platform.read(&set(0..10), Capability::Send.into()).await.unwrap();
    assert_eq!((&actual.now[&Capability::Send], &actual.unknown), (&set([4]), &set([7])));
    // On a repeated call, only differing mailboxes change.
    let answer = platform.set(&close).await.unwrap();
    assert_eq!(answer.applied, set([4]));
    assert_eq!(answer.already_so, set((0..10).filter(|number| ![4, 7].contains(number))));
}

pub(crate) async fn an_armed_right_ends_at_its_instant_and_not_before(home: Arc<Home>) {
    home.with(0..3).await;
    let midnight = at("2015-03-17T23:00:00Z");
    let moments = [(-1_000, true), (-1, true), (0, false), (1, false), (86_400_000, false)];
    home.set_clock(at("2014-12-18T10:00:00Z")).await;
    let arm = call([1], [Capability::Send], Right::Until(midnight));
    home.platform().set(&arm).await.unwrap();
    for (milliseconds, allowed) in moments {
        let moment = midnight + TimeDelta::milliseconds(milliseconds);
        home.set_clock(moment).await;
        assert_eq!(home.may(Capability::Send, [1]).await.contains(1), allowed, "{moment}");
        assert_eq!(home.looked_up(&address(1)).await.unwrap()[0], allowed, "{moment}");
    }
    assert_eq!(home.may(Capability::Send, [0, 2]).await, set([0, 2]));
}

pub(crate) async fn a_fraction_of_a_second_ends_nothing_early_and_brings_nothing_back(
    home: Arc<Home>,
) {
    home.with(0..2).await;
    let platform = home.platform();
    let until = call([1], [Capability::Send], Right::Until(at("2015-03-18T10:00:00.5000001Z")));
    home.set_clock(at("2015-03-18T10:00:00.4Z")).await;
    platform.set(&until).await.unwrap();
    home.set_clock(at("2015-03-18T10:00:00.5Z")).await;
    assert_eq!(home.may(Capability::Send, [1]).await, set([1]), "armed");
    home.set_clock(at("2015-03-18T10:00:01Z")).await;
    assert_eq!(home.may(Capability::Send, [1]).await, set([]), "at the next full second");
    assert_eq!(platform.set(&until).await.unwrap().already_so, set([1]));

    let half = call([1], [Capability::Send], Right::Until(at("2015-03-18T10:00:00.5Z")));
    platform.set(&call([1], [Capability::Send], Right::Allowed)).await.unwrap();
    home.set_clock(at("2015-03-18T10:00:00.5Z")).await;
    platform.set(&half).await.unwrap();
    assert_eq!(home.may(Capability::Send, [1]).await, set([]), "set at its instant, gone at once");
}

pub(crate) async fn an_armed_right_is_confirmed_moved_and_restored(home: Arc<Home>) {
    home.with(0..10).await;
    let platform = home.platform();
    let (midnight, later) = (at("2015-03-17T23:00:00Z"), at("2015-06-30T22:00:00Z"));
    home.set_clock(at("2015-03-01T00:00:00Z")).await;
    platform.set(&call(0..10, [Capability::Receive], Right::Until(midnight))).await.unwrap();
    // The plan is amended for some, and some are held.
    let moved = call(0..3, [Capability::Receive], Right::Until(later));
    assert_eq!(platform.set(&moved).await.unwrap().applied, set(0..3));
    let held = call(3..5, [Capability::Receive], Right::Allowed);
    assert_eq!(platform.set(&held).await.unwrap().applied, set(3..5));
    home.set_clock(midnight).await;
    assert_eq!(home.may(Capability::Receive, 0..10).await, set(0..5), "5 to 9 are confirmed");
    home.set_clock(later).await;
    assert_eq!(home.may(Capability::Receive, 0..10).await, set(3..5));
    let back = call(0..10, [Capability::Receive], Right::Allowed);
    let answer = platform.set(&back).await.unwrap();
    assert_eq!((answer.applied, answer.already_so), (set((0..3).chain(5..10)), set(3..5)));
    home.set_clock(DateTime::UNIX_EPOCH).await;
    assert_eq!(home.may(Capability::Receive, 0..10).await, set(0..10));
}

pub(crate) async fn a_repeated_call_changes_nothing_and_says_so(home: Arc<Home>) {
    home.with(0..100).await;
    let rights = [past(), Right::Until(at("2115-03-17T23:00:00Z")), Right::Allowed];
    for right in rights {
        let call = call(10..20, [Capability::Receive, Capability::Access], right);
        let first = home.platform().set(&call).await.unwrap();
        assert_eq!(first, Answer { applied: set(10..20), ..Answer::default() }, "{right:?}");
        let second = home.platform().set(&call).await.unwrap();
        assert_eq!(second, Answer { already_so: set(10..20), ..Answer::default() }, "{right:?}");
    }
    let nobody = call([], [Capability::Send], past());
    assert_eq!(home.platform().set(&nobody).await.unwrap(), Answer::default());
}

pub(crate) async fn an_unknown_mailbox_fails_permanently_and_the_others_are_changed(
    home: Arc<Home>,
) {
    home.with([1, 2, 4]).await;
    home.remove(2).await;
    let platform = home.platform();
    let call = call([1, 2, 3, 4, 70_000], [Capability::Send], past());
    let answer = platform.set(&call).await.unwrap();
    assert!(answer.is_partition_of(&call.mailboxes));
    assert_eq!(answer.applied, set([1, 4]));
    let [failure] = &answer.failed[..] else { panic!("{answer:?}") };
    assert_eq!(failure.mailboxes, set([2, 3, 70_000]));
    assert_eq!((&failure.cause, failure.transient), (&Cause::UNKNOWN_MAILBOX, false));

    let actual = platform.read(&call.mailboxes, Capabilities::OF_PLATFORM).await.unwrap();
    assert_eq!(actual.unknown, set([2, 3, 70_000]));
    assert_eq!(actual.now[&Capability::Send], set([]));
    assert_eq!(actual.now[&Capability::Access], set([1, 4]));
}

pub(crate) async fn a_capability_of_the_engine_is_refused_by_the_platform(home: Arc<Home>) {
    home.with([1]).await;
    let platform = home.platform();
    assert!(platform.arms() && platform.controls() == Capabilities::OF_PLATFORM);
    for capability in [Capability::Activate, Capability::RequestLogs, Capability::RequestVoucher] {
        let set = call([1], [Capability::Send, capability], Right::Allowed);
        let error = platform.set(&set).await.unwrap_err();
        assert_eq!((error.cause(), error.may_retry()), (&Cause::NOT_CONTROLLED, false));
        let error = platform.read(&set.mailboxes, capability.into()).await.unwrap_err();
        assert!(error.to_string().contains(capability.name()), "{error}");
    }
}

pub(crate) async fn large_and_sparse_sets_are_changed_completely(home: Arc<Home>) {
    let ends = [u32::MAX - 1, u32::MAX];
    let all = set((0..400).chain(65_400..65_700).chain(131_060..131_080).chain(ends));
    home.with(all.iter()).await;
    let sets = [
        ("across a border", set(65_500..65_600)),
        ("up to a border", set(65_400..65_536)),
        ("from a border on", set(131_072..131_080)),
        ("the last of all numbers", set(ends)),
        ("every other one", set((0..400).step_by(2))),
        ("thinly spread over parts", set([0, 399, 65_535, 65_536, 131_071, 131_072, u32::MAX])),
        ("all", all.clone()),
    ];
    for (name, mailboxes) in sets {
        let call = call(mailboxes.iter(), [Capability::Access], past());
        let answer = home.platform().set(&call).await.unwrap();
        assert_eq!(answer, Answer { applied: mailboxes.clone(), ..Answer::default() }, "{name}");
        let left = home.may(Capability::Access, all.iter()).await;
        assert_eq!(*left, &*all - &*mailboxes, "{name}");
        let back =
            crate::contract::home::call(mailboxes.iter(), [Capability::Access], Right::Allowed);
        assert_eq!(home.platform().set(&back).await.unwrap().applied, mailboxes, "{name}");
    }
}
