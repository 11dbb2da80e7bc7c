//! Reminders of unused vouchers: sent once, to the address that the holder reads, and only while
//! they apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Plan, Verification};
use engine::EngineSettings;
use eventstore::{Clock, Origin};
use intake::{ProcessorSettings, RequestProcessor, Store, claim_reminders};
use mail::{Outcome, Transport};
use platform::IssueVouchers;
use rehearsal::Rehearsal;
use roaring::RoaringBitmap;
use vouchers::{Report, Vouchers};
use whole_flow::relay::Relay;
use whole_flow::{Nobody, World};

const RULES: &str = "redeem-by = 2015-12-31\nremind = \"0 0 9 1 * *\"\nremind-after-days = 30\n";
/// When codes are delivered; later rounds are at nine in Rome.
const HANDED: &str = "2015-04-01T09:00:00Z";
const MAY: &str = "2015-05-01T07:00:00Z";
const JUNE: &str = "2015-06-01T07:00:00Z";
const JULY: &str = "2015-07-01T07:00:00Z";
/// Mailboxes no longer receive since 18 July.
const AUGUST: &str = "2015-08-01T07:00:00Z";

struct Scene {
    world: World,
    running: Rehearsal,
    store: Arc<Store>,
    vouchers: Vouchers,
    relay: Arc<Relay>,
    processor: RequestProcessor,
}

fn origin() -> Origin {
    Origin { reason: Some("a test".to_owned()), ..Origin::part("operator:test") }
}

impl Scene {
    /// A programme with these rules, and this many holders with an active mailbox, an address for
    /// notices and a delivered voucher.
    async fn with(rules: &str, many: usize) -> (Self, Vec<u32>) {
        let scene = Box::pin(Self::of(rules)).await;
        let people: Vec<_> = scene.people(true).await.into_iter().take(many).collect();
        scene.deliver_codes(people.iter().copied()).await;
        (scene, people)
    }

    /// The same, without vouchers yet.
    async fn of(rules: &str) -> Self {
        let text = include_str!("../../../deploy/plans/cec-pac.toml");
        let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{rules}"), 1);
        let world = World::of(Plan::parse("trial.toml", &text).unwrap().0, 300).await;
        let mut running = world.rehearsing(EngineSettings::default(), None).await;
        running.run_until(at(HANDED), &mut Nobody).await.unwrap();
        let (_, vouchers) = world.vouchers(&running).await;
        let store = Arc::new(Store::open(&world.home().intake()).await.unwrap());
        let relay = Arc::new(Relay::default());
        let processor = processor(&store, &vouchers, &running, Some(&relay));
        Self { world, running, store, vouchers, relay, processor }
    }

    async fn report(&self) -> Report {
        let journal = &self.vouchers.journal;
        Report::of(&journal.state().await.unwrap(), journal.now())
    }

    async fn deliver_codes(&self, holders: impl IntoIterator<Item = u32>) {
        let (vouchers, holders) = (&self.vouchers, holders.into_iter().collect::<RoaringBitmap>());
        vouchers.request_all(&holders, &origin()).await.unwrap();
        vouchers.verify_all(&holders, Verification::Officer, &origin()).await.unwrap();
        crate::issuer(vouchers).issue(&holders.clone().into()).await.unwrap();
        let codes = vouchers.generate_missing(&holders).await.unwrap();
        let codes: Vec<_> = codes.iter().map(|new| new.id).collect();
        vouchers.record_delivered(&codes, &origin()).await.unwrap();
    }

    /// Another process on the same store.
    fn another(&self) -> RequestProcessor {
        processor(&self.store, &self.vouchers, &self.running, Some(&self.relay))
    }

    /// A restart after a crash: memory is lost.
    fn restart(&mut self) {
        self.processor = self.another();
    }

    /// Runs the engine until then and the processor until it is idle; returns the letters that are
    /// sent.
    async fn until(&mut self, instant: &str) -> Vec<(String, String)> {
        self.running.run_until(at(instant), &mut Nobody).await.unwrap();
        self.passes().await
    }

    async fn passes(&mut self) -> Vec<(String, String)> {
        while self.processor.tick().await.unwrap().progress > 0 {}
        std::mem::take(&mut self.relay.letters.lock().unwrap())
    }

    async fn claim(&self) -> u64 {
        let now = self.world.clock.now();
        claim_reminders(&self.store, &self.vouchers, now, &origin()).await.unwrap()
    }

    /// The reminders by status.
    async fn reminders(&self) -> BTreeMap<String, u64> {
        let letters = self.store.letter_counts().await.unwrap();
        let reminders = letters.into_iter().filter(|(kind, _, _)| kind == "reminder");
        reminders.map(|(_, standing, count)| (standing, count)).collect()
    }

    async fn sent(&self, many: u64) {
        assert_eq!(self.reminders().await, BTreeMap::from([("sent".to_owned(), many)]));
    }

    /// Who has an active mailbox, and an address for notices or none.
    async fn people(&self, with_address: bool) -> Vec<u32> {
        let mut found = Vec::new();
        for number in 0..300 {
            let (activated, _, notice) = self.person(number).await;
            if activated && notice.is_some() == with_address {
                found.push(number);
            }
        }
        found
    }

    /// Is their mailbox active, what is it, and their address for notices.
    async fn person(&self, number: u32) -> (bool, String, Option<String>) {
        let registry = &self.running.engine.registry;
        let found = registry.find(number).await.unwrap().unwrap().registration;
        (found.activated_on.is_some(), found.address, found.notify_email)
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn processor(
    store: &Arc<Store>,
    vouchers: &Vouchers,
    running: &Rehearsal,
    relay: Option<&Arc<Relay>>,
) -> RequestProcessor {
    let relay = relay.map(|relay| {
        let transport: Arc<dyn Transport> = Arc::<Relay>::clone(relay);
        transport
    });
    let settings = ProcessorSettings {
        reader: intake::Reader::default(),
        relay,
        from: Some("voucher@agency.example".parse().unwrap()),
        templates: intake::Templates::load(None).unwrap(),
        exports: None,
        portal: None,
    };
    let registry = Arc::clone(&running.engine.registry);
    RequestProcessor::new(Arc::clone(store), vouchers.clone(), registry, settings)
}

/// A letter's text with its lines rejoined; letters that are not ASCII stay encoded.
fn text(letter: &str) -> String {
    let (head, body) = letter.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("quoted-printable"), "{head}");
    body.replace("=\r\n", "").replace("=3D", "=")
}

fn addressees(letters: &[(String, String)]) -> Vec<&str> {
    letters.iter().map(|(to, _)| to.as_str()).collect()
}

#[tokio::test]
async fn a_reminder_goes_to_the_mailbox_while_it_receives_then_to_the_address_for_notices() {
    let mut scene = Scene::of(&format!("{RULES}remind-at-most = 4\n")).await;
    let (with, without) = (scene.people(true).await[0], scene.people(false).await[0]);
    scene.deliver_codes([with, without]).await;
    let (_, address, notice) = scene.person(with).await;
    let (_, other, _) = scene.person(without).await;
    // On 1 May thirty days have passed.
    assert_eq!(scene.until("2015-05-01T06:59:59Z").await, []);
    let mut letters = scene.until(MAY).await;
    letters.sort_unstable();
    let mut both = [address.as_str(), other.as_str()];
    both.sort_unstable();
    assert_eq!(addressees(&letters), both);
    assert_eq!(scene.until(JUNE).await.len(), 2);
    assert_eq!(scene.until(JULY).await.len(), 2, "the thirtieth day after the first of June");
    // After receive has ended, to holders with an address for notices.
    let letters = scene.until(AUGUST).await;
    assert_eq!(addressees(&letters), [notice.unwrap()]);
    let expected = BTreeMap::from([("sent".to_owned(), 7), ("failed".to_owned(), 1)]);
    assert_eq!(scene.reminders().await, expected);
    assert_eq!(scene.until("2015-09-01T07:00:00Z").await, [], "four are enough");
}

#[tokio::test]
async fn a_reminder_deferred_past_the_end_of_receive_goes_to_the_address_for_notices() {
    // Claimed a second before midnight of 17 July in Rome, delivered two minutes later.
    let (mut scene, people) = Scene::with(RULES, 1).await;
    let (_, _, notice) = scene.person(people[0]).await;
    scene.running.run_until(at("2015-07-17T21:59:59Z"), &mut Nobody).await.unwrap();
    scene.relay.outcomes.lock().unwrap().push(Outcome::Deferred { cause: "451".to_owned() });
    assert_eq!(scene.passes().await, []);
    let letters = scene.until("2015-07-17T22:02:00Z").await;
    assert_eq!(addressees(&letters), [notice.unwrap()]);
}

#[tokio::test]
async fn a_reminder_names_the_deadline_and_contains_no_code() {
    let (mut scene, _) = Scene::with(RULES, 1).await;
    let letters = scene.until(MAY).await;
    let [(_, letter)] = letters.as_slice() else { panic!("{letters:?}") };
    for header in [
        "Auto-Submitted: auto-generated",
        "X-Tramonto-Letter: reminder",
        "Content-Language: it, en",
    ] {
        assert!(letter.contains(header), "{header}: {letter}");
    }
    assert!(!letter.contains("In-Reply-To"), "{letter}");
    let text = text(letter);
    for said in [
        "entro il 31/12/2015",
        "by 31 December 2015",
        "chieda all'ufficio di sostituirlo",
        "ask the office to replace it",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let code = |line: &str| line.trim().parse::<domain::VoucherCode>().is_ok();
    assert!(!text.lines().any(code) && !text.contains("eyJ"), "{text}");
}

#[tokio::test]
async fn nobody_is_reminded_twice_after_a_crash_between_claim_and_letter() {
    let (mut scene, _) = Scene::with(RULES, 3).await;
    scene.running.run_until(at(MAY), &mut Nobody).await.unwrap();
    // It was killed once after the claim, and once after a letter was deferred.
    assert_eq!(scene.claim().await, 3);
    scene.restart();
    let deferred = Outcome::Deferred { cause: "451".to_owned() };
    scene.relay.outcomes.lock().unwrap().extend([Outcome::Accepted, Outcome::Accepted, deferred]);
    assert_eq!(scene.passes().await.len(), 2);
    scene.restart();
    scene.world.clock.set(scene.world.clock.now() + chrono::TimeDelta::minutes(2));
    assert_eq!(scene.passes().await.len(), 1);
    scene.sent(3).await;
    assert_eq!(scene.claim().await, 0, "a repeated command reminds nobody");
    scene.restart();
    assert_eq!(scene.passes().await, []);
}

#[tokio::test]
async fn a_reminder_in_doubt_is_not_sent_again() {
    let (mut scene, _) = Scene::with(RULES, 1).await;
    scene.relay.outcomes.lock().unwrap().push(Outcome::InDoubt { cause: "silent".to_owned() });
    assert_eq!(scene.until(MAY).await, []);
    scene.restart();
    assert_eq!(scene.until("2015-05-20T07:00:00Z").await, []);
    assert_eq!(scene.reminders().await, BTreeMap::from([("in-doubt".to_owned(), 1)]));
}

#[tokio::test]
async fn two_processors_queue_each_letter_once() {
    let mut scene = Scene::of(RULES).await;
    scene.deliver_codes(0..300).await;
    scene.running.run_until(at(MAY), &mut Nobody).await.unwrap();
    let mut other = scene.another();
    loop {
        let (one, two) = tokio::join!(scene.processor.tick(), other.tick());
        if one.unwrap().progress + two.unwrap().progress == 0 {
            break;
        }
    }
    let letters = std::mem::take(&mut *scene.relay.letters.lock().unwrap());
    let mut once = addressees(&letters);
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), letters.len(), "somebody was reminded twice");
    let reminders = scene.reminders().await;
    let snapshot = scene.vouchers.journal.state().await.unwrap();
    let claimed: Vec<u64> =
        snapshot.vouchers.reminders.iter().map(|round| round.mailboxes.len()).collect();
    // More than one batch; a holder without any address is skipped.
    assert!(claimed.len() == 1 && claimed[0] > 200, "{claimed:?}");
    assert_eq!(reminders.values().sum::<u64>(), claimed[0]);
    assert_eq!(reminders["sent"], u64::try_from(letters.len()).unwrap());
}

#[tokio::test]
async fn a_voucher_redeemed_or_revoked_after_the_claim_gets_no_reminder() {
    let (mut scene, people) = Scene::with(RULES, 4).await;
    scene.running.run_until(at(MAY), &mut Nobody).await.unwrap();
    assert_eq!(scene.claim().await, 4);
    let reissued = scene.vouchers.reissue(people[0], &origin()).await.unwrap();
    let provider = "posta-sicura".parse().unwrap();
    scene.vouchers.redeem(&reissued.code.shown(), &provider, &origin()).await.unwrap();
    scene.vouchers.revoke(people[1], &origin()).await.unwrap();
    // Its code was reissued, and the new one is not delivered yet.
    let reissued = scene.vouchers.reissue(people[2], &origin()).await.unwrap();
    let letters = scene.passes().await;
    assert_eq!(letters.len(), 1);
    let expected = BTreeMap::from([("obsolete".to_owned(), 3), ("sent".to_owned(), 1)]);
    assert_eq!(scene.reminders().await, expected);
    // Delivered in time, it is due again thirty days later.
    scene.vouchers.record_delivered(&[reissued.id], &origin()).await.unwrap();
    assert_eq!(scene.until(JUNE).await.len(), 2);
    assert_eq!(scene.until(AUGUST).await.len(), 0, "two claims each are enough");
}

#[tokio::test]
async fn without_a_relay_no_reminder_is_recorded_and_it_is_sent_once_later() {
    let (mut scene, _) = Scene::with(RULES, 3).await;
    let relay = std::mem::replace(
        &mut scene.processor,
        processor(&scene.store, &scene.vouchers, &scene.running, None),
    );
    for instant in [MAY, JUNE] {
        assert_eq!(scene.until(instant).await, []);
    }
    let report = scene.report().await;
    assert_eq!((report.reminders, report.reminders_due), (0, Some(at(JUNE))));
    assert_eq!(report.reminders_waiting, 3);
    scene.processor = relay;
    assert_eq!(scene.until("2015-06-10T10:00:00Z").await.len(), 3);
    let report = scene.report().await;
    assert_eq!((report.reminders, report.reminders_due), (3, None));
    // After that reminder, the next one is due in the August round.
    assert_eq!(scene.until(JULY).await, []);
    let report = scene.report().await;
    assert_eq!(
        (report.reminders_due, report.reminders_waiting),
        (None, 0),
        "nobody waits for July's"
    );
}

#[tokio::test]
async fn a_new_store_sends_nothing_claimed_before_it() {
    let (mut scene, _) = Scene::with(RULES, 3).await;
    scene.running.run_until(at(MAY), &mut Nobody).await.unwrap();
    assert_eq!(scene.claim().await, 3);
    scene.store = Arc::new(Store::open(&scene.world.folder.path().join("new.db")).await.unwrap());
    scene.restart();
    assert_eq!(scene.passes().await, []);
    assert_eq!(scene.until(JUNE).await.len(), 3, "the next round goes out");
}

#[tokio::test]
async fn a_reminder_is_erased_with_its_holder() {
    let (mut scene, people) = Scene::with(RULES, 2).await;
    assert_eq!(scene.until(MAY).await.len(), 2);
    scene.store.erase(&[people[0]].into(), &[]).await.unwrap();
    scene.sent(1).await;
}
