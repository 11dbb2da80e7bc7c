//! Notices through an SMTP relay: accepted, deferred, refused, in doubt; the letter; reconnecting
//! and backoff.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use eventstore::Clock;
use mail::Relay;
use secrecy::SecretString;
use url::Url;
use workers::notices::{Mailer, RelayMailer, RelaySettings};

use crate::notices::given::{Contacts, World};
use crate::notices::server::{Mood, Server};

fn smtp(server: &Server, user: &str, contacts: Contacts) -> Arc<dyn Mailer> {
    let url: Url = format!("smtp://{user}{}", server.address).parse().unwrap();
    let password = (!user.is_empty()).then(|| SecretString::from("secret".to_owned()));
    let relay = Relay::new(&url, password, None, "agency.example").unwrap();
    let from = "notices@agency.example".parse().unwrap();
    let settings = RelaySettings { from, connections: 1, per_second: None, batch_size: 100 };
    Arc::new(RelayMailer::new(&relay, settings, Arc::new(contacts)))
}

/// Contacts with these names as addresses for notices; an empty name has none.
fn contacts(names: &[&str]) -> Contacts {
    let entry = |(number, name): (u32, &&str)| {
        let own = format!("m{number}@postacertificata.example");
        let notify = (!name.is_empty()).then(|| format!("{name}@home.example"));
        (number, (own, notify))
    };
    Contacts((0..).zip(names).map(entry).collect())
}

async fn settle(world: &World, mailer: &Arc<dyn Mailer>) {
    let mut sender = world.sender(Arc::clone(mailer));
    while sender.tick().await.unwrap().progress > 0 {}
}

#[tokio::test]
async fn each_outcome_is_recorded_for_its_mailbox() {
    let server = Server::start(Mood::Willing).await;
    let names = ["anna", "gone", "busy", "greylisted", "choosy", "silent", "bruno", ""];
    let world = World::with(9).await;
    let mailer = smtp(&server, "", contacts(&names));
    settle(&world, &mailer).await;
    let log = world.log().await;
    assert_eq!(
        log[..6],
        [
            "claimed [0, 1, 2, 3, 4, 5, 6, 7, 8]",
            "sent [0, 6, 7]",
            "deferred 450-4.2.0 x1 [3]",
            "deferred 451-4.7.1 x1 [2]",
            "failed 550-5.1.1 x1 [1]",
            "failed 554-5.6.0 x1 [4]",
        ],
        "{log:#?}"
    );
    // The last one is not in the registry.
    assert_eq!(log[6..], ["failed not-in-registry x1 [8]", "in doubt connection-lost [5]"]);

    for _ in 0..20 {
        world.pass(TimeDelta::hours(1));
        settle(&world, &mailer).await;
    }
    let account = world.account().await;
    assert_eq!(account.sent.iter().collect::<Vec<_>>(), [0, 3, 6, 7]);
    assert_eq!(account.failed.iter().collect::<Vec<_>>(), [1, 2, 4, 8]);
    assert_eq!(account.in_doubt.iter().collect::<Vec<_>>(), [5]);
    let last = world.log().await.pop().unwrap();
    assert_eq!(
        last, "failed 451-4.7.1 x8 [2]",
        "as many attempts as the plan allows, then no more"
    );
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for taken in server.taken() {
        *times.entry(taken.to).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(times.len(), 5, "the one in doubt was accepted and is not sent again: {times:?}");
}

#[tokio::test]
async fn a_letter_identifies_its_mailbox_and_suppresses_automatic_replies() {
    let server = Server::start(Mood::Willing).await;
    let world = World::with(2).await;
    settle(&world, &smtp(&server, "", contacts(&["anna", ""]))).await;
    let taken = server.taken();
    let letter = &taken[0];
    assert_eq!(
        (letter.from.as_str(), letter.to.as_str()),
        ("notices+sending-ends.0@agency.example", "anna@home.example")
    );
    assert_eq!(
        taken[1].to, "m1@postacertificata.example",
        "without an address for notices it goes to the mailbox itself"
    );
    let parsed = mail_parser::MessageParser::default().parse(letter.text.as_bytes()).unwrap();
    assert_eq!(
        parsed.message_id(),
        Some("93689e0d-332e-8000-8000-000000000000.sending-ends.cec-pac@agency.example")
    );
    let subject = parsed.subject().unwrap();
    assert!(subject.contains("termina il 17 marzo 2015 / CEC-PAC: sending ends on"), "{subject}");
    let body = parsed.body_text(0).unwrap();
    assert!(body.contains("la Sua casella m0@postacertificata.example."), "{body}");
    assert!(body.contains("concerns your mailbox m0@postacertificata.example."), "{body}");
    assert!(body.contains("non sarà più possibile inviare messaggi"), "{body}");
    for header in ["Auto-Submitted: auto-generated", "Precedence: bulk", "Content-Language: it, en"]
    {
        assert!(letter.text.contains(header), "{header}\n{}", letter.text);
    }
    assert!(letter.text.contains("Date: Mon, 16 Feb 2015 08:00:00"), "{}", letter.text);
}

#[tokio::test]
async fn one_connection_carries_many_letters_and_a_closed_one_is_replaced() {
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (mood, connections) in [(Mood::Willing, 1), (Mood::Tired, 20)] {
        let server = Server::start(mood).await;
        let world = World::with(20).await;
        settle(&world, &smtp(&server, "", contacts(&names))).await;
        assert_eq!((server.taken().len(), server.conversations()), (20, connections));
        assert_eq!(world.account().await.sent.len(), 20);
    }
}

#[tokio::test]
async fn an_unavailable_relay_fails_no_notice_and_claims_none() {
    let gone = Server::start(Mood::Willing).await;
    let address = gone.address;
    drop(gone);
    for mood in [Some(Mood::Hostile), Some(Mood::Strict), None] {
        let world = World::with(3).await;
        let mut server = Server::start(mood.unwrap_or(Mood::Willing)).await;
        if mood.is_none() {
            server.address = address;
        }
        let mailer = smtp(&server, "", contacts(&["anna", "bruno", "carla"]));
        let mut sender = world.sender(mailer);
        let mut waits = Vec::new();
        for _ in 0..4 {
            let tick = sender.tick().await.unwrap();
            let wake = tick.next_wake.unwrap();
            waits.push((wake - world.clock.now()).num_seconds());
            // A second earlier it still waits.
            world.set_clock(wake - TimeDelta::seconds(1));
            assert_eq!(sender.tick().await.unwrap().next_wake, Some(wake));
            world.set_clock(wake);
        }
        assert_eq!(waits, [5, 10, 20, 40], "{mood:?}");
        assert_eq!(world.log().await, [""; 0], "{mood:?}");
    }
}

#[tokio::test]
async fn it_logs_in_where_the_relay_requires_it() {
    let server = Server::start(Mood::Strict).await;
    let world = World::with(1).await;
    settle(&world, &smtp(&server, "notices@", contacts(&["anna"]))).await;
    assert_eq!((server.taken().len(), server.logins()), (1, 1));
}
