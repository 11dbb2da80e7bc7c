//! Rows 20, 21 and 24 of the contract: history, then live.

use std::sync::Arc;
use std::time::Duration;

use eventstore::{Delivery, EventStore, Filter, Subscription};

use crate::fixture::{Case, to};
use eventstore::ExpectedVersion::Any;

/// Longer than any answer takes on a slow machine: only reached by what is broken.
const WAIT_FOR: Duration = Duration::from_secs(20);

async fn next(subscription: &mut Subscription) -> Delivery {
    tokio::time::timeout(WAIT_FOR, subscription.next()).await.expect("nothing comes").unwrap()
}

/// The next event's position.
async fn position(subscription: &mut Subscription) -> u64 {
    match next(subscription).await {
        Delivery::Event(event) => event.position,
        other @ (Delivery::CaughtUp(_) | Delivery::Passed(_)) => panic!("no event: {other:?}"),
    }
}

pub(crate) async fn a_subscription_from_the_start_switches_to_live_without_hole_or_double(
    case: Case,
) {
    const EVENTS: u64 = 600;
    case.given("order-0", &[0]).await;
    let store: Arc<dyn EventStore> = Arc::clone(&case.store);
    let writer = tokio::spawn(async move {
        for id in 1..u128::from(EVENTS) {
            store.append(to(&format!("order-{}", id % 7), Any, &[id])).await.unwrap();
        }
    });
    let store = Arc::clone(&case.store);
    let mut subscription = Subscription::after(store, Filter::default(), 0);
    let (mut seen, mut caught_up) = (Vec::new(), 0);
    while caught_up == 0 || seen.len() < 600 {
        match next(&mut subscription).await {
            Delivery::Event(event) => seen.push(event.position),
            Delivery::CaughtUp(at) => {
                assert_eq!(seen.last(), Some(&at));
                caught_up += 1;
            }
            Delivery::Passed(at) => panic!("nothing was filtered, but passed {at}"),
        }
    }
    writer.await.unwrap();
    assert!(seen.into_iter().eq(1..=EVENTS));
    case.given("order-1", &[1_000]).await;
    assert_eq!(position(&mut subscription).await, EVENTS + 1, "caught-up is told once");
    assert_eq!(caught_up, 1);
}

pub(crate) async fn a_subscription_at_the_head_sees_only_what_is_later(case: Case) {
    case.given("order-1", &[1, 2]).await;
    let store = Arc::clone(&case.store);
    let mut subscription = Subscription::at_head(store, Filter::default()).await.unwrap();
    assert_eq!(next(&mut subscription).await, Delivery::CaughtUp(2));
    case.given("order-1", &[3]).await;
    assert_eq!(position(&mut subscription).await, 3);
}

pub(crate) async fn a_subscription_from_a_position_sees_only_what_is_beyond_it(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let mut subscription = Subscription::after(Arc::clone(&case.store), Filter::default(), 1);
    assert_eq!(position(&mut subscription).await, 2);
    assert_eq!(position(&mut subscription).await, 3);
    assert_eq!(next(&mut subscription).await, Delivery::CaughtUp(3));
}

pub(crate) async fn a_subscription_without_match_still_moves_on(case: Case) {
    case.given("order-1", &[1, 2, 3]).await;
    let filter = Filter { categories: vec!["item".to_owned()] };
    let mut subscription = Subscription::after(Arc::clone(&case.store), filter, 0);
    assert_eq!(next(&mut subscription).await, Delivery::CaughtUp(3));
    case.given("order-1", &[4]).await;
    assert_eq!(next(&mut subscription).await, Delivery::Passed(4));
    case.given("item-1", &[5]).await;
    assert_eq!(position(&mut subscription).await, 5);
    case.given("order-1", &[6, 7]).await;
    assert_eq!(next(&mut subscription).await, Delivery::Passed(7));
}

pub(crate) async fn an_append_wakes_at_once(case: Case) {
    let mut appended = case.store.appended();
    assert!(!appended.has_changed().unwrap());
    case.given("order-1", &[1, 2]).await;
    assert!(appended.has_changed().unwrap(), "told before the append is answered");
    assert_eq!(*appended.borrow_and_update(), 2);
}
