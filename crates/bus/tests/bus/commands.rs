//! The contract of command inboxes and senders, for every adapter.

use std::sync::Arc;
use std::time::Duration;

use bus::{
    Answer, AnswerStatus, CloudEvent, CommandInbox, CommandKind, CommandSender, Connection, Error,
    InProcessCommands, IncomingCommand, NatsCommandInbox, NatsCommandSender, NatsOptions,
};
use tokio::time::timeout;
use uuid::Uuid;

/// An inbox and its sender.
struct Way {
    inbox: Arc<dyn CommandInbox>,
    sender: Arc<dyn CommandSender>,
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

macro_rules! contract {
    ($adapter:ident, $make:expr) => {
        contract!($adapter, $make,
            a_command_arrives_as_it_was_sent_and_its_answer_comes_back,
            a_command_that_nobody_answered_is_sent_again_with_the_same_id,
            a_command_that_was_not_processed_is_sent_again,
            a_refused_command_is_answered_and_kept,
            an_unreadable_command_is_answered_and_dead_lettered,
            the_data_of_a_confidential_command_is_not_kept,
            a_sender_without_an_answer_gets_an_error,
            of_two_listeners_one_gets_a_command,
            closing_wakes_listeners_and_lets_a_command_in_flight_be_answered,
        );
    };
    ($adapter:ident, $make:expr, $($claim:ident),+ $(,)?) => {
        mod $adapter {
            use super::*;
            $(
                #[tokio::test]
                async fn $claim() {
                    super::$claim($make.await).await;
                }
            )+
        }
    };
}

contract!(in_process, async {
    let commands = Arc::new(InProcessCommands::new(&KINDS));
    Way { inbox: commands.clone(), sender: commands }
});

contract!(nats, async {
    let url =
        std::env::var("TRAMONTO_TEST_NATS").expect("no nats-server to test with: run tests/run");
    let programme = format!("t{}", Uuid::now_v7().simple()).parse().unwrap();
    let connection = Connection::open(&NatsOptions::new(&url, programme)).await.unwrap();
    let inbox = NatsCommandInbox::open(&connection, &KINDS).await.unwrap();
    Way { inbox: Arc::new(inbox), sender: Arc::new(NatsCommandSender::new(&connection)) }
});

fn command(kind: &str) -> CloudEvent {
    CloudEvent {
        id: Uuid::now_v7().to_string(),
        source: "/court/7".into(),
        kind: CloudEvent::command_type(kind),
        data: r#"{"number":7,"reason":"città"}"#.into(),
        ..CloudEvent::default()
    }
}

async fn next(inbox: &Arc<dyn CommandInbox>) -> Box<dyn IncomingCommand> {
    timeout(WAIT_FOR, inbox.next()).await.expect("a command").unwrap()
}

async fn a_command_arrives_as_it_was_sent_and_its_answer_comes_back(way: Way) {
    let sent = command("place-hold").with("correlationid", Uuid::now_v7());
    let carry_out = async {
        let command = next(&way.inbox).await;
        assert_eq!((command.kind(), command.event()), ("place-hold", &sent));
        command.answer(Answer::accepted("the hold is placed", 41)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("place-hold", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap(), Answer::accepted("the hold is placed", 41));
    assert!(way.inbox.dead_letters().await.unwrap().is_empty());
}

async fn a_command_that_nobody_answered_is_sent_again_with_the_same_id(way: Way) {
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

async fn a_command_that_was_not_processed_is_sent_again(way: Way) {
    let sent = command("pause");
    let carry_out = async {
        let first = next(&way.inbox).await;
        first.answer(Answer::unavailable("the store is out of reach")).await.unwrap();
        next(&way.inbox).await.answer(Answer::accepted("paused", 1)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("pause", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap().status, AnswerStatus::Accepted);
    assert!(way.inbox.dead_letters().await.unwrap().is_empty());
}

async fn a_refused_command_is_answered_and_kept(way: Way) {
    let sent = command("place-hold");
    let carry_out = async {
        let command = next(&way.inbox).await;
        command.answer(Answer::refused("mailbox 7 is withdrawn")).await.unwrap();
    };
    let (answer, ()) = tokio::join!(way.sender.send("place-hold", &sent, WAIT_FOR), carry_out);
    assert_eq!(answer.unwrap(), Answer::refused("mailbox 7 is withdrawn"));
    let dead = way.inbox.dead_letters().await.unwrap();
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((&*letter.kind, letter.id.as_ref()), ("place-hold", Some(&sent.id)));
    assert_eq!((&*letter.reason, &letter.data), ("mailbox 7 is withdrawn", &sent.data));
}

async fn the_data_of_a_confidential_command_is_not_kept(way: Way) {
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
    let dead = way.inbox.dead_letters().await.unwrap();
    let kept: Vec<_> =
        dead.iter().map(|letter| (&*letter.kind, letter.id.as_ref(), &*letter.data)).collect();
    let nothing: &[u8] = b"";
    let expected = [("register", Some(&sent.id), nothing), ("register", Some(&broken.id), nothing)];
    assert_eq!(kept, expected, "that it came, and why it was refused");
    way.inbox.close();
    assert_eq!(listening.await.unwrap(), Err(Error::Closed));
}

async fn an_unreadable_command_is_answered_and_dead_lettered(way: Way) {
    let malformed: [(&str, CloudEvent, &str); 7] = [
        ("sing", command("sing"), "is no command; send one of place-hold, pause"),
        ("pause", CloudEvent { id: String::new(), ..command("pause") }, "ce-id is missing"),
        ("pause", CloudEvent { source: String::new(), ..command("pause") }, "ce-source is missing"),
        ("pause", command("place-hold"), "ce-type"),
        ("pause", CloudEvent { data: "{".into(), ..command("pause") }, "not a JSON document"),
        ("pause", CloudEvent { data: "".into(), ..command("pause") }, "not a JSON document"),
        ("pause", CloudEvent { data: vec![b' '; 70_000].into(), ..command("pause") }, "at most"),
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
    let dead = way.inbox.dead_letters().await.unwrap();
    assert_eq!(dead.len(), malformed.len());
    for ((kind, event, says), letter) in malformed.iter().zip(&dead) {
        assert_eq!((*kind, &event.data), (&*letter.kind, &letter.data));
        assert!(letter.reason.contains(says), "{letter:?}");
    }
    assert!(!listening.is_finished(), "none of them is delivered");
    way.inbox.close();
    assert_eq!(listening.await.unwrap(), Err(Error::Closed));
}

async fn a_sender_without_an_answer_gets_an_error(way: Way) {
    let answer = way.sender.send("pause", &command("pause"), A_MOMENT).await;
    let Err(error) = answer else { panic!("{answer:?}") };
    assert!(matches!(error, Error::Unavailable { .. }) && error.may_retry(), "{error}");
}

async fn of_two_listeners_one_gets_a_command(way: Way) {
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

async fn closing_wakes_listeners_and_lets_a_command_in_flight_be_answered(way: Way) {
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
