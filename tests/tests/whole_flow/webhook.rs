//! The whole plan through a provider's API that fails in every way, with an engine that crashes:
//! every mailbox is processed once, and the counts match.

#[path = "../../../crates/platform/tests/provider/raw.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod raw;
#[path = "../../../crates/platform/tests/provider/receiver.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod receiver;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Capability, DriftRules, Plan};
use engine::EngineSettings;
use engine::platform_choice::PlatformChoice;
use eventstore::Filter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rehearsal::phases;
use roaring::RoaringBitmap;
use serde_json::Value;
use sqlx::Row as _;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use whole_flow::{Nobody, World, connect};
use workers::SweepSettings;

use raw::{Act, Message, act};
use receiver::Receiver;

/// The fate of a request. If it was carried out all the same, the caller must find that out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Passes,
    FailsBefore,
    FailsAfter,
    IsLimited,
    IsResetBefore,
    IsResetAfter,
    IsGarbledAfter,
    IsHalfAnswered,
    LosesItsSignature,
    IsRedirected,
    IsSilentAfter,
    TricklesAfter,
}

const FATES: [Fate; 11] = [
    Fate::FailsBefore,
    Fate::FailsAfter,
    Fate::IsLimited,
    Fate::IsResetBefore,
    Fate::IsResetAfter,
    Fate::IsGarbledAfter,
    Fate::IsHalfAnswered,
    Fate::LosesItsSignature,
    Fate::IsRedirected,
    Fate::IsSilentAfter,
    Fate::TricklesAfter,
];

/// A proxy between the engine and the receiver.
struct Unreliable {
    url: String,
    told: Arc<Mutex<BTreeMap<Fate, u32>>>,
    serving: JoinHandle<()>,
}

impl Unreliable {
    async fn before(receiver: &Receiver) -> Self {
        let place = receiver.settings().endpoint.to_string();
        let place = place.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::<Mutex<BTreeMap<Fate, u32>>>::default();
        let counted = Arc::clone(&told);
        let dice = Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(1)));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (place, counted, dice) = (place.clone(), Arc::clone(&counted), dice.clone());
                tokio::spawn(serve(stream, place, counted, dice));
            }
        });
        Self { url, told, serving }
    }
}

impl Drop for Unreliable {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    place: String,
    told: Arc<Mutex<BTreeMap<Fate, u32>>>,
    dice: Arc<Mutex<ChaCha8Rng>>,
) {
    while let Some(request) = raw::read(&mut stream).await {
        let fate = {
            let drawn = dice.lock().unwrap().random_range(0..2 * FATES.len());
            FATES.get(drawn).copied().unwrap_or(Fate::Passes)
        };
        *told.lock().unwrap().entry(fate).or_default() += 1;
        let failed = || Message::answer("500 Oh", "", "");
        let acting = match fate {
            Fate::Passes => {
                let answer = passed_on(&place, &request).await;
                if stream.write_all(&answer.bytes()).await.is_err() {
                    return;
                }
                continue;
            }
            Fate::FailsBefore => Act::Say(failed()),
            Fate::IsLimited => Act::Say(Message::answer("429 Slow", "retry-after: 0\r\n", "")),
            Fate::IsResetBefore => Act::Reset,
            Fate::IsRedirected => {
                let elsewhere = format!("location: http://{place}/rights\r\n");
                Act::Say(Message::answer("307 Elsewhere", &elsewhere, ""))
            }
            Fate::LosesItsSignature => {
                let head = request.head.replace("v1,", "v1,AAAA");
                Act::Say(passed_on(&place, &Message { head, ..request }).await)
            }
            Fate::FailsAfter => {
                passed_on(&place, &request).await;
                Act::Say(failed())
            }
            Fate::IsResetAfter => {
                passed_on(&place, &request).await;
                Act::Reset
            }
            Fate::IsGarbledAfter => {
                passed_on(&place, &request).await;
                Act::Say(Message::answer("200 OK", "", "{\"results\": [{]}"))
            }
            Fate::IsSilentAfter => {
                passed_on(&place, &request).await;
                Act::Silence
            }
            Fate::TricklesAfter => Act::Trickle(passed_on(&place, &request).await),
            Fate::IsHalfAnswered => Act::Say(half(&passed_on(&place, &request).await)),
        };
        return act(stream, acting).await;
    }
}

async fn passed_on(place: &str, request: &Message) -> Message {
    let mut stream = TcpStream::connect(place).await.unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    raw::read(&mut stream).await.unwrap()
}

/// The response without every other mailbox.
fn half(answer: &Message) -> Message {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
    for list in ["results", "mailboxes"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            let mut place = 0;
            items.retain(|_| {
                place += 1;
                place % 2 == 0
            });
        }
    }
    Message::answer("200 OK", "", &body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_goes_through_a_provider_that_fails_in_every_way_and_adds_up() {
    // A comparison makes hundreds of requests, and many responses time out: once a year is enough.
    let mut plan = Plan::cec_pac().unwrap();
    plan.drift = Some(DriftRules { cron: "0 0 4 1 10 *".to_owned(), repair: true });
    let world = World::of(plan, 400).await;
    let receiver = Receiver::start().await;
    // The provider knows its mailboxes by address; it learns the numbers with the first request.
    let query = "SELECT number, address FROM registration WHERE activated_on IS NOT NULL";
    let rows = sqlx::query(query).fetch_all(&mut connect(&world.home().registry()).await).await;
    let rows: Vec<(u32, String)> =
        rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    let activated: RoaringBitmap = rows.iter().map(|(number, _)| *number).collect();
    for (_, address) in &rows {
        let address = address.replace('\'', "''");
        receiver.run(format!("INSERT INTO mailbox (address) VALUES ('{address}')")).await;
    }

    let provider = Unreliable::before(&receiver).await;
    let mut webhook = receiver.settings();
    webhook.endpoint = provider.url.parse().unwrap();
    webhook.arms = false;
    webhook.batch = 7;
    webhook.requests = 2;
    webhook.waits.request = Duration::from_millis(500);
    let settings = EngineSettings {
        platform: PlatformChoice::Webhook(Box::new(webhook)),
        sweep: SweepSettings { batch: 20, orders: 4 },
        ..EngineSettings::default()
    };
    let mut running = world.rehearsing(settings, Some(60)).await;
    running.run(&mut Nobody).await.unwrap();

    assert!(running.crashes > 0);
    let told = provider.told.lock().unwrap().clone();
    for fate in FATES {
        assert!(told.get(&fate).is_some_and(|times| *times > 0), "no request {fate:?}: {told:?}");
    }
    let snapshot = running.engine.journal.state().await.unwrap();
    let reports = phases(&snapshot, running.engine.journal.now());
    drop(snapshot);
    for report in &reports {
        assert!(report.completed_at.is_some(), "{report:?}");
        assert_eq!((report.pending, report.retrying, report.incidents), (0, 0, 0), "{report:?}");
        assert_eq!(report.done + report.already_so, report.population, "{report:?}");
    }
    // In the log, every right of every mailbox ended once.
    let mut ended: BTreeMap<Capability, (RoaringBitmap, u64)> = BTreeMap::new();
    let outcomes = Filter { categories: vec!["outcome".to_owned()] };
    let page = running.engine.store.log().read_all(0, &outcomes, 100_000).await.unwrap();
    for recorded in &page.events {
        let event = recorded.fact().unwrap().event;
        if let Some((capability, outcome)) = event.as_removal() {
            let (all, count) = ended.entry(capability).or_default();
            *all |= &*outcome.mailboxes;
            *count += outcome.mailboxes.len();
        }
    }
    for capability in
        [Capability::Send, Capability::Modify, Capability::Receive, Capability::Access]
    {
        let (all, count) = &ended[&capability];
        assert_eq!((all, *count), (&activated, activated.len()), "{capability}");
    }
    // The same by the provider's own count: sending and changing together, receiving, access.
    assert_eq!(receiver.count("SELECT count(number) FROM mailbox").await, activated.len());
    let other = "SELECT count(*) FROM mailbox WHERE changes <> 3 OR send_until IS NULL
                 OR modify_until IS NULL OR receive_until IS NULL OR access_until IS NULL";
    assert_eq!(receiver.count(other).await, 0);
    // Nothing was provisioned in the unused directory.
    let mut directory = connect(&world.home().directory()).await;
    let found = sqlx::query("SELECT count(*) FROM mailbox").fetch_one(&mut directory).await;
    assert_eq!(found.unwrap().get::<i64, _>(0), 0);
    running.engine.stop().await.unwrap();
}
