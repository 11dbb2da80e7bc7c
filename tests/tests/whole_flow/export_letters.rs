//! The link of an export goes to its holder by letter: made when the letter is written, not stored,
//! and sent once.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Event, LogExportExpired, LogExportPrepared, LogRequested, LogRequesterVerified, Requester,
    Verification,
};
use engine::EngineSettings;
use eventstore::{ExpectedVersion, Origin, archive_stream};
use intake::{Exports, ProcessorSettings, RequestProcessor, Store};
use mail::{Outcome, Transport};
use rehearsal::Rehearsal;
use uuid::Uuid;
use whole_flow::relay::Relay;
use whole_flow::{Nobody, World};

const REQUEST: Uuid = Uuid::from_u128(0x0197_a3c0_4f00_7c9a_9b1f_0c7d_7a0e_4f11);
/// Access has closed, and log requests are open.
const OPEN: &str = "2016-05-02T10:00:00Z";
const ENDS: &str = "2016-06-01T10:00:00Z";

/// Makes links, or returns the configured results.
#[derive(Default)]
struct Links {
    answers: Mutex<Vec<Result<Option<String>, String>>>,
    made: Mutex<usize>,
}

#[async_trait]
impl Exports for Links {
    async fn link(&self, request: Uuid) -> Result<Option<String>, String> {
        assert_eq!(request, REQUEST);
        let mut made = self.made.lock().unwrap();
        *made += 1;
        let path = Ok(Some(format!("/logs/secret{made}")));
        self.answers.lock().unwrap().pop().unwrap_or(path)
    }
}

struct Scene {
    world: World,
    running: Rehearsal,
    store: Arc<Store>,
    relay: Arc<Relay>,
    links: Arc<Links>,
    processor: RequestProcessor,
    number: u32,
    notice: String,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Scene {
    /// A holder with an address for notices, whose request is verified.
    async fn new() -> Self {
        let world = World::with(100).await;
        let mut running = world.rehearsing(EngineSettings::default(), None).await;
        running.run_until(at(OPEN), &mut Nobody).await.unwrap();
        let (_, vouchers) = world.vouchers(&running).await;
        let registry = &running.engine.registry;
        let store = Arc::new(Store::open(&world.home().intake()).await.unwrap());
        let (relay, links) = (Arc::new(Relay::default()), Arc::new(Links::default()));
        let transport: Arc<dyn Transport> = Arc::<Relay>::clone(&relay);
        let exports: Arc<dyn Exports> = Arc::<Links>::clone(&links);
        let settings = ProcessorSettings {
            reader: intake::Reader::default(),
            relay: Some(transport),
            from: Some("voucher@agency.example".parse().unwrap()),
            templates: intake::Templates::load(None).unwrap(),
            exports: Some(exports),
            portal: Some("https://log.example".to_owned()),
        };
        let processor =
            RequestProcessor::new(Arc::clone(&store), vouchers, Arc::clone(registry), settings);
        let mut found = None;
        for number in 0..100 {
            let of = registry.find(number).await.unwrap().unwrap().registration;
            found = of.notify_email.filter(|_| of.activated_on.is_some()).map(|to| (number, to));
            if found.is_some() {
                break;
            }
        }
        let (number, notice) = found.unwrap();
        let scene = Self { world, running, store, relay, links, processor, number, notice };
        let (request, by, proof) = (REQUEST, Requester::Holder, Verification::Officer);
        let asked =
            LogRequested { request, number, by, from: None, through: None, received_on: None };
        scene.record(Event::LogRequested(asked)).await;
        scene
            .record(Event::LogRequesterVerified(LogRequesterVerified { request, number, proof }))
            .await;
        scene
    }

    async fn record(&self, event: Event) {
        let journal = &self.running.engine.journal;
        let stream = archive_stream(journal.programme()).unwrap();
        let (any, origin) = (ExpectedVersion::Any, Origin::part("test"));
        journal.append(stream, any, &[event], &origin).await.unwrap();
    }

    async fn prepared(&self) {
        self.record(Event::LogExportPrepared(LogExportPrepared {
            request: REQUEST,
            number: self.number,
            files: 4,
            rows: 0,
            first: None,
            last: None,
            sha256: "0".repeat(64),
            expires_at: at(ENDS),
        }))
        .await;
    }

    async fn send(&self) -> bool {
        let now = self.world.clock.now_utc();
        self.store.queue_export(REQUEST, self.number, now).await.unwrap()
    }

    async fn passes(&mut self) -> Vec<(String, String)> {
        while self.processor.tick().await.unwrap().progress > 0 {}
        std::mem::take(&mut self.relay.letters.lock().unwrap())
    }

    fn later(&self, minutes: i64) {
        let clock = &self.world.clock;
        clock.set(clock.now_utc() + TimeDelta::minutes(minutes));
    }

    async fn standing(&self) -> Vec<String> {
        let letters = self.store.letter_counts().await.unwrap();
        letters
            .into_iter()
            .map(|(kind, standing, many)| format!("{kind} {standing} {many}"))
            .collect()
    }
}

/// The time of the virtual clock.
trait NowUtc {
    fn now_utc(&self) -> DateTime<Utc>;
}

impl NowUtc for Arc<rehearsal::VirtualClock> {
    fn now_utc(&self) -> DateTime<Utc> {
        eventstore::Clock::now(self.as_ref())
    }
}

#[tokio::test]
async fn a_link_is_made_for_its_letter_once_the_export_is_ready() {
    let mut scene = Box::pin(Scene::new()).await;
    // The letter is queued before the export is prepared, so that a crash in between loses nothing.
    assert!(scene.send().await);
    assert!(!scene.send().await, "one waits already");
    assert_eq!(scene.passes().await, []);
    assert_eq!(*scene.links.made.lock().unwrap(), 0);
    scene.prepared().await;
    scene.later(6);
    let letters = scene.passes().await;
    let [(to, letter)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(*to, scene.notice);
    for said in [
        "Auto-Submitted: auto-generated",
        "https://log.example/logs/secret1",
        "12:00 del 01/06/2016",
        "12:00 on 1 June 2016",
        "codice fiscale",
    ] {
        assert!(letter.contains(said), "{said}: {letter}");
    }
    assert_eq!(scene.standing().await, ["export sent 1"]);
    for file in ["intake.db", "intake.db-wal"] {
        let bytes = std::fs::read(scene.world.home().folder().join(file)).unwrap_or_default();
        assert!(!bytes.windows(7).any(|part| part == b"secret1"), "{file} holds the link");
    }
}

#[tokio::test]
async fn a_retried_letter_gets_a_new_link_and_one_in_doubt_is_not_sent_again() {
    let mut scene = Box::pin(Scene::new()).await;
    scene.prepared().await;
    scene.send().await;
    scene.links.answers.lock().unwrap().push(Err("archive".to_owned()));
    assert_eq!(scene.passes().await, []);
    scene.later(6);
    scene.relay.outcomes.lock().unwrap().push(Outcome::Deferred { cause: "451".to_owned() });
    assert_eq!(scene.passes().await, []);
    scene.later(6);
    let letters = scene.passes().await;
    assert!(letters.len() == 1 && letters[0].1.contains("/logs/secret3"), "{letters:?}");
    // Queued again, and in doubt.
    assert!(scene.send().await);
    scene.relay.outcomes.lock().unwrap().push(Outcome::InDoubt { cause: "silent".to_owned() });
    assert_eq!(scene.passes().await, []);
    scene.later(600);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.standing().await, ["export in-doubt 1", "export sent 1"]);
}

#[tokio::test]
async fn an_expired_link_is_not_sent() {
    let mut scene = Box::pin(Scene::new()).await;
    scene.prepared().await;
    scene.send().await;
    scene.world.clock.set(at(ENDS));
    assert_eq!(scene.passes().await, []);
    let (request, number) = (REQUEST, scene.number);
    scene.record(Event::LogExportExpired(LogExportExpired { request, number })).await;
    assert!(scene.send().await);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.standing().await, ["export obsolete 2"]);
    assert_eq!(*scene.links.made.lock().unwrap(), 0);
}
