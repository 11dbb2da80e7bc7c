//! From a request by e-mail to a code in the holder's hands, and everything on the way that gives nobody anything.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::Duration;
use domain::{Plan, VoucherStanding};
use eventstore::Clock;
use intake::{Answer, Desk, DeskSettings, Kept, Letter, Post, Standing, Store};
use keyring::Keyring;
use sql::Tables;
use tramonto::engine::Settings;
use tramonto::rehearse::Rehearsing;
use vouchers::{CodeBook, FORMAT, Office};
use whole_flow::{Nobody, World};

/// While the mailboxes receive, and after.
const RECEIVING: &str = "2015-04-01T09:00:00Z";
const CONSULTED: &str = "2015-08-01T09:00:00Z";
const PORTAL: &str = "https://voucher.agency.example";

/// Takes letters, or does what it was told to do with the next ones.
#[derive(Default)]
struct Relay {
    letters: Mutex<Vec<(String, String)>>,
    answers: Mutex<Vec<Answer>>,
}

#[async_trait]
impl Post for Relay {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn hand_over(&self, letter: Letter) -> Answer {
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Answer::Accepted);
        if matches!(answer, Answer::Accepted) {
            let text = mail(&letter.bytes);
            self.letters.lock().unwrap().push((letter.to.to_string(), text));
        }
        answer
    }
}

/// A letter's headers and its text, decoded.
fn mail(bytes: &[u8]) -> String {
    let raw = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    let text = if head.contains("base64") {
        use base64::Engine;
        let body: String = body.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        String::from_utf8(bytes).unwrap()
    } else {
        body.replace("=\r\n", "").replace("=3D", "=")
    };
    format!("{head}\r\n\r\n{text}")
}

/// Somebody in the registry.
#[derive(Clone)]
struct Person {
    number: u32,
    code: String,
    address: String,
    notify: Option<String>,
}

/// A world with an intake.
struct Scene {
    world: World,
    running: Rehearsing,
    store: Arc<Store>,
    office: Office,
    relay: Arc<Relay>,
    desk: Desk,
    page: SocketAddr,
    came: u32,
}

impl Scene {
    async fn at(instant: &str) -> Self {
        Self::of("", instant).await
    }

    /// The same under the shipped plan with these rules for vouchers.
    async fn of(rules: &str, instant: &str) -> Self {
        let text = include_str!("../../deploy/plans/cec-pac.toml");
        let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{rules}\n"), 1);
        let world = World::of(Plan::parse("trial.toml", &text).unwrap().0, 300).await;
        let mut running = world.rehearsing(Settings::default(), None).await;
        running.run_until(instant.parse().unwrap(), &mut Nobody).await.unwrap();
        let folder = world.home();
        let random = &mut rand::rngs::SysRng;
        let keyring = Keyring::open_or_make(&folder.keys(), world.clock.now(), random).unwrap();
        let keyring = Arc::new(keyring);
        let tables = Tables::open(&folder.vouchers(), &FORMAT).await.unwrap();
        let book = Arc::new(CodeBook::open(tables, &keyring).await.unwrap());
        let (journal, registry) = (&running.engine.journal, &running.engine.store.registry);
        let office =
            Office::new(Arc::clone(journal), Arc::clone(registry), book, Arc::clone(&keyring));
        let store = Arc::new(Store::open(&folder.intake()).await.unwrap());
        let clock: Arc<dyn Clock> = Arc::<tramonto::VirtualClock>::clone(&world.clock);
        let router = intake::portal(Arc::clone(&store), &keyring, clock);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let relay = Arc::new(Relay::default());
        let desk = desk(&store, &office, &running, &relay, Some(PORTAL));
        Self { world, running, store, office, relay, desk, page, came: 0 }
    }

    /// As after a crash: what was in memory is gone.
    fn restart(&mut self) {
        self.desk = desk(&self.store, &self.office, &self.running, &self.relay, Some(PORTAL));
    }

    /// An activated holder with an address for notices, or without.
    async fn person(&self, has_notice_address: bool, nth: usize) -> Person {
        let registry = &self.running.engine.store.registry;
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

    /// A message comes, and the desk looks at it; the letters that go out, each with whom it goes to.
    async fn comes(&mut self, sender: &str, text: &str) -> Vec<(String, String)> {
        self.came += 1;
        let id = self.came;
        let content = format!(
            "From: <{sender}>\r\nSubject: voucher\r\nMessage-ID: <{id}@mail.example>\r\n\r\n{text}\r\n"
        );
        let (sender, received_at) = (Some(sender.to_owned()), self.world.clock.now());
        self.store.keep(&[Kept { sender, received_at, content: content.into() }]).await.unwrap();
        self.passes().await
    }

    async fn passes(&mut self) -> Vec<(String, String)> {
        while self.desk.tick().await.unwrap().progress > 0 {}
        std::mem::take(&mut self.relay.letters.lock().unwrap())
    }

    fn later(&self, by: Duration) {
        self.world.clock.set(self.world.clock.now() + by);
    }

    async fn standing(&self, person: &Person) -> VoucherStanding {
        self.office.show(person.number).await.unwrap().standing
    }

    async fn reasons(&self) -> Vec<String> {
        let mut all = self.store.messages(Standing::Held, 0, 100).await.unwrap();
        all.extend(self.store.messages(Standing::Done, 0, 100).await.unwrap());
        all.sort_unstable_by_key(|message| message.number);
        all.into_iter().filter_map(|message| message.reason).collect()
    }

    /// What the page answers: its status and the whole of it.
    async fn asks(&self, method: &'static str, link: &str) -> (u16, String) {
        let path = link.strip_prefix(PORTAL).unwrap().to_owned();
        let page = self.page;
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(page).unwrap();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
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

fn desk(
    store: &Arc<Store>,
    office: &Office,
    running: &Rehearsing,
    relay: &Arc<Relay>,
    portal: Option<&str>,
) -> Desk {
    let settings = DeskSettings {
        reader: intake::Reader::default(),
        post: Some(Arc::<Relay>::clone(relay)),
        from: Some("voucher@agency.example".parse().unwrap()),
        extracts: None,
        portal: portal.map(str::to_owned),
    };
    let registry = Arc::clone(&running.engine.store.registry);
    Desk::new(Arc::clone(store), office.clone(), registry, settings)
}

/// The link in a letter.
fn link(letter: &str) -> String {
    letter.split_whitespace().find(|word| word.starts_with(PORTAL)).unwrap().to_owned()
}

/// The code in a letter: the first line that is indented.
fn code(letter: &str) -> String {
    letter.lines().find_map(|line| line.strip_prefix("    ")).unwrap().trim().to_owned()
}

fn to<'l>(letters: &'l [(String, String)], address: &str) -> &'l str {
    let found: Vec<_> = letters.iter().filter(|(to, _)| to == address).collect();
    assert_eq!(found.len(), 1, "{:?}", letters.iter().map(|(to, _)| to).collect::<Vec<_>>());
    &found[0].1
}

#[tokio::test]
async fn a_code_goes_to_the_holder_who_confirms_and_the_link_works_once() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("someone@mail.example", &format!("CF {}", holder.code)).await;
    assert_eq!(letters.len(), 2);
    let received = to(&letters, "someone@mail.example");
    assert!(received.contains("Auto-Submitted: auto-replied"), "{received}");
    assert!(received.contains("In-Reply-To: <1@mail.example>"), "{received}");
    // To the mailbox, which still receives, and not to whoever wrote.
    let confirm = to(&letters, &holder.address);
    let link = link(confirm);
    assert!(!received.contains(PORTAL) && !received.contains(&holder.code));
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Requested);

    // Whoever only opens the page confirms nothing, however often.
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(scene.asks(method, &link).await.0, 200);
    }
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.asks("POST", &format!("{link}x")).await.0, 410);
    let (status, page) = scene.asks("POST", &link).await;
    assert_eq!(status, 200);
    for header in
        ["cache-control: no-store", "referrer-policy: no-referrer", "nosniff", "default-src 'none'"]
    {
        assert!(page.contains(header), "{header}: {page}");
    }
    assert_eq!(scene.asks("POST", &link).await.0, 410);

    let letters = scene.passes().await;
    assert_eq!(letters.len(), 1);
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().number, holder.number);
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Valid);
    assert!(scene.office.show(holder.number).await.unwrap().delivered);
    // Who asks again is told so at the mailbox, and gets no other.
    scene.later(Duration::days(2));
    let letters = scene.comes("someone@mail.example", &holder.code).await;
    assert!(to(&letters, &holder.address).contains("X-Tramonto-Letter: refused"));
    // Nothing of it can be read in the files: neither code nor link.
    let token = link.rsplit('/').next().unwrap();
    for entry in std::fs::read_dir(scene.world.home().folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [token, &code] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn whoever_writes_is_answered_the_same_whether_or_not_the_person_exists() {
    let mut scene = Scene::at(RECEIVING).await;
    let (one, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let both = format!("{} {}", one.code, other.code);
    let mut answers = Vec::new();
    for (sender, text) in [
        ("a@mail.example", one.code.as_str()),
        ("b@mail.example", "RSSMRA85T10A562S"),
        ("c@mail.example", both.as_str()),
        ("d@mail.example", "nobody.at.all@postacertificata.example"),
    ] {
        let letters = scene.comes(sender, text).await;
        let answer = to(&letters, sender);
        // Neither the date, nor whom it goes to, nor the numbers of messages.
        let kept = answer.lines().filter(|line| {
            let own = ["To:", "In-Reply-To:", "References:", "Date:"];
            if let Some(id) = line.strip_prefix("Message-ID:") {
                // From a number that runs on one could tell whether another letter was written in between.
                assert!(id.len() > 40, "{line}");
                return false;
            }
            !own.iter().any(|name| line.starts_with(name))
        });
        answers.push(kept.collect::<Vec<_>>().join("\n"));
        // Of two who are named, neither gets a letter; one asks for another, and learns nothing.
        assert_eq!(letters.len(), if sender == "a@mail.example" { 2 } else { 1 }, "{sender}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(scene.reasons().await, ["asked", "unknown", "several", "unknown"]);
    assert_eq!(scene.standing(&other).await, VoucherStanding::None);
}

#[tokio::test]
async fn nobody_is_written_to_twice_in_a_day_however_many_messages_come() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    assert_eq!(scene.comes("a@mail.example", &holder.code).await.len(), 2);
    for round in 0..20 {
        let text = format!("{} {round}", holder.address);
        // However they write their own address.
        let sender = if round % 2 == 0 { "a@mail.example" } else { "A@Mail.Example" };
        assert_eq!(scene.comes(sender, &text).await, [], "{round}");
    }
    // Nor by another way of writing the same address; what came is kept as it was written.
    assert_eq!(scene.comes("A@Mail.example", &format!("{} once more", holder.code)).await, []);
    let kept = scene.store.messages(Standing::Done, 0, 100).await.unwrap();
    assert!(kept.iter().any(|message| message.sender.as_deref() == Some("A@Mail.example")));
    // A bomb from many senders reaches each of them once, and the holder not at all.
    for round in 0..5 {
        let sender = format!("bomb{round}@mail.example");
        let letters = scene.comes(&sender, &holder.code).await;
        assert_eq!(letters.len(), 1);
        to(&letters, &sender);
    }
    scene.later(Duration::days(2));
    let letters = scene.comes("a@mail.example", &holder.code).await;
    assert_eq!(letters.len(), 2, "the next day another link goes out");
    for sender in ["", "MAILER-DAEMON@mail.example", "noreply@mail.example"] {
        assert_eq!(scene.comes(sender, &holder.code).await, [], "{sender}");
    }
}

#[tokio::test]
async fn once_mailboxes_receive_no_more_the_address_on_record_and_the_codice_fiscale_prove_it() {
    let mut scene = Scene::at(CONSULTED).await;
    let (holder, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let without = scene.person(false, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, holder.notify.as_deref().unwrap());
    // The mailbox's address is known to many: it is not enough any more, nor is there another way without an address.
    assert_eq!(scene.comes("b@mail.example", &other.address).await.len(), 1);
    assert_eq!(scene.comes("c@mail.example", &without.code).await.len(), 1);
    assert_eq!(scene.reasons().await, ["asked", "officer", "officer"]);
}

#[tokio::test]
async fn of_what_no_machine_understands_an_officer_says_whose_it_is_and_the_holder_still_confirms()
{
    let mut scene = Scene::at(RECEIVING).await;
    let (one, other) = (scene.person(true, 0).await, scene.person(true, 1).await);
    // Both ask in one message, in words that name neither.
    let letters = scene.comes("a@mail.example", "we two would like what is offered").await;
    to(&letters, "a@mail.example");
    let number = scene.store.messages(Standing::Held, 0, 10).await.unwrap()[0].number;
    let mut codes = Vec::new();
    for (holder, stands) in [(&one, Standing::Held), (&other, Standing::Done)] {
        let message = scene.store.message(number).await.unwrap().unwrap();
        assert_eq!(message.standing, stands);
        assert!(scene.store.release_for(number, holder.number).await.unwrap());
        // The officer's word is no proof: a link goes to the holder, nothing to whoever wrote.
        let letters = scene.passes().await;
        let link = link(to(&letters, &holder.address));
        assert_eq!(letters.len(), 1);
        assert_eq!(scene.standing(holder).await, VoucherStanding::Requested);
        assert_eq!(scene.asks("POST", &link).await.0, 200);
        let letters = scene.passes().await;
        codes.push(code(to(&letters, &holder.address)));
        assert_eq!(scene.standing(holder).await, VoucherStanding::Valid);
    }
    for (code, holder) in codes.iter().zip([&one, &other]) {
        assert_eq!(scene.office.read(code).await.unwrap().number, holder.number);
    }
    // Said once more on the same day, nobody is written to again.
    assert!(scene.store.release_for(number, one.number).await.unwrap());
    assert_eq!(scene.passes().await, []);
    // Whoever of the two is erased takes the message along.
    assert_eq!(scene.store.erase(&[other.number].into(), &[]).await.unwrap(), 1);
    assert_eq!(scene.store.message(number).await.unwrap(), None);
}

#[tokio::test]
async fn outside_the_window_everybody_is_told_so() {
    for instant in ["2015-03-17T22:59:59Z", "2018-03-18T09:00:00Z"] {
        let mut scene = Scene::at(instant).await;
        let holder = scene.person(true, 0).await;
        let letters = scene.comes("a@mail.example", &holder.code).await;
        assert!(to(&letters, "a@mail.example").contains("X-Tramonto-Letter: closed"), "{instant}");
        assert_eq!(letters.len(), 1);
        assert_eq!(scene.standing(&holder).await, VoucherStanding::None);
    }
}

#[tokio::test]
async fn the_window_opens_and_closes_to_the_second_by_when_a_message_came() {
    // A message counts by when it came, though it is looked at two days later.
    for (came, open) in [
        ("2015-03-17T22:59:59Z", false),
        ("2015-03-17T23:00:00Z", true),
        ("2018-03-17T22:59:59Z", true),
        ("2018-03-17T23:00:00Z", false),
    ] {
        let mut scene = Scene::at(came).await;
        let holder = scene.person(true, 0).await;
        let content = format!("From: <a@mail.example>\r\n\r\n{}\r\n", holder.code).into_bytes();
        let (sender, received_at) = (Some("a@mail.example".to_owned()), came.parse().unwrap());
        scene.store.keep(&[Kept { sender, received_at, content }]).await.unwrap();
        if came.starts_with("2018") {
            scene.later(Duration::days(2));
        }
        let letters = scene.passes().await;
        let answer = if open { "received" } else { "closed" };
        let answer = format!("X-Tramonto-Letter: {answer}");
        assert!(to(&letters, "a@mail.example").contains(&answer), "{came}");
        assert_eq!(letters.len(), if open { 2 } else { 1 }, "{came}");
        let expected = if open { VoucherStanding::Requested } else { VoucherStanding::None };
        assert_eq!(scene.standing(&holder).await, expected, "{came}");
    }
}

#[tokio::test]
async fn who_never_activated_or_let_it_lapse_waits_for_an_officer() {
    let mut scene = Scene::at(CONSULTED).await;
    let registry = Arc::clone(&scene.running.engine.store.registry);
    let mut never = 0;
    for number in 0..300 {
        let registration = registry.find(number).await.unwrap().unwrap().registration;
        if registration.activated_on.is_some() || registration.notify_email.is_none() || never == 3
        {
            continue;
        }
        never += 1;
        // Whoever is told of is the one who wrote: the holder gets no link.
        let sender = format!("never{number}@mail.example");
        let letters = scene.comes(&sender, registration.codice_fiscale.as_str()).await;
        to(&letters, &sender);
        assert_eq!(scene.office.show(number).await.unwrap().standing, VoucherStanding::None);
    }
    assert_eq!(scene.reasons().await, vec!["officer"; never]);
    assert!(never > 0);
}

/// The last half hour in which mailboxes receive, and a minute after it.
const CLOSING: &str = "2015-07-17T21:30:00Z";
const CLOSED: &str = "2015-07-17T22:01:00Z";

impl Scene {
    fn goes_to(&self, instant: &str) {
        self.world.clock.set(instant.parse().unwrap());
    }
}

#[tokio::test]
async fn a_link_into_a_mailbox_ends_with_it_and_one_that_waited_does_not_leave() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = scene.person(true, 0).await;
    let waits = scene.person(true, 1).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    // Another's is put off past the end: it does not go where nobody reads it.
    scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
    assert_eq!(scene.comes("b@mail.example", &waits.code).await.len(), 1);
    scene.goes_to(CLOSED);
    assert_eq!(scene.asks("POST", &link).await.0, 410);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["asked", "mailbox-closed"]);
    // An officer has it looked at again, and by now the address for notices is asked.
    let held = scene.store.messages(Standing::Held, 0, 10).await.unwrap();
    assert!(scene.store.release(held[0].number).await.unwrap());
    to(&scene.passes().await, waits.notify.as_deref().unwrap());
}

#[tokio::test]
async fn a_code_does_not_follow_into_a_mailbox_that_receives_no_more() {
    let mut scene = Scene::at(CLOSING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
    assert_eq!(scene.passes().await, []);
    scene.goes_to(CLOSED);
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["mailbox-closed"]);
    assert_eq!(scene.standing(&holder).await, VoucherStanding::Valid);
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
}

#[tokio::test]
async fn a_letter_that_is_refused_for_good_leaves_its_message_to_an_officer() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    // The letters leave in the order in which they were written: the link first.
    scene.relay.answers.lock().unwrap().push(Answer::Refused("550".to_owned()));
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, "a@mail.example");
    let held = scene.store.messages(Standing::Held, 0, 10).await.unwrap();
    let [message] = &held[..] else { panic!("{held:?}") };
    assert_eq!(message.reason.as_deref(), Some("letter-failed"));
    assert_eq!(message.mailbox, Some(holder.number));
    // Looked at again, the same holder is asked again.
    assert!(scene.store.release(message.number).await.unwrap());
    to(&scene.passes().await, &holder.address);
}

#[tokio::test]
async fn without_a_portal_links_wait_for_one() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    scene.desk = desk(&scene.store, &scene.office, &scene.running, &scene.relay, None);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    to(&letters, "a@mail.example");
    scene.later(Duration::hours(5));
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.reasons().await, ["asked"]);
    scene.restart();
    scene.later(Duration::minutes(6));
    to(&scene.passes().await, &holder.address);
}

#[tokio::test]
async fn a_code_that_was_handed_over_otherwise_or_taken_back_is_told_as_it_is() {
    for revoked in [false, true] {
        let mut scene = Scene::at(RECEIVING).await;
        let holder = confirmed(&mut scene).await;
        scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
        assert_eq!(scene.passes().await, []);
        let waiting = scene.store.letters_with_codes_wait().await.unwrap();
        assert_eq!(waiting, [holder.number].into());
        let origin = eventstore::Origin::part("operator");
        if revoked {
            scene.office.revoke(holder.number, &origin).await.unwrap();
        } else {
            let code = vouchers::Kept { number: holder.number, issue: 1 };
            scene.office.handed_over(&[code], &origin).await.unwrap();
        }
        scene.later(Duration::minutes(2));
        let letters = scene.passes().await;
        if revoked {
            let letter = to(&letters, &holder.address);
            assert!(letter.contains("X-Tramonto-Letter: refused"), "{letter}");
            assert!(letter.contains("non vale pi"), "{letter}");
        } else {
            assert_eq!(letters, []);
        }
        assert!(scene.store.letters_with_codes_wait().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn who_wrote_on_the_last_day_is_served_though_the_link_is_used_after_it() {
    let mut scene = Scene::of("last-day = 2015-04-30", "2015-04-30T21:00:00Z").await;
    let (holder, late) = (scene.person(true, 0).await, scene.person(true, 1).await);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    scene.later(Duration::hours(10));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().number, holder.number);
    // Whoever writes now is told that it is over.
    let letters = scene.comes("b@mail.example", &late.code).await;
    assert!(to(&letters, "b@mail.example").contains("X-Tramonto-Letter: closed"));
}

#[tokio::test]
async fn once_all_are_issued_who_confirms_is_told_just_that() {
    let mut scene = Scene::of("max-issued = 1", RECEIVING).await;
    let mut letters = Vec::new();
    for (nth, sender) in ["a@mail.example", "b@mail.example"].into_iter().enumerate() {
        let holder = scene.person(true, nth).await;
        let asked = scene.comes(sender, &holder.code).await;
        let link = link(to(&asked, &holder.address));
        assert_eq!(scene.asks("POST", &link).await.0, 200);
        letters.push(to(&scene.passes().await, &holder.address).to_owned());
    }
    assert!(letters[0].contains("X-Tramonto-Letter: granted"), "{}", letters[0]);
    let told = letters[1].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("X-Tramonto-Letter: refused"), "{told}");
    assert!(
        told.contains("all the vouchers that the programme foresees have been issued"),
        "{told}"
    );
}

/// A holder who has confirmed, before the desk has acted upon it.
async fn confirmed(scene: &mut Scene) -> Person {
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    holder
}

#[tokio::test]
async fn a_letter_that_surely_did_not_leave_goes_later_with_the_same_code() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
    assert_eq!(scene.passes().await, []);
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    let kept = scene.office.read(&code).await.unwrap();
    assert_eq!((kept.number, kept.issue), (holder.number, 1));
}

#[tokio::test]
async fn a_code_that_was_lost_in_a_crash_is_replaced_and_works_no_more() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.answers.lock().unwrap().push(Answer::Deferred("451".to_owned()));
    assert_eq!(scene.passes().await, []);
    scene.restart();
    scene.later(Duration::minutes(2));
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 2);
    assert_eq!(scene.office.show(holder.number).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_letter_of_which_nobody_knows_is_not_sent_again_and_the_code_is_not_said_to_be_delivered()
{
    let mut scene = Scene::at(RECEIVING).await;
    let holder = confirmed(&mut scene).await;
    scene.relay.answers.lock().unwrap().push(Answer::InDoubt("silent".to_owned()));
    assert_eq!(scene.passes().await, []);
    scene.later(Duration::days(3));
    assert_eq!(scene.passes().await, []);
    let letters = scene.store.letters().await.unwrap();
    assert!(letters.contains(&("granted".to_owned(), "doubt".to_owned(), 1)), "{letters:?}");
    assert!(!scene.office.show(holder.number).await.unwrap().delivered);
    // Who asks and confirms again gets a new code, and the one that may be somewhere is worth nothing.
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let link = link(to(&letters, &holder.address));
    assert_eq!(scene.asks("POST", &link).await.0, 200);
    let letters = scene.passes().await;
    let code = code(to(&letters, &holder.address));
    assert_eq!(scene.office.read(&code).await.unwrap().issue, 2);
}

#[tokio::test]
async fn a_link_expires_and_another_can_be_asked_for() {
    let mut scene = Scene::at(RECEIVING).await;
    let holder = scene.person(true, 0).await;
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let first = link(to(&letters, &holder.address));
    scene.later(Duration::days(7));
    assert_eq!(scene.asks("POST", &first).await.0, 410);
    let letters = scene.comes("a@mail.example", &holder.code).await;
    let second = link(to(&letters, &holder.address));
    assert_ne!(first, second);
    assert_eq!(scene.asks("POST", &second).await.0, 200);
    assert_eq!(scene.passes().await.len(), 1);
}
