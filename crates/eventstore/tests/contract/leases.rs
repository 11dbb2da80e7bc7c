//! Rows 22, 23 and 26 of the contract: who moves a subscription's checkpoint.

use std::time::Duration;

use chrono::TimeDelta;
use eventstore::{Error, Filter, Lease};

use crate::fixture::Case;

const MINUTE: Duration = Duration::from_mins(1);

async fn claim(case: &Case, owner: &str) -> Option<Lease> {
    case.store.claim("mailboxes", owner, MINUTE).await.unwrap()
}

pub(crate) async fn one_owner_works_and_another_takes_over_when_its_time_is_out(mut case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let first = claim(&case, "a").await.unwrap();
    assert_eq!(first.checkpoint, 0);
    assert_eq!(claim(&case, "b").await, None);
    let other = case.store.claim("history", "b", MINUTE).await.unwrap();
    assert!(other.is_some(), "each subscription has a lease of its own");
    case.store.save_checkpoint(&first, 2).await.unwrap();
    case.clock.advance(TimeDelta::seconds(59));
    assert_eq!(claim(&case, "b").await, None);
    case.clock.advance(TimeDelta::seconds(1));
    case.reopen().await;
    let second = claim(&case, "b").await.unwrap();
    assert!(second.token > first.token);
    assert_eq!(second.checkpoint, 2);
    assert_eq!(claim(&case, "a").await, None);
}

pub(crate) async fn a_stale_owner_cannot_move_the_checkpoint(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let stale = claim(&case, "a").await.unwrap();
    case.clock.advance(TimeDelta::minutes(5));
    case.store.save_checkpoint(&stale, 1).await.expect("nobody has taken over yet");
    let lease = claim(&case, "b").await.unwrap();
    case.store.save_checkpoint(&lease, 2).await.unwrap();
    let fenced = case.store.save_checkpoint(&stale, 3).await.unwrap_err();
    assert!(matches!(&fenced, Error::Fenced { subscription } if subscription == "mailboxes"));
    assert!(!fenced.may_retry());
    assert_eq!(claim(&case, "b").await.unwrap().checkpoint, 2);
    let unknown = Lease { subscription: "unknown".to_owned(), ..lease };
    let unknown = case.store.save_checkpoint(&unknown, 1).await;
    assert!(matches!(unknown, Err(Error::Fenced { .. })));
}

pub(crate) async fn a_lease_is_renewed_by_its_owner(case: Case) {
    let first = claim(&case, "a").await.unwrap();
    for _ in 0..3 {
        case.clock.advance(TimeDelta::seconds(40));
        assert_eq!(claim(&case, "a").await.unwrap().token, first.token);
        assert_eq!(claim(&case, "b").await, None);
    }
}

pub(crate) async fn a_clock_set_back_does_not_lock_a_subscription_for_years(case: Case) {
    claim(&case, "a").await.unwrap();
    case.clock.advance(TimeDelta::seconds(-30));
    assert_eq!(claim(&case, "b").await, None, "a small step is no reason to take over");
    case.clock.advance(TimeDelta::days(-365));
    assert!(claim(&case, "b").await.is_some());
}

pub(crate) async fn a_checkpoint_beyond_the_log_is_refused(case: Case) {
    case.given("order-1", &[1, 2]).await;
    let lease = claim(&case, "a").await.unwrap();
    let refused = case.store.save_checkpoint(&lease, 3).await;
    assert!(matches!(refused, Err(Error::LogShorter { checkpoint: 3, head: 2 })), "{refused:?}");
    assert_eq!(claim(&case, "a").await.unwrap().checkpoint, 0);
}

pub(crate) async fn after_a_crash_events_come_again_from_the_last_checkpoint(mut case: Case) {
    case.given("order-1", &[1, 2, 3, 4, 5]).await;
    let mut seen = Vec::new();
    for (owner, saves_at, dies_at) in [("a", 2, 4), ("b", 3, 3), ("c", 5, 5)] {
        let lease = claim(&case, owner).await.unwrap();
        let page = case.store.read_all(lease.checkpoint, &Filter::default(), 9).await.unwrap();
        for event in page.events {
            seen.push(event.position);
            if event.position == saves_at {
                case.store.save_checkpoint(&lease, event.position).await.unwrap();
            }
            if event.position == dies_at {
                break;
            }
        }
        case.clock.advance(TimeDelta::minutes(2));
        case.reopen().await;
    }
    assert_eq!(seen, [1, 2, 3, 4, /* b */ 3, /* c */ 4, 5]);
    assert_eq!(claim(&case, "d").await.unwrap().checkpoint, 5);
}
