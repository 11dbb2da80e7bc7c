//! The plan's notices in a rehearsal: within their window, at their rate, each mailbox once,
//! whatever crashes.

use std::collections::BTreeMap;

use domain::{Event, PhaseId};
use engine::EngineSettings;
use engine::parts::NoticeDelivery;
use eventstore::Filter;
use roaring::RoaringBitmap;
use whole_flow::{Nobody, World};

#[tokio::test]
async fn every_holder_is_notified_once_before_each_phase() {
    let mut world = World::with(300).await;
    for rule in &mut world.plan.notices {
        rule.batch = 50;
    }
    // The store was adopted with the shipped plan: its rate is amended before it runs.
    let settings = EngineSettings { notices: NoticeDelivery::sink(), ..EngineSettings::default() };
    let mut running = world.rehearsing(settings, Some(7)).await;
    let journal = running.engine.journal.clone();
    let amend = domain::Command::Amend(world.plan.clone());
    let events = journal.state().await.unwrap().decide(amend, journal.now()).unwrap();
    let stream = eventstore::programme_stream(journal.programme()).unwrap();
    let origin = eventstore::Origin::part("test");
    let any = eventstore::ExpectedVersion::Any;
    journal.append(stream, any, &events, &origin).await.unwrap();
    running.run(&mut Nobody).await.unwrap();
    assert!(running.crashes > 5, "{} crashes", running.crashes);

    let page =
        running.engine.store.log().read_all(0, &Filter::default(), usize::MAX).await.unwrap();
    let mut told: BTreeMap<PhaseId, RoaringBitmap> = BTreeMap::new();
    let mut batches: BTreeMap<PhaseId, u32> = BTreeMap::new();
    for event in &page.events {
        let fact = event.fact().unwrap();
        if let Event::NoticesReleased(released) = &fact.event {
            *batches.entry(released.notice.clone()).or_default() += 1;
            assert!(released.mailboxes.len() <= 50);
        }
        let Event::NoticesSent(sent) = fact.event else { continue };
        let (opens, closes) = world.plan.notice(&sent.notice).unwrap().window(&world.plan).unwrap();
        assert!(
            (opens..closes).contains(&fact.recorded_at),
            "{} {}",
            sent.notice,
            fact.recorded_at
        );
        let told = told.entry(sent.notice).or_default();
        assert!(told.is_disjoint(&sent.mailboxes), "somebody is told twice");
        *told |= &*sent.mailboxes;
    }
    let journal = running.engine.journal.clone();
    let snapshot = journal.state().await.unwrap();
    let active = snapshot.rights.active();
    assert!(active.len() > 100);
    assert_eq!(told.len(), world.plan.notices.len());
    for (notice, told) in told {
        assert_eq!(told, active, "{notice}");
        assert_eq!(u64::from(batches[&notice]), active.len().div_ceil(50), "{notice}");
    }
}

#[tokio::test]
async fn without_a_relay_one_batch_waits_and_everything_else_goes_on() {
    let world = World::with(60).await;
    let mut running = world.rehearsing(EngineSettings::default(), None).await;
    running.run(&mut Nobody).await.unwrap();
    let journal = running.engine.journal.clone();
    let snapshot = journal.state().await.unwrap();
    let active = snapshot.rights.active().len();
    for notice in views::notice_progress(&snapshot, journal.now()) {
        assert_eq!((notice.sent, notice.never_told), (0, active), "{}", notice.notice);
    }
    for phase in &world.plan.phases {
        assert!(snapshot.phases.get(&phase.id).unwrap().completed.is_some(), "{}", phase.id);
    }
}
