//! The sender with dates, pauses and amendments, and a mailer that accepts everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Event, NoticesDeferred, PlanAdopted, ProgrammePaused, ProgrammeResumed};
use eventstore::EventStore;
use tokio_util::sync::CancellationToken;
use workers::notices::{Sender, Sink};

use crate::fuse::log_layer::{Layered, LogLayer};
use crate::notices::given::{World, notice, utc};

/// A log that counts its calls.
struct Counting {
    log: Arc<dyn EventStore>,
    calls: Arc<AtomicU64>,
}

impl LogLayer for Counting {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.log)
    }

    fn passes(&self) -> Result<(), eventstore::Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn settle(world: &World) {
    let mut sender = world.sender(Arc::new(Sink));
    while sender.tick().await.unwrap().progress > 0 {}
}

#[tokio::test]
async fn released_notices_are_sent_once() {
    let world = World::with(4).await;
    settle(&world).await;
    settle(&world).await;
    assert_eq!(world.log().await, ["claimed [0, 1, 2, 3]", "sent [0, 1, 2, 3]"]);
}

#[tokio::test]
async fn a_notice_is_not_sent_after_its_phase_has_started() {
    for (at, told) in [("2015-03-17T22:59:59Z", 4), ("2015-03-17T23:00:00Z", 0)] {
        let world = World::with(4).await;
        world.set_clock(utc(at));
        settle(&world).await;
        assert_eq!(world.account().await.sent.len(), told, "{at}");
    }
}

#[tokio::test]
async fn a_retry_is_made_at_its_time_and_not_before() {
    let world = World::with(4).await;
    let retry_at = utc("2015-02-16T09:30:00Z");
    let (cause, mailboxes) = ("451".to_owned(), [0, 1, 2, 3].into_iter().collect());
    let deferred = NoticesDeferred { notice: notice(), cause, attempts: 1, retry_at, mailboxes };
    world.record(Event::NoticesDeferred(deferred)).await;
    let mut sender = world.sender(Arc::new(Sink));
    let tick = sender.tick().await.unwrap();
    assert_eq!((tick.progress, tick.next_wake), (0, Some(retry_at)));
    world.set_clock(retry_at);
    settle(&world).await;
    assert_eq!(world.account().await.sent.len(), 4);
}

#[tokio::test]
async fn postponing_a_phase_withdraws_its_released_notices() {
    let world = World::with(4).await;
    let mut plan = world.plan.clone();
    plan.phases[1].from = "2015-05-01".parse().unwrap();
    world.record(Event::PlanAmended(PlanAdopted { revision: 2, plan })).await;
    settle(&world).await;
    assert_eq!(world.log().await, [""; 0], "thirty days before 1 May are 1 April");
    world.set_clock(utc("2015-03-31T22:00:00Z"));
    settle(&world).await;
    assert_eq!(world.account().await.sent.len(), 4);
}

#[tokio::test]
async fn a_paused_programme_and_a_stopped_sender_send_nothing() {
    let world = World::with(4).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let mut stopped = Sender::new(world.journal(), Arc::new(Sink), stop, 1);
    assert_eq!(stopped.tick().await.unwrap().progress, 0);
    world.record(Event::ProgrammePaused(ProgrammePaused {})).await;
    settle(&world).await;
    assert_eq!(world.log().await, [""; 0]);
}

#[tokio::test]
async fn an_idle_tick_reads_the_end_of_the_log_only() {
    let world = World::with(4).await;
    world.record(Event::ProgrammePaused(ProgrammePaused {})).await;
    let calls = Arc::<AtomicU64>::default();
    let log = Counting { log: Arc::clone(&world.store), calls: Arc::clone(&calls) };
    let journal = world.journal_on(Arc::new(Layered(log)));
    let mut sender = Sender::new(journal, Arc::new(Sink), CancellationToken::new(), 1);
    assert_eq!(sender.tick().await.unwrap().progress, 0);
    calls.store(0, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(sender.tick().await.unwrap().progress, 0);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    // Another process resumes the programme: the next tick sees it.
    world.record(Event::ProgrammeResumed(ProgrammeResumed {})).await;
    while sender.tick().await.unwrap().progress > 0 {}
    assert_eq!(world.account().await.sent.len(), 4);
}
