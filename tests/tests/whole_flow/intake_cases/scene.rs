//! A programme with an intake, its relay and its portal, and what people do with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use chrono::Duration;
use domain::{Plan, VoucherStanding};
use engine::EngineSettings;
use eventstore::Clock;
use intake::{MessageStatus, NewMessage, ProcessorSettings, RequestProcessor, Store};
use mail::Outcome;
use platform::IssueVouchers;
use rehearsal::Rehearsal;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use vouchers::Vouchers;
use whole_flow::relay::Relay;
use whole_flow::{Nobody, World};

/// While the mailboxes receive, and after.
pub(crate) const RECEIVING: &str = "2015-04-01T09:00:00Z";
pub(crate) const CONSULTED: &str = "2015-08-01T09:00:00Z";
pub(crate) const PORTAL: &str = "https://voucher.agency.example";

/// A holder in the registry.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) number: u32,
    pub(crate) code: String,
    pub(crate) address: String,
    pub(crate) notify: Option<String>,
}

/// A world with an intake.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) running: Rehearsal,
    pub(crate) store: Arc<Store>,
    pub(crate) vouchers: Vouchers,
    pub(crate) relay: Arc<Relay>,
    pub(crate) processor: RequestProcessor,
    pub(crate) page: SocketAddr,
    pub(crate) came: u32,
}

impl Scene {
    pub(crate) async fn at(instant: &str) -> Self {
        Self::of("", instant).await
    }

    /// The same under the shipped plan with these rules for vouchers.
    pub(crate) async fn of(rules: &str, instant: &str) -> Self {
        let text = include_str!("../../../../deploy/plans/cec-pac.toml");
        let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{rules}\n"), 1);
        let world = World::of(Plan::parse("trial.toml", &text).unwrap().0, 300).await;
        let mut running = world.rehearsing(EngineSettings::default(), None).await;
        running.run_until(instant.parse().unwrap(), &mut Nobody).await.unwrap();
        let (keyring, vouchers) = world.vouchers(&running).await;
        let store = Arc::new(Store::open(&world.home().intake()).await.unwrap());
        let clock: Arc<dyn Clock> = Arc::<rehearsal::VirtualClock>::clone(&world.clock);
        let router = intake::portal(Arc::clone(&store), &keyring, clock);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let relay = Arc::new(Relay::default());
        let processor = processor(&store, &vouchers, &running, &relay, Some(PORTAL));
        Self { world, running, store, vouchers, relay, processor, page, came: 0 }
    }

    /// A restart after a crash: memory is lost.
    pub(crate) fn restart(&mut self) {
        self.processor =
            processor(&self.store, &self.vouchers, &self.running, &self.relay, Some(PORTAL));
    }

    /// An activated holder with an address for notices, or without.
    pub(crate) async fn person(&self, has_notice_address: bool, nth: usize) -> Person {
        let registry = &self.running.engine.registry;
        let mut found = Vec::new();
        for number in 0..300 {
            let entry = registry.find(number).await.unwrap().unwrap();
            let registration = entry.registration;
            let fits = registration.activated_on.is_some()
                && registration.notify_email.is_some() == has_notice_address;
            if fits {
                found.push(Person {
                    number,
                    code: registration.codice_fiscale.to_string(),
                    address: registration.address,
                    notify: registration.notify_email,
                });
            }
        }
        found.swap_remove(nth)
    }

    /// Receives and processes a message; returns the letters that are sent, each with its
    /// recipient.
    pub(crate) async fn comes(&mut self, sender: &str, text: &str) -> Vec<(String, String)> {
        self.came += 1;
        let id = self.came;
        let content = format!(
            "From: <{sender}>\r\nSubject: voucher\r\nMessage-ID: \
             <{id}@mail.example>\r\n\r\n{text}\r\n"
        );
        self.comes_as(sender, content).await
    }

    /// The same for a whole message.
    pub(crate) async fn comes_as(
        &mut self,
        sender: &str,
        content: String,
    ) -> Vec<(String, String)> {
        let (sender, received_at) = (Some(sender.to_owned()), self.world.clock.now());
        self.store
            .insert(&[NewMessage { sender, received_at, content: content.into() }])
            .await
            .unwrap();
        self.passes().await
    }

    pub(crate) async fn passes(&mut self) -> Vec<(String, String)> {
        loop {
            while self.processor.tick().await.unwrap().progress > 0 {}
            if !self.issued().await {
                break;
            }
            self.later(Duration::seconds(2));
        }
        std::mem::take(&mut self.relay.letters.lock().unwrap())
    }

    /// A worker issues what was verified; was there anything?
    pub(crate) async fn issued(&self) -> bool {
        let journal = &self.vouchers.journal;
        let pending = journal.state().await.unwrap().vouchers_to_issue(journal.now()).into();
        let answer = crate::issuer(&self.vouchers).issue(&pending).await.unwrap();
        !answer.applied.is_empty()
    }

    pub(crate) fn later(&self, by: Duration) {
        self.world.clock.set(self.world.clock.now() + by);
    }

    pub(crate) async fn standing(&self, person: &Person) -> VoucherStanding {
        self.vouchers.status(person.number).await.unwrap().standing
    }

    pub(crate) async fn reasons(&self) -> Vec<String> {
        let mut all = self.store.messages(MessageStatus::Held, 0, 100).await.unwrap();
        all.extend(self.store.messages(MessageStatus::Done, 0, 100).await.unwrap());
        all.sort_unstable_by_key(|message| message.number);
        all.into_iter().filter_map(|message| message.reason).collect()
    }

    /// The page's response: status and body.
    pub(crate) async fn asks(&self, method: &'static str, link: &str) -> (u16, String) {
        let path = link.strip_prefix(PORTAL).unwrap().to_owned();
        let page = self.page;
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(page).unwrap();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \
                 0\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

pub(crate) fn processor(
    store: &Arc<Store>,
    vouchers: &Vouchers,
    running: &Rehearsal,
    relay: &Arc<Relay>,
    portal: Option<&str>,
) -> RequestProcessor {
    let settings = settings(relay, portal);
    let registry = Arc::clone(&running.engine.registry);
    RequestProcessor::new(Arc::clone(store), vouchers.clone(), registry, settings)
}

pub(crate) fn settings(relay: &Arc<Relay>, portal: Option<&str>) -> ProcessorSettings {
    ProcessorSettings {
        reader: intake::Reader::default(),
        relay: Some(Arc::<Relay>::clone(relay)),
        from: Some("voucher@agency.example".parse().unwrap()),
        templates: intake::Templates::load(None).unwrap(),
        exports: None,
        portal: portal.map(str::to_owned),
    }
}

/// The link in a letter.
pub(crate) fn link(letter: &str) -> String {
    letter.split_whitespace().find(|word| word.starts_with(PORTAL)).unwrap().to_owned()
}

/// The code in a letter: the first indented line.
pub(crate) fn code(letter: &str) -> String {
    letter.lines().find_map(|line| line.strip_prefix("    ")).unwrap().trim().to_owned()
}

pub(crate) fn to<'l>(letters: &'l [(String, String)], address: &str) -> &'l str {
    let found: Vec<_> = letters.iter().filter(|(to, _)| to == address).collect();
    assert_eq!(found.len(), 1, "{:?}", letters.iter().map(|(to, _)| to).collect::<Vec<_>>());
    &found[0].1
}

/// The last half hour in which mailboxes receive, and a minute after it.
pub(crate) const CLOSING: &str = "2015-07-17T21:30:00Z";
pub(crate) const CLOSED: &str = "2015-07-17T22:01:00Z";

impl Scene {
    pub(crate) fn goes_to(&self, instant: &str) {
        self.world.clock.set(instant.parse().unwrap());
    }
}

/// A database of the programme, in which the test causes a failure.
pub(crate) async fn by_hand(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// A holder who has confirmed, before the confirmation is processed.
pub(crate) async fn confirmed(scene: &mut Scene) -> Person {
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    holder
}

/// The same, with a code whose letter has been deferred.
pub(crate) async fn put_off(scene: &mut Scene) -> Person {
    let holder = confirmed(scene).await;
    scene.relay.outcomes.lock().unwrap().push(Outcome::Deferred { cause: "451".to_owned() });
    assert_eq!(scene.passes().await, []);
    holder
}
