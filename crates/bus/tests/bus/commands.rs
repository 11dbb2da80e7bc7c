//! The contract of command inboxes and senders.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use bus::{
    Answer, AnswerStatus, CloudEvent, CommandInbox, CommandKind, CommandSender, Connection, Error,
    IncomingCommand, NatsOptions,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::given::{dead_letters, header};

/// An inbox and its sender.
struct Way {
    inbox: Arc<CommandInbox>,
    sender: CommandSender,
    url: String,
    programme: String,
}

impl Way {
    async fn dead_letters(&self) -> Vec<StreamMessage> {
        dead_letters(&self.url, &self.programme).await
    }
}

/// Longer than any answer takes.
const WAIT_FOR: Duration = Duration::from_secs(10);
/// Long enough to conclude that no answer comes.
const A_MOMENT: Duration = Duration::from_millis(100);
const KINDS: [CommandKind; 3] = [
    CommandKind::plain("place-hold"),
    CommandKind::plain("pause"),
    CommandKind::confidential("register"),
];

async fn way() -> Way {
    let url =
        std::env::var("TRAMONTO_TEST_NATS").expect("no nats-server to test with: run tests/run");
    let programme = format!("t{}", Uuid::now_v7().simple());
    let options = NatsOptions::new(&url, programme.parse().unwrap());
    let connection = Connection::open(&options).await.unwrap();
    let inbox = Arc::new(CommandInbox::open(&connection, &KINDS).await.unwrap());
    Way { inbox, sender: CommandSender::new(&connection), url, programme }
}

fn command(kind: &str) -> CloudEvent {
    CloudEvent {
        id: Uuid::now_v7().to_string(),
        source: "/court/7".into(),
        kind: CloudEvent::command_type(kind),
        data: r#"{"number":7,"reason":"città"}"#.into(),
        ..CloudEvent::default()
    }
}

async fn next(inbox: &CommandInbox) -> IncomingCommand {
    timeout(WAIT_FOR, inbox.next()).await.expect("a command").unwrap()
}

#[tokio::test]
async fn a_command_arrives_as_it_was_sent_and_its_answer_comes_back() {
    let way = way().await;
    let sent = command("place-hold").with("correlationid", Uuid::now_v7());
    let carry_out = async {
        let command = next(&way.inbox).await;
        assert_eq!((command.kind(), command.event()), ("place-hold", &sent));
        command.answer(Answer::accepted("the hold is placed", 41)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("place-hold", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap(), Answer::accepted("the hold is placed", 41));
    assert!(way.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_command_that_nobody_answered_is_sent_again_with_the_same_id() {
    let way = way().await;
    let sent = command("pause");
    let carry_out = async {
        let first = next(&way.inbox).await.event().id.clone();
        let again = next(&way.inbox).await;
        assert_eq!(again.event().id, first);
        again.answer(Answer::accepted("paused", 1)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("pause", &sent, 3 * WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap().status, AnswerStatus::Accepted);
}

#[tokio::test]
async fn a_command_that_was_not_processed_is_sent_again() {
    let way = way().await;
    let sent = command("pause");
    let carry_out = async {
        let first = next(&way.inbox).await;
        first.answer(Answer::unavailable("the store is out of reach")).await.unwrap();
        next(&way.inbox).await.answer(Answer::accepted("paused", 1)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("pause", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap().status, AnswerStatus::Accepted);
    assert!(way.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_refused_command_is_answered_and_kept() {
    let way = way().await;
    let sent = command("place-hold");
    let carry_out = async {
        let command = next(&way.inbox).await;
        command.answer(Answer::refused("mailbox 7 is withdrawn")).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("place-hold", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap(), Answer::refused("mailbox 7 is withdrawn"));
    let dead = way.dead_letters().await;
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!(header(letter, "Tramonto-Command"), Some("place-hold"));
    assert_eq!(header(letter, "ce-id"), Some(&*sent.id));
    assert_eq!(header(letter, "Tramonto-Reason"), Some("mailbox 7 is withdrawn"));
    assert_eq!(letter.payload, sent.data);
}

#[tokio::test]
async fn the_data_of_a_confidential_command_is_not_kept() {
    let way = way().await;
    let sent = command("register");
    let carry_out = async {
        let command = next(&way.inbox).await;
        assert_eq!(command.event().data, sent.data, "whoever carries it out reads it");
        command.answer(Answer::refused("it was registered otherwise before")).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("register", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap().status, AnswerStatus::Refused);
    let broken = CloudEvent { data: "{".into(), ..command("register") };
    let listening = tokio::spawn({
        let inbox = Arc::clone(&way.inbox);
        async move { inbox.next().await.map(|command| command.kind().to_owned()) }
    });
    let answer = way.sender.send("register", &broken, WAIT_FOR).await.unwrap();
    assert_eq!(answer.status, AnswerStatus::Invalid);
    let dead = way.dead_letters().await;
    assert!(dead.iter().all(|letter| header(letter, "Tramonto-Command") == Some("register")));
    assert!(dead.iter().all(|letter| letter.payload.is_empty()), "only that it came, and why not");
    let ids: Vec<_> = dead.iter().filter_map(|letter| header(letter, "ce-id")).collect();
    assert_eq!(ids, [sent.id, broken.id]);
    way.inbox.close();
    assert_eq!(listening.await.unwrap(), Err(Error::Closed));
}

#[tokio::test]
async fn an_unreadable_command_is_answered_and_dead_lettered() {
    let way = way().await;
    let malformed: [(&str, CloudEvent, &str); 7] = [
        ("sing", command("sing"), "unknown command \"sing\"; send one of place-hold, pause"),
        ("pause", CloudEvent { id: String::new(), ..command("pause") }, "ce-id is missing"),
        ("pause", CloudEvent { source: String::new(), ..command("pause") }, "ce-source is missing"),
        ("pause", command("place-hold"), "ce-type"),
        ("pause", CloudEvent { data: "{".into(), ..command("pause") }, "not a JSON document"),
        ("pause", CloudEvent { data: "".into(), ..command("pause") }, "not a JSON document"),
        ("pause", CloudEvent { data: vec![b' '; 70_000].into(), ..command("pause") }, "the limit"),
    ];
    let listening = tokio::spawn({
        let inbox = Arc::clone(&way.inbox);
        async move { inbox.next().await.map(|command| command.kind().to_owned()) }
    });
    for (kind, event, says) in &malformed {
        let answer = way.sender.send(kind, event, WAIT_FOR).await.unwrap();
        assert_eq!(answer.status, AnswerStatus::Invalid, "{answer:?}");
        assert!(answer.sentence.contains(says), "{:?} does not say {says:?}", answer.sentence);
    }
    let dead = way.dead_letters().await;
    assert_eq!(dead.len(), malformed.len());
    for ((kind, event, says), letter) in malformed.iter().zip(&dead) {
        assert_eq!(
            (header(letter, "Tramonto-Command"), &letter.payload),
            (Some(*kind), &event.data)
        );
        assert!(header(letter, "Tramonto-Reason").unwrap().contains(says), "{letter:?}");
    }
    assert!(!listening.is_finished(), "none of them is delivered");
    way.inbox.close();
    assert_eq!(listening.await.unwrap(), Err(Error::Closed));
}

#[tokio::test]
async fn a_sender_without_an_answer_gets_an_error() {
    let way = way().await;
    let answer = way.sender.send("pause", &command("pause"), A_MOMENT).await;
    let Err(error) = answer else { panic!("{answer:?}") };
    assert!(matches!(error, Error::Unavailable { .. }) && error.may_retry(), "{error}");
}

#[tokio::test]
async fn of_two_listeners_one_gets_a_command() {
    let way = way().await;
    let listen = || {
        let inbox = Arc::clone(&way.inbox);
        tokio::spawn(async move {
            let mut seen = 0_u32;
            while let Ok(command) = inbox.next().await {
                seen += 1;
                command.answer(Answer::accepted("paused", 1)).await.unwrap();
            }
            seen
        })
    };
    let (one, other) = (listen(), listen());
    for _ in 0..20 {
        way.sender.send("pause", &command("pause"), WAIT_FOR).await.unwrap();
    }
    way.inbox.close();
    assert_eq!(one.await.unwrap() + other.await.unwrap(), 20);
}

#[tokio::test]
async fn closing_wakes_listeners_and_lets_a_command_in_flight_be_answered() {
    let way = way().await;
    let sent = command("pause");
    let carry_out = async {
        let command = next(&way.inbox).await;
        let close = async {
            tokio::task::yield_now().await;
            way.inbox.close();
        };
        let (listened, ()) = tokio::join!(timeout(WAIT_FOR, way.inbox.next()), close);
        assert_eq!(listened.expect("it wakes").err(), Some(Error::Closed));
        command.answer(Answer::accepted("paused", 1)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("pause", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap().position, Some(1));
}
