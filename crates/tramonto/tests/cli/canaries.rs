//! Canaries on the command line, with a scripted mail server.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::scene::Scene;

/// A server on port 25 with the same reply for every recipient; it ends with the test.
struct Mx {
    url: String,
    reply: Arc<Mutex<&'static str>>,
}

const CLOSED: &str = "550 5.2.1 this mailbox no longer receives";
const OPEN: &str = "250 2.1.5 Ok";

impl Mx {
    fn saying(reply: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("its address"));
        let reply = Arc::new(Mutex::new(reply));
        let theirs = Arc::clone(&reply);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let reply = *theirs.lock().expect("a reply");
                converse(stream, reply);
            }
        });
        Self { url, reply }
    }

    fn say(&self, reply: &'static str) {
        *self.reply.lock().expect("a reply") = reply;
    }
}

/// Until either side hangs up.
fn converse(stream: TcpStream, reply: &str) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 mx\r\n").ok()?;
    let mut line = String::new();
    while stream.read_line(&mut line).ok()? > 0 {
        let answer = if line.starts_with("RCPT") { reply } else { "250 Ok" };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).ok()?;
        line.clear();
    }
    Some(())
}

/// A store whose plan has a canary: the first activated mailbox. All its phases are in the past.
pub(crate) fn watched() -> (Scene, String, u64) {
    let scene = Scene::empty();
    scene.ok(&["registry", "generate", "--registrations", "500", "--out", "registry.csv"]);
    let (address, number) = scene.activated();
    let plan = include_str!("../../../../deploy/plans/cec-pac.toml");
    scene.write("plan.toml", &format!("{plan}\n[canaries]\naddresses = [\"{address}\"]\n"));
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "trial"]);
    scene.ok(&["registry", "import", "registry.csv"]);
    (scene, address, number)
}

#[test]
fn a_probe_on_demand_is_shown_with_its_transcript_and_not_recorded() {
    let (scene, address, number) = watched();
    let mx = Mx::saying(CLOSED);
    let probe = ["canary", "probe", "--canary-smtp", &mx.url, "--transcript"];
    let told = scene.ok(&probe);
    assert!(told.contains("receive") && told.contains("refused"), "{told}");
    assert!(told.contains("> RCPT TO:<canary>\n< 550 5.2.1 this mailbox"), "{told}");
    assert!(!told.contains(&address), "{told}");

    mx.say(OPEN);
    let ran = scene.run(&[&probe[..], &["--json"]].concat());
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    let probed: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(probed[0]["number"], number);
    assert_eq!(probed[0]["findings"][0]["found"], "allowed");
    assert_eq!(scene.events(&["--kind", "canary-probed"]), Vec::<Value>::new());
}

#[test]
fn an_engine_that_comes_late_probes_the_phase_that_it_finds_and_says_what_was_missed() {
    let (scene, address, number) = watched();
    let mx = Mx::saying(OPEN);
    scene.ok(&["run", "--until-idle", "--canary-smtp", &mx.url]);
    let recorded = scene.events(&["--kind", "canary-probed"]);
    assert_eq!(recorded.len(), 1, "{recorded:#?}");
    let all = scene.json(&["canary", "show"]);
    let all = all.as_array().expect("a list");
    let missed = all.iter().filter(|one| one["state"] == "missed").count();
    assert_eq!((all.len(), missed), (10, 9), "both sides of five boundaries");
    let last = scene.json(&["canary", "show", "ended", "--transcript"]);
    assert_eq!(last[1]["number"], number);
    assert_eq!(last[1]["probe"]["event"]["transcripts"][0]["protocol"], "smtp");
    let told = scene.ok(&["canary", "show"]);
    assert!(told.contains("CONTRADICTS") && told.contains("missed"), "{told}");
    let status = scene.ok(&["status"]);
    assert!(
        status.contains(&format!("CANARY {number} contradicts the plan: receive was allowed")),
        "{status}"
    );
    for text in [&told, &status, &last.to_string(), &format!("{recorded:?}")] {
        assert!(!text.contains(&address), "{text}");
    }
    let unknown = scene.refused(&["canary", "show", "never"]);
    assert!(unknown.contains("the plan has no phase never"), "{unknown}");
}

#[test]
fn a_missing_setting_for_a_probe_is_reported() {
    let scene = Scene::of_500();
    let told = scene.refused(&["canary", "probe"]);
    assert!(told.contains("no server is named; give --canary-smtp"), "{told}");
    let told = scene.refused(&["canary", "probe", "--canary-smtp", "smtp://127.0.0.1:1"]);
    assert!(told.contains("the plan has no canaries"), "{told}");
    let told = scene.refused(&["run", "--until-idle", "--canary-imap", "imap://127.0.0.1:1"]);
    assert!(told.contains("canaries have no password"), "{told}");
    let told = scene.ok(&["canary", "show"]);
    assert!(told.starts_with("no canaries: the plan has none"), "{told}");
}

#[test]
fn the_password_of_the_canaries_is_never_shown() {
    let scene = Scene::empty();
    let mut command = scene.command(&["config", "--canary-imap", "imaps://me:pw@mail.example"]);
    command.env("TRAMONTO_CANARY_PASSWORD", "not-to-be-told");
    let output = command.output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("canary-password") && told.contains("***"), "{told}");
    assert!(!told.contains("not-to-be-told") && !told.contains("me:pw"), "{told}");
}
