//! Links of exports that have had their time end in one sweep, at its first occurrence after that.

use domain::{
    Event, LogExportPrepared, LogRequested, LogRequesterVerified, MessageLogRules, Requester,
    Verification,
};

use crate::support::{World, plan, utc};

/// Two exports: the link of one ends at noon of 1 June 2016, the other's a month later; the sweep
/// comes at three in the morning in Rome.
async fn handed_out() -> World {
    let mut plan = plan(&[]);
    let sweep = Some("0 0 3 * * *".to_owned());
    plan.message_logs = Some(MessageLogRules { sweep, ..MessageLogRules::default() });
    let world = World::adopted(plan, "2016-05-02T10:00:00Z").await;
    for (request, ends) in [
        ("0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11", "2016-06-01T10:00:00Z"),
        ("0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f12", "2016-07-01T10:00:00Z"),
    ] {
        let request = request.parse().unwrap();
        let (number, by, proof) = (0, Requester::Holder, Verification::Officer);
        let asked =
            LogRequested { request, number, by, from: None, through: None, received_on: None };
        world.record(Event::LogRequested(asked)).await;
        let verified = LogRequesterVerified { request, number, proof };
        world.record(Event::LogRequesterVerified(verified)).await;
        world
            .record(Event::LogExportPrepared(LogExportPrepared {
                request,
                number,
                files: 4,
                rows: 0,
                first: None,
                last: None,
                sha256: "0".repeat(64),
                expires_at: utc(ends),
            }))
            .await;
    }
    world
}

async fn open(world: &World) -> usize {
    world.journal().state().await.unwrap().log_requests.open.len()
}

#[tokio::test]
async fn they_end_at_the_first_sweep_after_their_time_and_once() {
    let world = handed_out().await;
    for (at, expected) in [
        ("2016-06-01T01:00:00Z", 2),
        // Its time is over, and the sweep has not come yet.
        ("2016-06-01T10:00:00Z", 2),
        ("2016-06-02T00:59:59Z", 2),
        ("2016-06-02T01:00:00Z", 1),
    ] {
        world.tick_at(at).await.unwrap();
        assert_eq!(open(&world).await, expected, "{at}");
    }
    let head = world.store.head().await.unwrap();
    world.tick_at("2016-06-02T01:00:30Z").await.unwrap();
    assert_eq!(world.store.head().await.unwrap(), head, "nothing is said twice");
}

#[tokio::test]
async fn a_sweep_that_was_missed_is_made_up_for_and_two_schedulers_end_them_once() {
    let world = handed_out().await;
    world.set_clock(utc("2016-08-01T10:00:00Z"));
    let (mut one, mut other) = (world.scheduler(), world.scheduler());
    let (first, second) = tokio::join!(one.tick(), other.tick());
    first.unwrap();
    second.unwrap();
    assert_eq!(open(&world).await, 0);
    let all = world.store.read_all(0, &eventstore::Filter::default(), usize::MAX).await.unwrap();
    let ended = all.events.iter().filter(|event| event.event.kind == "log-export-expired");
    assert_eq!(ended.count(), 2);
}
