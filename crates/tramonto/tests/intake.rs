//! The real process receives messages from a mail server, and may be killed at any moment.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const INTAKE: &str = "richiestapec@agid.gov.it";
const TIMEOUT: Duration = Duration::from_mins(1);

struct Scene {
    folder: TempDir,
}

impl Scene {
    /// A store with the plan of CEC-PAC.
    fn new() -> Self {
        Self::that_ends("2018-03-18")
    }

    /// The same, with this start of the last phase.
    fn that_ends(end: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let plan = place.folder.path().join("plan.toml");
        let text = include_str!("../../../deploy/plans/cec-pac.toml").replace("2018-03-18", end);
        std::fs::write(&plan, text).unwrap();
        place.done(&["plan", "adopt", plan.to_str().unwrap(), "--reason", "a test"]);
        let registry = place.folder.path().join("registry.csv");
        let registry = registry.to_str().unwrap();
        place.done(&["registry", "generate", "--registrations", "20", "--out", registry]);
        place.done(&["registry", "import", registry]);
        place
    }

    fn tramonto(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tramonto"));
        command.arg("--store").arg(self.folder.path().join("store")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn done(&self, arguments: &[&str]) -> String {
        let done = self.tramonto(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {told}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp")
    }

    /// The running service; it listens already.
    fn serve(&self) -> Child {
        let listen = format!("unix:{}", self.socket().display());
        let mut command =
            self.tramonto(&["service", "intake", "--per-sender", "100000", "--listen", &listen]);
        let mut service = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            assert!(service.try_wait().unwrap().is_none(), "the service ended");
            assert!(begun.elapsed() < TIMEOUT, "the service does not listen");
            std::thread::yield_now();
        }
        service
    }

    /// The Message-IDs of all stored messages, by number.
    fn kept(&self) -> Vec<String> {
        let mut all = Vec::new();
        for status in ["new", "held", "done"] {
            let listed =
                self.done(&["message", "list", "--json", "--status", status, "--limit", "10000"]);
            let listed: Value = serde_json::from_str(&listed).unwrap();
            for message in listed["messages"].as_array().unwrap() {
                let number = message["number"].to_string();
                let content = self.done(&["message", "show", &number, "--content"]);
                let id = content.lines().find_map(|line| line.strip_prefix("Message-ID: "));
                all.push(id.unwrap().to_owned());
            }
        }
        all.sort_unstable();
        all
    }
}

/// An LMTP session with the service.
struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    fn connect(place: &Scene) -> Self {
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
    let place = Scene::new();
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
    let process = service.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &process]).status().unwrap().success());
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
    let place = Scene::new();
    let file = place.folder.path().join("message.eml");
    std::fs::write(
        &file,
        "Return-Path: <a@b.example>\r\nFrom: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(place.done(&["message", "list"]), "no message has been received yet\n");
    for _ in 0..2 {
        assert_eq!(place.done(&["message", "receive", file]), "message 1 is kept\n");
    }
    let listed = place.done(&["message", "list", "--status", "new"]);
    let shown = place.done(&["message", "show", "1"]);
    for told in [&listed, &shown] {
        assert!(!told.contains('@') && !told.contains("RSSMRA"), "{told}");
    }
    let shown: Value =
        serde_json::from_str(&place.done(&["message", "show", "1", "--json"])).unwrap();
    assert_eq!((&shown["read_as"], &shown["names_codici_fiscali"]), (&"request".into(), &1.into()));
    assert!(place.done(&["message", "show", "1", "--content"]).contains("RSSMRA85T10A562S"));
    let holder = ["message", "release", "1", "--holder", "nobody@postacertificata.example"];
    let refused = place.tramonto(&holder).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && told.contains("the registry has no such address"),
        "{told}"
    );
    for wrong in [["message", "show", "2"], ["message", "release", "1"]] {
        let refused = place.tramonto(&wrong).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{wrong:?}");
    }
}

#[test]
fn what_waits_in_quarantine_is_released_or_turned_down_by_an_operator_and_kept() {
    let place = Scene::that_ends("2090-03-18");
    let file = place.folder.path().join("message.eml");
    // A request from an unknown sender waits for an operator.
    let text = "Return-Path: <a@b.example>\r\nFrom: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";
    std::fs::write(&file, text).unwrap();
    place.done(&["message", "receive", file.to_str().unwrap()]);
    let count = |status: &str| {
        let listed = place.done(&["message", "list", "--json", "--status", status]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["messages"].as_array().unwrap().len()
    };
    let looked_at = || {
        let mut service = place.serve();
        let begun = Instant::now();
        while count("held") == 0 {
            assert!(begun.elapsed() < TIMEOUT, "nobody looks at it");
        }
        let process = service.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &process]).status().unwrap().success());
        assert!(service.wait().unwrap().success());
    };
    looked_at();
    let released = place.done(&["message", "release", "1"]);
    assert_eq!(released, "message 1 is processed again, as written by a person\n");
    assert_eq!((count("new"), count("held")), (1, 0));
    let early = ["message", "refuse", "1", "--reason", "no request"];
    assert_eq!(place.tramonto(&early).output().unwrap().status.code(), Some(1));
    looked_at();
    assert_eq!(
        place.done(&["message", "refuse", "1", "--reason", "no request"]),
        "message 1 is refused, and kept\n"
    );
    assert_eq!((count("refused"), count("held")), (1, 0));
    assert!(place.done(&["message", "show", "1", "--content"]).ends_with("RSSMRA85T10A562S\r\n"));

    // For another one, an operator identifies the holder.
    std::fs::write(&file, text.replace("RSSMRA", "VRDLGI")).unwrap();
    place.done(&["message", "receive", file.to_str().unwrap()]);
    looked_at();
    let told = place.done(&["message", "release", "2", "--holder", "3"]);
    assert_eq!(told, "message 2 is processed again, as that holder's request\n");
    let shown = place.done(&["message", "show", "2", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let (status, mailbox) = (&shown["status"], &shown["mailbox"]);
    assert_eq!((status, mailbox), (&"new".into(), &3.into()));
}

#[test]
fn an_address_that_an_amendment_moved_counts_without_a_restart() {
    let place = Scene::new();
    let mut service = place.serve();
    let mut lmtp = Lmtp::connect(&place);
    assert!(lmtp.deliver("<1@b.example>").unwrap().starts_with("250 "));
    let plan = place.folder.path().join("plan.toml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace(INTAKE, "voucher@agid.gov.it")).unwrap();
    place.done(&["plan", "amend", plan.to_str().unwrap(), "--reason", "a test"]);
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
    let place = Scene::new();
    let letters = place.folder.path().join("letters");
    let folder = letters.to_str().unwrap();
    let told = place.done(&["message", "export-templates", folder]);
    assert!(told.starts_with("16 templates are in "), "{told}");
    let refused = |arguments: &[&str]| {
        let ended = place.tramonto(arguments).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(ended.stderr).unwrap()
    };
    let again = refused(&["message", "export-templates", folder]);
    assert!(again.contains("name a folder of your own without templates"), "{again}");
    std::fs::write(letters.join("granted.en.txt"), "Your voucher\n\nHere it is.\n").unwrap();
    let service = ["service", "intake", "--listen", "127.0.0.1:0", "--letters", folder];
    let wrong = refused(&service);
    assert!(wrong.contains("template granted.en.txt: text lacks the code"), "{wrong}");
}

#[test]
fn a_plan_without_vouchers_has_no_intake() {
    let place = Scene { folder: tempfile::tempdir().unwrap() };
    let refused = place.tramonto(&["service", "intake"]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("tramonto"), "{told}");
}
