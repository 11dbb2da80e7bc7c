//! Commands over the real bus: executed once, answered once recorded, dead-lettered when refused.

use std::time::Duration;

use bus::{Answer, AnswerStatus, CloudEvent, CommandSender, Connection, NatsOptions};
use domain::{MailboxId, ProgrammeId};
use serde_json::{Value, json};

use crate::world::{FEW, World};

/// The number of events about vouchers.
const VOUCHER_EVENTS: &str = "SELECT count(*) FROM tramonto.event
    JOIN tramonto.category ON category.id = event.category WHERE category.name = 'voucher'";

/// A client that sends commands.
struct Outside {
    sender: CommandSender,
    bus: String,
}

impl Outside {
    async fn of(world: &World) -> Self {
        let options = NatsOptions::new(&world.bus(), programme());
        let connection = Connection::open(&options).await.unwrap();
        Self { sender: CommandSender::new(&connection), bus: world.bus() }
    }

    async fn send(&self, kind: &str, id: &str, data: &Value) -> Answer {
        let command = CloudEvent {
            id: id.to_owned(),
            source: "/municipality/test".to_owned(),
            kind: CloudEvent::command_type(kind),
            data: data.to_string().into(),
            ..CloudEvent::default()
        };
        self.sender.send(kind, &command, Duration::from_secs(20)).await.unwrap()
    }

    /// The ids of the dead letters, oldest first.
    async fn kept(&self) -> Vec<String> {
        let context = async_nats::jetstream::new(async_nats::connect(&self.bus).await.unwrap());
        let stream = context.get_stream("tramonto_cec-pac_dead").await.unwrap();
        let mut ids = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let dead = stream.get_raw_message(sequence).await.unwrap();
            ids.push(dead.headers.get("ce-id").unwrap().to_string());
        }
        ids
    }
}

fn programme() -> ProgrammeId {
    "cec-pac".parse().unwrap()
}

/// A new registration, as JSON.
fn somebody(world: &World) -> Value {
    let file = world.folder.path().join("others.csv");
    let path = file.to_str().unwrap();
    let generate = ["registry", "generate", "--registrations", "50", "--seed", "77", "--out", path];
    crate::world::done(&world.store(), &generate);
    let mut file = csv::Reader::from_path(&file).unwrap();
    let names = file.headers().unwrap().clone();
    // A mailbox that was never activated, so that it can be.
    let row = file.records().map(Result::unwrap).find(|row| row[6].is_empty()).unwrap();
    let mut fields = serde_json::Map::new();
    for (name, value) in names.iter().zip(&row).filter(|(_, value)| !value.is_empty()) {
        fields.insert(name.to_owned(), value.into());
    }
    fields["registration_id"] = "99999999".into();
    fields["address"] = "somebody.else@postacertificata.example".into();
    fields.into()
}

#[tokio::test]
async fn commands_are_carried_out_once_and_answered_when_they_are_recorded() {
    let mut world = World::of(FEW).await;
    let _services = ["api", "api", "projector"].map(|role| world.start(role, &[]));
    let outside = Outside::of(&world).await;
    let mailbox = MailboxId::new(&programme(), 0);
    let head = "SELECT position FROM tramonto.log_head";
    let before = world.ask(head).await;

    let reason = "asked for by letter";
    let pause = outside.send("pause", "p-1", &json!({ "reason": reason })).await;
    assert_eq!(pause.status, AnswerStatus::Accepted, "{}", pause.sentence);
    assert_eq!(world.ask(head).await, before + 1, "it is recorded when it is answered");
    let again = outside.send("pause", "p-1", &json!({ "reason": reason })).await;
    assert_eq!(again, pause, "the same command again");
    let resume = outside.send("resume", "r-1", &json!({ "reason": reason })).await;
    assert_eq!(resume.status, AnswerStatus::Accepted);
    // Long superseded by the resumption, and still the same answer.
    assert_eq!(outside.send("pause", "p-1", &json!({ "reason": reason })).await, pause);
    assert_eq!(world.ask(head).await, before + 2);

    let registered = outside.send("register", "a-1", &somebody(&world)).await;
    assert_eq!(registered.status, AnswerStatus::Accepted, "{}", registered.sentence);
    let registered = outside.send("register", "a-1", &somebody(&world)).await;
    assert_eq!(registered.status, AnswerStatus::Accepted, "{}", registered.sentence);
    let rows = "SELECT count(*) FROM registry.registration";
    assert_eq!(world.ask(rows).await, i64::from(FEW) + 1);
    let activation = json!({ "registration_id": "99999999", "activated_on": "2012-05-02" });
    let activated = outside.send("activate", "a-2", &activation).await;
    assert_eq!(activated.status, AnswerStatus::Accepted, "{}", activated.sentence);

    let hold = json!({ "mailbox": mailbox, "capabilities": ["receive"], "reason": reason });
    let placed = outside.send("place-hold", "h-1", &hold).await;
    assert_eq!(placed.status, AnswerStatus::Accepted, "{}", placed.sentence);
    let id = placed.sentence.split(' ').nth(1).unwrap();
    let release = json!({ "mailbox": mailbox, "hold": id, "reason": reason });
    let released = outside.send("release-hold", "h-2", &release).await;
    assert_eq!(released.status, AnswerStatus::Accepted, "{}", released.sentence);

    let withdraw = json!({ "mailbox": mailbox, "reason": reason });
    let withdrawn = outside.send("withdraw", "w-1", &withdraw).await;
    assert_eq!(withdrawn.status, AnswerStatus::Accepted, "{}", withdrawn.sentence);
    assert_eq!(outside.send("withdraw", "w-1", &withdraw).await, withdrawn);
    assert!(outside.kept().await.is_empty(), "nothing was refused so far");
}

#[tokio::test]
async fn commands_that_are_refused_are_answered_and_kept() {
    let mut world = World::of(FEW).await;
    let _service = world.start("api", &[]);
    let outside = Outside::of(&world).await;
    let head = "SELECT position FROM tramonto.log_head";
    let before = world.ask(head).await;
    let nobody = MailboxId::new(&programme(), 4_000_000);
    let wrong = [
        ("withdraw", "1", json!({ "mailbox": nobody, "reason": "x y" }), AnswerStatus::Refused),
        ("resume", "2", json!({ "reason": "nothing was paused" }), AnswerStatus::Refused),
        ("pause", "3", json!({ "reason": "x", "extra": 1 }), AnswerStatus::Invalid),
        ("pause", "4", json!({}), AnswerStatus::Invalid),
        ("pause", "5", json!({ "reason": "asked by RSSMRA85T10A562S" }), AnswerStatus::Invalid),
        ("withdraw", "6", json!({ "mailbox": "me", "reason": "x" }), AnswerStatus::Invalid),
        (
            "activate",
            "7",
            json!({ "registration_id": "no", "activated_on": "2012-05-02" }),
            AnswerStatus::Refused,
        ),
    ];
    for (kind, id, data, status) in &wrong {
        let answer = outside.send(kind, id, data).await;
        assert_eq!(answer.status, *status, "{kind} {id}: {}", answer.sentence);
        assert!(!answer.sentence.contains("RSSMRA"), "{}", answer.sentence);
    }
    assert_eq!(world.ask(head).await, before, "nothing was recorded");
    let mut taken = somebody(&world);
    taken["codice_fiscale"] = "RSSMRA85T10A562X".into();
    let answer = outside.send("register", "8", &taken).await;
    assert_eq!(answer.status, AnswerStatus::Refused, "{}", answer.sentence);
    assert!(answer.sentence.contains("codice_fiscale"), "{}", answer.sentence);
    assert!(!answer.sentence.contains("RSSMRA"), "{}", answer.sentence);
    assert_eq!(outside.kept().await, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(world.ask(head).await, before, "a refused registration is not recorded either");
    assert_eq!(world.ask("SELECT count(*) FROM registry.registration").await, i64::from(FEW));
}

#[tokio::test]
async fn vouchers_are_asked_for_and_redeemed_over_the_bus_once_whoever_asks_again() {
    let mut world = World::of(FEW).await;
    let keys = world.folder.path().join("keys").to_str().unwrap().to_owned();
    let store = world.store();
    crate::world::done(&store, &["key", "create", "--keys", &keys]);
    // Each has the keys in another way.
    let file = format!("{keys}/keyring.json");
    let _services =
        [["--keys", &keys], ["--keyring-file", &file]].map(|keys| world.start("api", &keys));
    let outside = Outside::of(&world).await;
    let mailbox = MailboxId::new(&programme(), 0);
    let before = world.ask(VOUCHER_EVENTS).await;

    let asked = json!({ "mailbox": mailbox, "reason": "letter 12" });
    let turned_down = json!({ "mailbox": mailbox, "cause": "unreadable", "reason": "letter 12" });
    for (kind, id, data) in [
        ("request-voucher", "v-1", &asked),
        ("refuse-voucher", "v-2", &turned_down),
        ("request-voucher", "v-3", &asked),
        ("verify-voucher", "v-4", &asked),
    ] {
        let answer = outside.send(kind, id, data).await;
        assert_eq!(answer.status, AnswerStatus::Accepted, "{}", answer.sentence);
    }
    assert_eq!(world.ask(VOUCHER_EVENTS).await, before + 4);
    // The refusal again: executed before, it does not refuse a later request.
    let again = outside.send("refuse-voucher", "v-2", &turned_down).await;
    assert_eq!(again.status, AnswerStatus::Accepted, "{}", again.sentence);
    assert_eq!(world.ask(VOUCHER_EVENTS).await, before + 4);

    // Workers issue vouchers. Started only now, so that no other process writes about vouchers
    // before.
    let _engine = ["scheduler", "worker", "projector"].map(|role| world.start(role, &[]));
    world.until("a voucher", async || world.recorded("vouchers-issued").await == 1).await;
    let issue = ["voucher", "issue", "0", "--reason", "letter 12", "--json", "--keys", &keys];
    let granted: Value = serde_json::from_str(&crate::world::printed(&store, &issue)).unwrap();
    // The request again, issued long before, gets the same answer; another request does not.
    let again = outside.send("request-voucher", "v-3", &asked).await;
    assert_eq!(again.status, AnswerStatus::Accepted, "{}", again.sentence);
    let another = outside.send("request-voucher", "v-5", &asked).await;
    assert_eq!(another.status, AnswerStatus::Refused, "{}", another.sentence);

    let redeem = |provider: &str| json!({ "code": granted["code"], "provider": provider });
    let (one, other) = (redeem("posta-sicura"), redeem("altra-posta"));
    let (first, second) = tokio::join!(
        outside.send("redeem-voucher", "r-1", &one),
        outside.send("redeem-voucher", "r-2", &other),
    );
    let (won, lost, winner) = if first.status == AnswerStatus::Accepted {
        (&first, &second, "posta-sicura")
    } else {
        (&second, &first, "altra-posta")
    };
    assert_eq!(won.status, AnswerStatus::Accepted, "{}", won.sentence);
    assert_eq!(lost.status, AnswerStatus::Refused, "{}", lost.sentence);
    assert!(lost.sentence.contains(&format!("redeemed by {winner} on ")), "{}", lost.sentence);
    let recorded = world.ask(VOUCHER_EVENTS).await;
    let (id, data) = if winner == "posta-sicura" { ("r-1", &one) } else { ("r-2", &other) };
    let again = outside.send("redeem-voucher", id, data).await;
    assert_eq!((again.status, &again.sentence), (AnswerStatus::Accepted, &won.sentence));
    assert_eq!(world.ask(VOUCHER_EVENTS).await, recorded, "it was redeemed once");

    // A used id belongs to its command only, whatever the new one says.
    let elsewhere = json!({ "mailbox": MailboxId::new(&programme(), 1), "reason": "letter 13" });
    let taken = outside.send("request-voucher", "v-1", &elsewhere).await;
    assert_eq!(taken.status, AnswerStatus::Refused, "{}", taken.sentence);
    assert!(taken.sentence.contains("an id of its own"), "{}", taken.sentence);

    let revoke = outside.send("revoke-voucher", "v-6", &asked).await;
    assert_eq!(revoke.status, AnswerStatus::Refused, "{}", revoke.sentence);
    assert!(revoke.sentence.contains("was redeemed by"), "{}", revoke.sentence);
    let granted = ["request", "verify", "issue"].map(|what| {
        let of = ["voucher", what, "1", "--reason", "letter 13", "--json", "--keys", &keys];
        crate::world::printed(&store, &of)
    });
    let granted: Value = serde_json::from_str(&granted[2]).unwrap();
    for _ in 0..2 {
        let revoked = outside.send("revoke-voucher", "v-7", &elsewhere).await;
        assert_eq!(revoked.status, AnswerStatus::Accepted, "{}", revoked.sentence);
    }
    let late = json!({ "code": granted["code"], "provider": "posta-sicura" });
    let late = outside.send("redeem-voucher", "r-4", &late).await;
    assert!(late.sentence.contains("the voucher was revoked"), "{}", late.sentence);

    let wrong = json!({ "code": "0", "provider": "posta-sicura" });
    let wrong = outside.send("redeem-voucher", "r-3", &wrong).await;
    assert_eq!(wrong.status, AnswerStatus::Refused, "{}", wrong.sentence);
}

#[tokio::test]
async fn a_service_without_keys_says_so_when_it_is_asked_for_a_voucher() {
    let mut world = World::of(FEW).await;
    let _service = world.start("api", &[]);
    let outside = Outside::of(&world).await;
    let asked = json!({ "mailbox": MailboxId::new(&programme(), 0), "reason": "letter 12" });
    let answer = outside.send("request-voucher", "v-1", &asked).await;
    assert_eq!(answer.status, AnswerStatus::Refused);
    assert!(answer.sentence.contains("--keys"), "{}", answer.sentence);
}
