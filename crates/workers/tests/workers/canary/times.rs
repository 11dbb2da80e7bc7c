use chrono::TimeDelta;
use domain::Side::{After, Before};
use eventstore::Clock;

use crate::canary::server::Mood;
use crate::canary::world::{World, causes, found, sides, utc};

#[tokio::test]
async fn a_boundary_is_probed_one_second_before_and_after() {
    let world = World::at("2015-03-17T22:00:00Z").await;
    let server = world.server(Mood::Willing).await;
    let mut prober = world.prober(&server);
    // The previous phase has started: its missed probe is made late.
    prober.tick().await.unwrap();
    assert_eq!(sides(&world.log().await), [("activations-closed", After)]);
    for (wake, side) in [("2015-03-17T22:59:59Z", Before), ("2015-03-17T23:00:01Z", After)] {
        let tick = prober.tick().await.unwrap();
        assert_eq!((tick.progress, tick.next_wake), (0, Some(utc(wake))));
        world.clock.set(utc(wake));
        assert_eq!(prober.tick().await.unwrap().progress, 1);
        assert_eq!(sides(&world.log().await).last(), Some(&("receive-only", side)));
    }
    let log = world.log().await;
    assert_eq!(log.len(), 3);
    let agree: Vec<_> = log[2].findings.iter().map(domain::Finding::agrees).collect();
    // Receive, send, access, modify: two should have ended.
    assert_eq!(agree, [Some(true), Some(false), Some(true), Some(false)]);
}

#[tokio::test]
async fn a_missed_probe_before_stays_missed_and_one_after_is_recorded_with_its_real_time() {
    let world = World::at("2015-03-17T22:00:00Z").await;
    let server = world.server(Mood::Willing).await;
    world.clock.set(utc("2016-01-01T12:00:00Z"));
    let mut prober = world.prober(&server);
    prober.tick().await.unwrap();
    let log = world.log().await;
    // Only for the current phase.
    assert_eq!(sides(&log), [("access-closed", After)]);
    assert_eq!(log[0].began_at, utc("2016-01-01T12:00:00Z"));
    assert_eq!(log[0].due_at, utc("2015-09-17T22:00:00Z"));
}

#[tokio::test]
async fn a_reply_after_the_boundary_is_no_evidence_of_before() {
    let world = World::at("2015-03-17T22:59:59Z").await;
    let server = world.server(Mood::Slow(utc("2015-03-17T23:00:00Z"))).await;
    let mut prober = world.prober(&server);
    prober.tick().await.unwrap();
    let log = world.log().await;
    let before = log.iter().find(|probed| probed.side == Before).unwrap();
    // The two servers at which it became late; the third one may have been in time.
    assert_eq!(causes(&before.findings)[..2], ["too-late"; 2]);
    assert!(before.findings[..2].iter().all(|finding| finding.agrees().is_none()));
    assert!(before.ended_at >= before.due_at);
}

#[tokio::test]
async fn a_disagreement_is_probed_again_with_backoff_and_the_latest_counts() {
    let world = World::at("2015-07-17T22:00:01Z").await;
    let willing = world.server(Mood::Willing).await;
    let mut prober = world.prober(&willing);
    prober.tick().await.unwrap();
    let contradictions = || async {
        let journal = world.journal();
        let snapshot = journal.state().await.unwrap();
        snapshot.canaries.contradictions().len()
    };
    assert_eq!(contradictions().await, 3, "receive, send and modify have ended");
    let tick = prober.tick().await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, Some(utc("2015-07-17T22:00:31Z"))));
    drop((willing, prober));

    world.clock.set(utc("2015-07-17T22:00:31Z"));
    let ended = world.server(Mood::Ended).await;
    let mut prober = world.prober(&ended);
    prober.tick().await.unwrap();
    let log = world.log().await;
    assert_eq!((log.len(), found(&log[1].findings)), (2, vec!["refused"; 4]));
    assert_eq!(contradictions().await, 1, "access has not ended");
    let journal = world.journal();
    let snapshot = journal.state().await.unwrap();
    let probe = snapshot.canaries.probes.last().unwrap();
    assert_eq!((probe.attempts, probe.contradicted), (2, 1));
}

#[tokio::test]
async fn probing_stops_after_the_plan_s_attempts() {
    let world = World::at("2015-07-17T22:00:01Z").await;
    let server = world.server(Mood::HangingUp).await;
    let mut prober = world.prober(&server);
    for attempt in 1..=world.plan.retry.attempts {
        assert_eq!(prober.tick().await.unwrap().progress, 1, "attempt {attempt}");
        world.clock.set(world.clock.now() + TimeDelta::hours(2));
    }
    let tick = prober.tick().await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, Some(utc("2015-09-17T21:59:59Z"))));
}

#[tokio::test]
async fn two_probers_at_once_record_one_probe() {
    let world = World::at("2015-07-17T22:00:01Z").await;
    let server = world.server(Mood::Willing).await;
    let (mut one, mut other) = (world.prober(&server), world.prober(&server));
    let (first, second) = futures::join!(one.tick(), other.tick());
    assert_eq!((first.unwrap().progress, second.unwrap().progress), (1, 1));
    assert_eq!(world.log().await.len(), 1);
}
