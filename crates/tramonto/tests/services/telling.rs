//! Services notify holders through a mail relay, and the sending worker is killed in the middle.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Event;
use engine::RealClock;
use eventstore::{Clock, Filter};
use roaring::RoaringBitmap;
use serde_json::Value;

use crate::smtp::{Mood, Server};
use crate::world::{PLAN, World, tramonto};

/// After this time nobody sends the in-flight notices of a lost worker: its claim and a margin.
const CLAIM_OVER: Duration = Duration::from_mins(13);

/// The tests' plan with access ending in three weeks, and every holder notified at once.
fn told_now() -> String {
    let soon = (RealClock.now() + TimeDelta::days(20)).date_naive();
    let plan = PLAN.replace("from = 2095-09-18", &format!("from = {soon}"));
    let hours = "cron = \"0 0 9-17 * * Mon-Fri\"";
    assert!(plan.contains(hours) && plan != *PLAN);
    plan.replace(hours, "cron = \"* * * * * *\"")
}

/// The notices in the log.
#[derive(Debug, Default)]
struct Said {
    claimed: RoaringBitmap,
    sent: RoaringBitmap,
    /// Mailboxes that no longer receive and have no other address.
    failed: RoaringBitmap,
    in_doubt: RoaringBitmap,
}

async fn said(world: &World) -> Said {
    let notices = Filter { categories: vec!["notice".to_owned()] };
    let page = world.log().await.read_all(0, &notices, 100_000).await.unwrap();
    let mut said = Said::default();
    for recorded in &page.events {
        let event = recorded.fact().unwrap().event;
        let (all, mailboxes) = if let Event::NoticesClaimed(event) = event {
            (&mut said.claimed, event.mailboxes)
        } else if let Event::NoticesSent(event) = event {
            (&mut said.sent, event.mailboxes)
        } else if let Event::NoticesFailed(event) = event {
            (&mut said.failed, event.mailboxes)
        } else if let Event::NoticesInDoubt(event) = event {
            (&mut said.in_doubt, event.mailboxes)
        } else {
            continue;
        };
        assert!(all.is_disjoint(&mailboxes), "{recorded:?} was said before");
        *all |= &*mailboxes;
    }
    said
}

/// How often the relay accepted the notice of each mailbox, which the sender's address identifies.
fn taken(relay: &Server) -> BTreeMap<u32, u32> {
    let mut times = BTreeMap::new();
    for letter in relay.taken() {
        let (_, number) = letter.from.split_once("notices+access-ends.").unwrap();
        let number = number.strip_suffix("@agency.example").unwrap().parse().unwrap();
        *times.entry(number).or_default() += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_notified_twice_after_the_sending_worker_is_killed_and_doubts_are_recorded() {
    let mut world = World::under(&told_now(), 500).await;
    let relay = Server::start(Mood::Willing).await;
    let url = format!("smtp://{}", relay.address);
    let post = ["--smtp-url", &url, "--notices-from", "notices@agency.example"];
    let slowly = [&post[..], &["--smtp-connections", "1", "--smtp-per-second", "40"]].concat();
    let scheduler = world.start("scheduler", &[]);
    let _others = ["projector", "relay"].map(|role| world.start(role, &[]));
    let worker = world.start("worker", &slowly);
    world.until("twenty letters", async || taken(&relay).len() >= 20).await;
    worker.kill();
    let lost = said(&world).await;
    assert!(lost.sent.is_empty() && !lost.claimed.is_empty(), "{lost:?}");

    // Another worker sends to the others, and skips those that the first one had claimed.
    let another = world.start("worker", &post);
    world.until_complete().await;
    let everybody = "SELECT count(*) FROM directory.mailbox";
    let everybody = u64::try_from(world.ask(everybody).await).unwrap();
    let rest = everybody - lost.claimed.len();
    let settled = async || {
        let Said { sent, failed, .. } = said(&world).await;
        sent.len() + failed.len() == rest
    };
    world.until("everybody else", settled).await;
    assert!(said(&world).await.in_doubt.is_empty(), "the time of the first one is not over");
    another.kill();
    // A worker refuses to act while its clock is behind the log.
    scheduler.kill();
    let _later = world.start_later("worker", CLAIM_OVER, &post);
    let in_doubt = async || said(&world).await.in_doubt.len() == lost.claimed.len();
    world.until("doubt recorded", in_doubt).await;

    let said = said(&world).await;
    assert_eq!(said.in_doubt, lost.claimed);
    let taken = taken(&relay);
    assert!(taken.values().all(|times| *times == 1), "somebody was notified twice: {taken:?}");
    let told: RoaringBitmap = taken.into_keys().collect();
    assert!(said.sent.is_subset(&told), "somebody counts as told and was not");
    assert!((&told - &said.sent).is_subset(&said.in_doubt));
    let listed = tramonto(&world.store()).args(["notice", "list", "--json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let notice = listed.as_array().unwrap().iter().find(|notice| notice["notice"] == "access-ends");
    let notice = notice.unwrap();
    assert_eq!(
        (&notice["sent"], &notice["failed"]),
        (&said.sent.len().into(), &said.failed.len().into())
    );
    assert_eq!((&notice["in_doubt"], &notice["waiting"]), (&said.in_doubt.len().into(), &0.into()));
    world.check().await;
}
