//! The real process receives messages from a mail server, and may be killed at any moment.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::process::send;
use crate::scene::Scene;
use crate::wait;

const INTAKE: &str = "richiestapec@agid.gov.it";
const TIMEOUT: Duration = Duration::from_mins(1);

/// A store with the plan of CEC-PAC.
fn scene() -> Scene {
    Scene::ending("2018-03-18", 20)
}

/// The intake service of a store.
struct Intake<'a>(&'a Scene);

impl Intake<'_> {
    fn socket(&self) -> PathBuf {
        self.0.path("lmtp")
    }

    /// The running service; it listens already.
    fn serve(&self) -> Child {
        let listen = format!("unix:{}", self.socket().display());
        let mut command =
            self.0.command(&["service", "intake", "--per-sender", "100000", "--listen", &listen]);
        let mut service = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let listens = wait::until(TIMEOUT, || {
            assert!(service.try_wait().unwrap().is_none(), "the service ended");
            UnixStream::connect(self.socket()).is_ok()
        });
        assert!(listens, "the service does not listen");
        service
    }

    /// The Message-IDs of all stored messages, by number.
    fn kept(&self) -> Vec<String> {
        let mut all = Vec::new();
        for status in ["new", "held", "done"] {
            let all_of = ["message", "list", "--status", status, "--limit", "10000"];
            let listed = self.0.json(&all_of);
            for message in listed["messages"].as_array().unwrap() {
                let number = message["number"].to_string();
                let content = self.0.ok(&["message", "show", &number, "--content"]);
                let id = content.lines().find_map(|line| line.strip_prefix("Message-ID: "));
                all.push(id.unwrap().to_owned());
            }
        }
        all.sort_unstable();
        all
    }
}

/// Runs the service until so many messages are in quarantine.
pub(crate) fn process(scene: &Scene, held: usize) {
    let mut service = Intake(scene).serve();
    let listed = || scene.json(&["message", "list"])["messages"].as_array().map_or(0, Vec::len);
    assert!(wait::until(TIMEOUT, || listed() >= held), "not processed");
    send("TERM", service.id());
    assert!(service.wait().unwrap().success());
}

/// An LMTP session with the service.
struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    fn connect(place: &Intake<'_>) -> Self {
        let stream = UnixStream::connect(place.socket()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut lmtp = Self(BufReader::new(stream));
        assert!(lmtp.hear().unwrap().starts_with("220 "));
        lmtp.say("LHLO mx.example\r\n").unwrap();
        while lmtp.hear().unwrap().as_bytes()[3] == b'-' {}
        lmtp
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())
    }

    /// The next line; `None` if the service is gone.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap_or(0);
        (read > 0 && line.ends_with("\r\n")).then_some(line)
    }

    /// Delivers a message in one piece, like servers that pipeline; returns the reply, `None` if
    /// there was none.
    fn deliver(&mut self, id: &str) -> Option<String> {
        self.deliver_to(INTAKE, id)
    }

    fn deliver_to(&mut self, recipient: &str, id: &str) -> Option<String> {
        let message = format!(
            "MAIL FROM:<a@b.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\nFrom: \
             a@b.example\r\nMessage-ID: {id}\r\n\r\n\
             hello\r\n.\r\n"
        );
        self.say(&message).ok()?;
        (0..4).map(|_| self.hear()).last().flatten()
    }
}

#[test]
fn an_acknowledged_message_is_stored_once_despite_kills() {
    let scene = scene();
    let place = Intake(&scene);
    let mut answered = Vec::new();
    for round in 0..8 {
        let mut service = place.serve();
        let mut lmtp = Lmtp::connect(&place);
        // Killed later in each round, while it replies.
        let killer = std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            scope.spawn(move || {
                let _first: Result<(), _> = told.recv();
                service.kill().unwrap();
                service.wait().unwrap();
            });
            let mut mine = Vec::new();
            for number in 0..1_000 {
                let id = format!("<{round}.{number}@b.example>");
                match lmtp.deliver(&id) {
                    Some(answer) if answer.starts_with("250 ") => mine.push(id),
                    Some(answer) => panic!("{answer}"),
                    None => break,
                }
                if number == round * 3 {
                    tell.send(()).unwrap();
                }
            }
            mine
        });
        assert!(!killer.is_empty() && killer.len() < 1_000);
        answered.extend(killer);
    }
    // Messages in flight at the kill are sent again, and so are acknowledged ones.
    let mut service = place.serve();
    let mut lmtp = Lmtp::connect(&place);
    for id in answered.iter().take(5) {
        assert!(lmtp.deliver(id).unwrap().starts_with("250 "));
    }
    // On shutdown it asks waiting clients to retry, and removes its socket.
    send("TERM", service.id());
    let mut rest = String::new();
    lmtp.0.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("421 "), "{rest}");
    assert!(service.wait().unwrap().success());
    assert!(!place.socket().exists());
    let kept = place.kept();
    let mut once = kept.clone();
    once.dedup();
    assert_eq!(kept, once, "a message is there twice");
    for id in &answered {
        assert!(kept.binary_search(id).is_ok(), "{id} was answered and is not there");
    }
}

#[test]
fn an_operator_sees_what_came_and_nobody_else_is_named() {
    let scene = scene();
    let file = "message.eml";
    let text = "Return-Path: <a@b.example>\r\nFrom: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";
    scene.write(file, text);
    assert_eq!(scene.ok(&["message", "list"]), "no message has been received yet\n");
    for _ in 0..2 {
        assert_eq!(scene.ok(&["message", "receive", file]), "message 1 is kept\n");
    }
    let listed = scene.ok(&["message", "list", "--status", "new"]);
    let shown = scene.ok(&["message", "show", "1"]);
    for told in [&listed, &shown] {
        assert!(!told.contains('@') && !told.contains("RSSMRA"), "{told}");
    }
    let shown = scene.json(&["message", "show", "1"]);
    assert_eq!((&shown["read_as"], &shown["names_codici_fiscali"]), (&"request".into(), &1.into()));
    assert!(scene.ok(&["message", "show", "1", "--content"]).contains("RSSMRA85T10A562S"));
    let holder = ["message", "release", "1", "--holder", "nobody@postacertificata.example"];
    let told = scene.refused(&holder);
    assert!(told.contains("the registry has no such address"), "{told}");
    for wrong in [["message", "show", "2"], ["message", "release", "1"]] {
        scene.refused(&wrong);
    }
    let told = scene.refused(&["message", "release", "1"]);
    assert!(told.contains("message 1 is new, not in quarantine"), "{told}");
}

#[test]
fn what_waits_in_quarantine_is_released_or_turned_down_by_an_operator_and_kept() {
    let scene = Scene::ending("2090-03-18", 20);
    // A request from an unknown sender waits for an operator.
    let text = "Return-Path: <a@b.example>\r\nFrom: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";
    scene.write("message.eml", text);
    scene.ok(&["message", "receive", "message.eml"]);
    let count = |status: &str| {
        let listed = scene.json(&["message", "list", "--status", status]);
        listed["messages"].as_array().unwrap().len()
    };
    let looked_at = || process(&scene, 1);
    looked_at();
    let released = scene.ok(&["message", "release", "1"]);
    assert_eq!(released, "message 1 is processed again, as written by a person\n");
    assert_eq!((count("new"), count("held")), (1, 0));
    let early = ["message", "refuse", "1", "--reason", "no request"];
    scene.refused(&early);
    looked_at();
    assert_eq!(
        scene.ok(&["message", "refuse", "1", "--reason", "no request"]),
        "message 1 is refused, and kept\n"
    );
    assert_eq!((count("refused"), count("held")), (1, 0));
    assert!(scene.ok(&["message", "show", "1", "--content"]).ends_with("RSSMRA85T10A562S\r\n"));

    // For another one, an operator identifies the holder.
    scene.write("message.eml", &text.replace("RSSMRA", "VRDLGI"));
    scene.ok(&["message", "receive", "message.eml"]);
    looked_at();
    let told = scene.ok(&["message", "release", "2", "--holder", "3"]);
    assert_eq!(told, "message 2 is processed again, as that holder's request\n");
    let shown = scene.json(&["message", "show", "2"]);
    let (status, mailbox) = (&shown["status"], &shown["mailbox"]);
    assert_eq!((status, mailbox), (&"new".into(), &3.into()));
}

#[test]
fn an_address_that_an_amendment_moved_counts_without_a_restart() {
    let scene = scene();
    let place = Intake(&scene);
    let mut service = place.serve();
    let mut lmtp = Lmtp::connect(&place);
    assert!(lmtp.deliver("<1@b.example>").unwrap().starts_with("250 "));
    let plan = scene.read("plan.toml").replace(INTAKE, "voucher@agid.gov.it");
    scene.write("plan.toml", &plan);
    scene.ok(&["plan", "amend", "plan.toml", "--reason", "a test"]);
    // The next message makes the service read the log; without one it does so every minute.
    let begun = Instant::now();
    for number in 2.. {
        let id = format!("<{number}@b.example>");
        let mut named = Lmtp::connect(&place);
        if named.deliver_to("voucher@agid.gov.it", &id).unwrap().starts_with("250 ") {
            break;
        }
        assert!(begun.elapsed() < TIMEOUT, "the new address is nobody's");
        let mut again = Lmtp::connect(&place);
        again.deliver(&id).unwrap();
    }
    service.kill().unwrap();
    service.wait().unwrap();
}

#[test]
fn an_operator_edits_the_words_of_letters_and_wrong_ones_are_told_before_any_letter_is_sent() {
    let scene = scene();
    let told = scene.ok(&["message", "export-templates", "letters"]);
    assert!(told.starts_with("16 templates are in "), "{told}");
    let again = scene.refused(&["message", "export-templates", "letters"]);
    assert!(again.contains("name a folder of your own without templates"), "{again}");
    scene.write("letters/granted.en.txt", "Your voucher\n\nHere it is.\n");
    let service = ["service", "intake", "--listen", "127.0.0.1:0", "--letters", "letters"];
    let wrong = scene.run(&service);
    assert_eq!(wrong.code, Some(1), "{}", wrong.err);
    let lacks = "template granted.en.txt: text lacks the code";
    assert!(wrong.err.contains(lacks), "{}", wrong.err);
}

#[test]
fn a_plan_without_vouchers_has_no_intake() {
    let told = Scene::empty().refused(&["service", "intake"]);
    assert!(told.contains("tramonto"), "{told}");
}
