//! A suspended worker resumes with outdated decisions.

use std::sync::Arc;

use domain::Capability;
use platform::{Answer, Cause, Right, SetRights};

use crate::contract::home::{Home, at, call, past, set};

fn decided(at: u64, call: SetRights) -> SetRights {
    SetRights { decided_at: at, ..call }
}

pub(crate) async fn an_earlier_decision_is_superseded(home: Arc<Home>) {
    home.with(0..100).await;
    let hold = decided(20, call(0..100, [Capability::Send], Right::Allowed));
    let close = decided(10, call(0..100, [Capability::Send], past()));
    assert_eq!(home.platform().set(&close).await.unwrap().applied, set(0..100));
    assert_eq!(home.platform().set(&hold).await.unwrap().applied, set(0..100));
    // Another process was suspended in the middle of `close`, and resumes.
    let suspended = home.once_more().await;
    let answer = suspended.set(&close).await.unwrap();
    assert!(answer.is_partition_of(&close.mailboxes));
    let [failure] = &answer.failed[..] else { panic!("{answer:?}") };
    assert_eq!(failure.mailboxes, set(0..100));
    assert_eq!((&failure.cause, failure.transient), (&Cause::SUPERSEDED, true));
    assert_eq!(home.may(Capability::Send, 0..100).await, set(0..100));
    // Its new decision, from the current log, is carried out.
    let anew = decided(21, call(0..100, [Capability::Send], past()));
    assert_eq!(suspended.set(&anew).await.unwrap().applied, set(0..100));
}

pub(crate) async fn a_decision_about_one_right_supersedes_no_other(home: Arc<Home>) {
    home.with(0..10).await;
    let platform = home.platform();
    platform.set(&decided(20, call(0..10, [Capability::Send], past()))).await.unwrap();
    let others = [Capability::Receive, Capability::Access];
    let receive = decided(10, call(0..10, others, past()));
    assert_eq!(platform.set(&receive).await.unwrap().applied, set(0..10));
    let with_send = [Capability::Send, Capability::Receive];
    let both = decided(15, call(0..10, with_send, Right::Allowed));
    assert_eq!(platform.set(&both).await.unwrap().failed[0].mailboxes, set(0..10));
    assert_eq!(home.may(Capability::Receive, 0..10).await, set([]), "nothing of it was done");
}

pub(crate) async fn a_decision_without_a_change_counts_too(home: Arc<Home>) {
    home.with(0..10).await;
    let platform = home.platform();
    let allowed = decided(20, call(0..10, [Capability::Send], Right::Allowed));
    assert_eq!(platform.set(&allowed).await.unwrap().already_so, set(0..10));
    let late = decided(19, call(0..10, [Capability::Send], past()));
    assert_eq!(platform.set(&late).await.unwrap().failed[0].mailboxes, set(0..10));
    let same = decided(20, call(0..10, [Capability::Send], past()));
    assert_eq!(platform.set(&same).await.unwrap().applied, set(0..10), "from the same look");
}

pub(crate) async fn a_late_call_is_answered_mailbox_by_mailbox(home: Arc<Home>) {
    home.with((0..100).chain(65_530..65_540)).await;
    let platform = home.platform();
    let until = Right::Until(at("2115-03-17T23:00:00Z"));
    for number in 0..40 {
        let one = decided(100 + u64::from(number), call([number], [Capability::Send], until));
        assert_eq!(platform.set(&one).await.unwrap().applied, set([number]));
    }
    let border = decided(90, call(65_530..65_540, [Capability::Send], past()));
    platform.set(&border).await.unwrap();
    let late = decided(95, call((0..110).chain(65_530..65_540), [Capability::Send], past()));
    let answer = platform.set(&late).await.unwrap();
    assert!(answer.is_partition_of(&late.mailboxes));
    let failed = |cause: Cause| {
        let failure = answer.failed.iter().find(|failure| failure.cause == cause);
        failure.map(|failure| failure.mailboxes.clone()).unwrap_or_default()
    };
    let expected = Answer {
        applied: set(40..100),
        already_so: set(65_530..65_540),
        failed: answer.failed.clone(),
    };
    assert_eq!(answer, expected);
    assert_eq!(failed(Cause::SUPERSEDED), set(0..40));
    assert_eq!(failed(Cause::UNKNOWN_MAILBOX), set(100..110));
    assert_eq!(home.may(Capability::Send, 0..100).await, set(0..40));
}

pub(crate) async fn the_same_decision_made_twice_is_carried_out_once(home: Arc<Home>) {
    home.with(0..100).await;
    let close = decided(10, call(0..100, [Capability::Send], past()));
    let first = home.platform().set(&close).await.unwrap();
    assert_eq!(first.applied, set(0..100));
    // The answer was lost, or the order was duplicated: a platform may recognize the decision, or
    // find that nothing changes.
    let again = home.once_more().await.set(&close).await.unwrap();
    assert!(again.is_partition_of(&close.mailboxes) && again.failed.is_empty(), "{again:?}");
    // Held and released meanwhile: everything is decided again, and carried out again.
    let hold = decided(11, call(0..100, [Capability::Send], Right::Allowed));
    assert_eq!(home.platform().set(&hold).await.unwrap().applied, set(0..100));
    let anew = decided(12, call(0..100, [Capability::Send], past()));
    assert_eq!(home.platform().set(&anew).await.unwrap().applied, set(0..100));
    assert_eq!(home.may(Capability::Send, 0..100).await, set([]));
    if let Home::Webhook { receiver, .. } = &*home {
        let changes = receiver.count("SELECT sum(changes) FROM mailbox").await;
        assert_eq!(changes, 300, "closed, held, and closed again, each once");
    }
}
