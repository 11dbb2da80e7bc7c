//! The lifetime of signing keys: published before they sign, removed after their last use, and
//! revoked when they leak.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::free_address;
use crate::scene::Scene;
use crate::vouchers::{redeem, scene_with, verified};
use crate::wait;

const TIMEOUT: Duration = Duration::from_mins(1);
const LIST: [&str; 2] = ["key", "list"];
const ROTATE: [&str; 4] = ["key", "rotate", "--reason", "the yearly round"];

/// A rotation with additional arguments.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&ROTATE[..], more].concat()
}

fn states(listed: &Value) -> Vec<&str> {
    let keys = listed.as_array().expect("keys");
    keys.iter().map(|key| key["state"].as_str().expect("a state")).collect()
}

/// The content of the key folder.
fn kept(scene: &Scene) -> Value {
    serde_json::from_str(&scene.read("tramonto-store/keys/keyring.json")).expect("JSON")
}

#[test]
fn a_key_waits_a_week_before_it_signs_and_is_published_meanwhile() {
    let scene = scene_with("");
    let first = scene.json(&LIST)[0]["kid"].clone();
    let rotated = scene.json(&ROTATE);
    let listed = scene.json(&LIST);
    assert_eq!(states(&listed), ["active", "next"]);
    assert_eq!((&listed[1]["kid"], &listed[0]["kid"]), (&rotated["kid"], &first));
    assert_eq!(listed[0]["signs_until"], listed[1]["signs_from"]);
    assert_eq!(scene.ok(&LIST).matches("without end").count(), 1, "of the key that is replaced");
    assert_eq!((&rotated["until"], &listed[0]["verifies_until"]), (&Value::Null, &Value::Null));
    let instant = |value: &Value| -> chrono::DateTime<chrono::Utc> {
        value.as_str().expect("an instant").parse().expect("an instant")
    };
    let notice = instant(&rotated["signs_from"]) - instant(&listed[1]["created_at"]);
    assert!((6..=7).contains(&notice.num_days()), "{notice}");
    let published = scene.json(&["key", "export"]);
    assert_eq!(published["keys"].as_array().expect("keys").len(), 2);

    let recorded = scene.events(&["--kind", "keys-rotated"]);
    let said = &recorded[0]["payload"];
    assert_eq!((&said["kid"], &said["retired"]), (&rotated["kid"], &first));
    assert_eq!((&said["at"], said.get("verifies_until")), (&rotated["signs_from"], None));
    let waiting = scene.refused(&ROTATE);
    assert!(waiting.contains("is already waiting to sign"), "{waiting}");
    assert_eq!(scene.events(&["--kind", "keys-rotated"]).len(), 1);

    // Its day has come: the next process that opens the folder deletes the previous private key.
    let mut file = kept(&scene);
    assert!(file["signing"][0]["private"].is_string(), "it signs for a week");
    file["signing"][0]["retired"]["at"] = json!("2026-01-01T00:00:00Z");
    scene.write("tramonto-store/keys/keyring.json", &file.to_string());
    assert_eq!(states(&scene.json(&LIST)), ["retired", "active"]);
    let file = kept(&scene);
    assert!(file["signing"][0].get("private").is_none(), "it is kept");
    assert!(file["signing"][1]["private"].is_string());
}

#[test]
fn a_key_signs_on_the_given_day_which_must_not_be_too_near() {
    let scene = scene_with("");
    let listed = scene.json(&LIST);
    let today = listed[0]["created_at"].as_str().and_then(|at| at.get(..10)).expect("a day");
    let near = scene.refused(&with(&["--from", today]));
    assert!(near.contains("--from") && near.contains("--at-once"), "{near}");
    let early = scene.refused(&with(&["--from", "2080-01-01", "--until", "2079-12-30"]));
    assert!(early.contains("--until"), "{early}");
    assert_eq!(scene.run(&with(&["--from", "2080-01-01", "--at-once"])).code, Some(2));
    assert_eq!(states(&scene.json(&LIST)), ["active"], "nothing was done");
    let rotated = scene.json(&with(&["--from", "2080-01-01"]));
    assert_eq!(rotated["signs_from"], "2079-12-31T23:00:00Z");
    let first = scene.json(&LIST)[0]["kid"].clone();
    let at_once = scene.json(&with(&["--at-once"]));
    let listed = scene.json(&LIST);
    assert_eq!(states(&listed), ["retired", "retired", "active"]);
    assert_eq!(listed[2]["kid"], at_once["kid"]);
    // The log has the same event of the waiting key as now.
    let recorded = scene.events(&["--kind", "keys-rotated"]);
    let said: Vec<_> = recorded.iter().map(|event| &event["payload"]).collect();
    assert_eq!(said.len(), 3);
    assert_eq!(said[1]["kid"], said[0]["kid"]);
    assert_eq!(said[1]["retired"], first);
    assert_eq!((&said[1]["at"], &said[2]["at"]), (&at_once["signs_from"], &at_once["signs_from"]));
    assert_eq!(said[2]["kid"], at_once["kid"]);
}

#[test]
fn the_previous_key_verifies_as_long_as_its_signatures_are_needed() {
    // Requesters keep their message-log exports, whatever the vouchers' last day is.
    let scene = scene_with("redeem-by = 2089-12-31");
    assert_eq!(scene.json(&ROTATE)["until"], Value::Null);
    let plan = scene.read("plan.toml").replace("\"request-logs\", ", "");
    let scene = Scene::empty();
    scene.write("plan.toml", &plan);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "a trial"]);
    assert_eq!(scene.json(&ROTATE)["until"], "2089-12-31");
}

#[test]
fn signatures_of_a_leaked_key_end_at_once_and_the_log_records_it() {
    let scene = scene_with("");
    let (address, _) = scene.activated();
    verified(&scene, &address);
    let grant = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    let token = grant["token"].as_str().expect("a token");
    let kid = scene.json(&LIST)[0]["kid"].as_str().expect("a kid").to_owned();
    let retire = ["key", "retire", &kid, "--reason", "file 82"];
    assert_eq!(scene.run(&retire[..3]).code, Some(2), "nothing ends without a reason");
    let signs = scene.refused(&retire);
    assert!(signs.contains("rotate --at-once"), "{signs}");
    scene.json(&[&ROTATE[..], &["--at-once"]].concat());
    let later = [&retire[..], &["--until", "2080-06-30"]].concat();
    assert_eq!(scene.json(&later)["verifies_until"], "2080-06-30T21:59:59.999999999Z");
    let retired = scene.json(&retire);
    let refused = redeem(&scene, token, "posta-sicura");
    assert!(refused.err.contains("not signed by a valid key"), "{}", refused.err);
    assert_eq!(scene.json(&["key", "export"])["keys"].as_array().map(Vec::len), Some(1));
    let code = grant["code"].as_str().expect("a code");
    assert_eq!(redeem(&scene, code, "posta-sicura").code, Some(0), "the code is good as before");

    let recorded = scene.events(&["--kind", "keys-rotated"]);
    let until: Vec<_> =
        recorded.iter().map(|event| event["payload"].get("verifies_until")).collect();
    let brought_forward = json!("2080-06-30T21:59:59.999999999Z");
    assert_eq!(until, [None, Some(&brought_forward), Some(&retired["verifies_until"])]);
    assert_eq!(recorded[2]["reason"], "file 82");
    assert_eq!(recorded[2]["payload"]["retired"], json!(kid));
    let summary = recorded[2]["summary"].as_str().expect("a summary");
    assert!(summary.starts_with(&format!("signatures of {kid} are invalid from ")), "{summary}");
    for off in [&retire[..], &later] {
        let ended = scene.refused(off);
        assert!(ended.contains("but not postponed"), "{ended}");
    }
    let mut other = retire;
    other[2] = "-another";
    assert!(scene.refused(&other).contains("there is no key -another"));
}

/// The public portal; killed when it is dropped.
struct Portal(Child, String);

impl Portal {
    fn start(scene: &Scene) -> Self {
        let address = free_address().to_string();
        let mut command = scene.command(&["service", "portal", "--listen", &address]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        let listens = || TcpStream::connect(&address).is_ok();
        assert!(wait::until(TIMEOUT, listens), "the portal does not listen");
        Self(child, address)
    }

    fn asked(&self) -> String {
        let mut stream = TcpStream::connect(&self.1).expect("it listens");
        let request = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Verifies a token with a library of another language, which fetches the keys itself. Needs
    /// `PyJWT` and `cryptography` in the Python that `TRAMONTO_PYTHON` names, or in `python3`.
    fn read_in_python(&self, token: &str) -> Value {
        let jwks_uri = format!("http://{}/.well-known/jwks.json", self.1);
        // Without a clock: vouchers do not expire here.
        let given = json!({ "jwks_uri": jwks_uri, "token": token, "issuer": "cec-pac", "now": 0 });
        let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../vouchers/tests/verify_token.py");
        let mut command = Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut typed = child.stdin.take().expect("a pipe");
        typed.write_all(given.to_string().as_bytes()).expect("it reads");
        drop(typed);
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("JSON")
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_provider_fetches_the_published_keys_and_has_each_before_it_signs() {
    let scene = scene_with("");
    let (address, number) = scene.activated();
    verified(&scene, &address);
    let grant = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    let token = grant["token"].as_str().expect("a token");
    let portal = Portal::start(&scene);
    let answer = portal.asked();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let head = head.to_lowercase();
    for line in ["content-type: application/jwk-set+json", "cache-control: public, max-age=3600"] {
        assert!(head.starts_with("http/1.1 200 ") && head.contains(line), "{head}");
    }
    let printed = scene.json(&["key", "export"]);
    assert_eq!(serde_json::from_str::<Value>(body).expect("JSON"), printed);
    let read = portal.read_in_python(token);
    assert_eq!((&read["issue"], &read["iss"]), (&json!(1), &json!("cec-pac")), "{read}");

    // Changes of the keys take effect on the next request.
    let next = scene.json(&ROTATE)["kid"].as_str().expect("a kid").to_owned();
    assert!(portal.asked().contains(&next), "it signs in a week");
    let last = scene.json(&[&ROTATE[..], &["--at-once"]].concat());
    assert!(!portal.asked().contains(&next), "it never signed");
    let again = ["voucher", "reissue", &number.to_string(), "--reason", "letter 13"];
    let again = scene.json(&again);
    let read = portal.read_in_python(again["token"].as_str().expect("a token"));
    assert_eq!(read["issue"], json!(2), "{read} by {last}");
    let first = printed["keys"][0]["kid"].as_str().expect("a kid");
    scene.json(&["key", "retire", first, "--reason", "file 82"]);
    assert_eq!(portal.read_in_python(token), json!({ "refused": "KeyError" }));

    let keys = scene.path("tramonto-store/keys/keyring.json");
    std::fs::rename(&keys, scene.path("aside")).expect("it is moved");
    let answer = portal.asked();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("no-store"), "{answer}");
    std::fs::rename(scene.path("aside"), &keys).expect("it is moved");
    assert!(portal.asked().starts_with("HTTP/1.1 200 "));
}
