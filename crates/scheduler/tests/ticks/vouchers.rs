//! Vouchers that were not redeemed in time end in one sweep, at the first occurrence after the last
//! day.

use domain::{Event, MailboxSet, VoucherRedeemed, VouchersIssued, free_through};

use crate::support::{World, plan};

/// Vouchers of three, one of which is redeemed; the last day is 31 December 2016, the sweep comes
/// at a quarter past midnight in Rome.
async fn granted() -> World {
    let mut plan = plan(&[]);
    let rules = plan.vouchers.as_mut().unwrap();
    rules.redeem_by = Some("2016-12-31".parse().unwrap());
    rules.sweep = Some("0 15 0 * * *".to_owned());
    let world = World::adopted(plan, "2016-12-30T12:00:00Z").await;
    let mailboxes: MailboxSet = (0..3).collect();
    world.record(Event::VouchersIssued(VouchersIssued { revision: 1, mailboxes })).await;
    let on = "2016-12-01".parse().unwrap();
    world
        .record(Event::VoucherRedeemed(VoucherRedeemed {
            number: 1,
            issue: 1,
            provider: "posta-sicura".parse().unwrap(),
            on,
            free_through: free_through(on),
        }))
        .await;
    world
}

async fn expired(world: &World) -> Vec<u32> {
    let journal = world.journal();
    let snapshot = journal.state().await.unwrap();
    snapshot.vouchers.expired.iter().collect()
}

#[tokio::test]
async fn they_end_at_the_first_sweep_after_the_last_day_and_once() {
    let world = granted().await;
    for (at, expected) in [
        // The sweep of the last day itself, and the day's last second.
        ("2016-12-30T23:15:00Z", &[][..]),
        ("2016-12-31T22:59:59Z", &[]),
        // The day is over, and the sweep has not come yet.
        ("2016-12-31T23:00:00Z", &[]),
        ("2016-12-31T23:14:59Z", &[]),
        ("2016-12-31T23:15:00Z", &[0, 2]),
    ] {
        world.tick_at(at).await.unwrap();
        assert_eq!(expired(&world).await, expected, "{at}");
    }
    let head = world.store.head().await.unwrap();
    world.tick_at("2016-12-31T23:20:00Z").await.unwrap();
    assert_eq!(world.store.head().await.unwrap(), head, "nothing is said twice");
}

#[tokio::test]
async fn a_sweep_that_was_missed_is_made_up_for() {
    let world = granted().await;
    world.tick_at("2016-12-30T23:15:00Z").await.unwrap();
    world.tick_at("2017-03-01T10:00:00Z").await.unwrap();
    assert_eq!(expired(&world).await, [0, 2]);
}

#[tokio::test]
async fn two_schedulers_end_them_once() {
    let world = granted().await;
    world.set_clock("2017-01-01T00:00:00Z".parse().unwrap());
    let (mut one, mut other) = (world.scheduler(), world.scheduler());
    let (first, second) = tokio::join!(one.tick(), other.tick());
    first.unwrap();
    second.unwrap();
    let ended = world.store.read_all(0, &eventstore::Filter::default(), usize::MAX).await.unwrap();
    let ended = ended.events.iter().filter(|event| event.event.kind == "vouchers-expired");
    assert_eq!(ended.count(), 1);
}
