//! `--json` everywhere: every command of the grammar answers in JSON, or has a reason not to.

use std::collections::BTreeSet;

use serde_json::Value;
use tramonto::cli::command;

use crate::canaries::watched;
use crate::intake::process;
use crate::logs::mail_log;
use crate::scene::Scene;
use crate::vouchers::scene_with;

/// The commands that print no result as JSON, each with its reason.
const NONE: [(&str, &str); 14] = [
    ("completion", "prints a script for a shell"),
    ("run", "runs until it is stopped, and logs"),
    ("service api", "runs until it is stopped, and logs"),
    ("service check", "answers by its exit code"),
    ("service intake", "runs until it is stopped, and logs"),
    ("service policy", "runs until it is stopped, and logs"),
    ("service portal", "runs until it is stopped, and logs"),
    ("service projector", "runs until it is stopped, and logs"),
    ("service relay", "runs until it is stopped, and logs"),
    ("service scheduler", "runs until it is stopped, and logs"),
    ("service worker", "runs until it is stopped, and logs"),
    ("key export", "prints a JWK Set, which is JSON without the option"),
    ("notice retry", "needs a mail relay; `notices` reads its JSON"),
    ("store migrate", "needs a database"),
];

/// The commands that were asked, and the store that they are asked about.
struct Asked<'a> {
    scene: &'a Scene,
    commands: &'a mut BTreeSet<String>,
}

impl Asked<'_> {
    /// Asks a command for JSON, and returns its first document. It may have found a problem.
    fn ask(&mut self, arguments: &[&str]) -> Value {
        let ran = self.scene.run(&[arguments, &["--json"]].concat());
        let fine = matches!(ran.code, Some(0 | 3 | 4));
        assert!(fine, "{arguments:?}: {:?} {}{}", ran.code, ran.out, ran.err);
        let mut documents = serde_json::Deserializer::from_str(&ran.out).into_iter::<Value>();
        let first = documents.next().unwrap_or_else(|| panic!("{arguments:?} prints nothing"));
        let first = first.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.out));
        let rest = documents.find_map(Result::err);
        assert!(rest.is_none(), "{arguments:?}: {rest:?}: {}", ran.out);
        self.commands.insert(name(arguments));
        first
    }

    /// The same with a reason for the record.
    fn act(&mut self, arguments: &[&str]) -> Value {
        self.ask(&[arguments, &["--reason", "a trial"]].concat())
    }
}

/// The words of the arguments that name the command.
fn name(arguments: &[&str]) -> String {
    let (mut at, mut words) = (command(), Vec::new());
    for word in arguments {
        let Some(sub) = at.find_subcommand(word) else { break };
        words.push(*word);
        at = sub.clone();
    }
    words.join(" ")
}

/// Every command without subcommands.
fn leaves(command: &clap::Command, path: &str) -> BTreeSet<String> {
    let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    let below: BTreeSet<String> = subs
        .flat_map(|sub| leaves(sub, format!("{path} {}", sub.get_name()).trim_start()))
        .collect();
    if below.is_empty() { BTreeSet::from([path.to_owned()]) } else { below }
}

/// The addresses of activated mailboxes.
fn activated(scene: &Scene) -> impl Iterator<Item = String> {
    let rows: Vec<_> = (1..=500).map(|line| scene.row(line)).collect();
    rows.into_iter().filter(|row| !row[6].is_empty()).map(|row| row[4].clone())
}

#[test]
fn every_command_answers_in_json_or_has_a_reason_not_to() {
    let mut commands = BTreeSet::new();
    let open =
        scene_with("redeem-by = 2089-12-31\nremind = \"0 0 9 1 * *\"\nremind-after-days = 1");
    let mut asked = Asked { scene: &open, commands: &mut commands };
    of_the_programme(&mut asked);
    of_holders(&mut asked);
    of_messages(&mut asked);
    of_records(&mut asked);
    let ended = Scene::ending("2018-03-18", 500);
    of_the_end(&mut Asked { scene: &ended, commands: &mut commands });
    let (watched, ..) = watched();
    let mut asked = Asked { scene: &watched, commands: &mut commands };
    asked.ask(&["canary", "probe", "--canary-smtp", "smtp://127.0.0.1:1"]);
    asked.ask(&["canary", "show"]);
    let rehearsed = Scene::empty();
    of_a_rehearsal(&mut Asked { scene: &rehearsed, commands: &mut commands });

    let without: BTreeSet<String> = NONE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(commands.is_disjoint(&without), "asked, and listed without JSON");
    commands.extend(without);
    assert_eq!(commands, leaves(&command(), ""));
}

fn of_the_programme(asked: &mut Asked<'_>) {
    asked.ask(&["plan", "check", "plan.toml"]);
    asked.ask(&["plan", "show"]);
    asked.ask(&["plan", "amend", "plan.toml", "--dry-run"]);
    asked.ask(&["registry", "generate", "--registrations", "5", "--out", "other.csv"]);
    asked.ask(&["registry", "import", "registry.csv"]);
    asked.act(&["phase", "pause"]);
    asked.act(&["phase", "resume"]);
    asked.act(&["phase", "limit", "send"]);
    asked.ask(&["status"]);
    asked.ask(&["config"]);
    asked.ask(&["man", "man1"]);
    asked.ask(&["notice", "list"]);
    asked.ask(&["notice", "show", "sending-ends"]);
}

fn of_holders(asked: &mut Asked<'_>) {
    let mut holders = activated(asked.scene);
    let mut holder = || holders.next().expect("some are activated");
    let (first, second, third) = (holder(), holder(), holder());
    asked.ask(&["mailbox", "show", &first]);
    let hold = asked.act(&["hold", "place", &first, "--capability", "send"]);
    asked.act(&["hold", "release", &first, hold["hold"].as_str().expect("an id")]);
    for holder in [&first, &second] {
        asked.act(&["voucher", "request", holder]);
        asked.act(&["voucher", "verify", holder]);
        asked.act(&["voucher", "issue", holder]);
    }
    let reissued = asked.act(&["voucher", "reissue", &first]);
    asked.scene.write("code.txt", reissued["code"].as_str().expect("a code"));
    asked.act(&["voucher", "redeem", "--provider", "posta-sicura", "--code", "code.txt"]);
    asked.act(&["voucher", "revoke", &second]);
    asked.act(&["voucher", "request", &third]);
    asked.act(&["voucher", "refuse", &third, "--cause", "not-the-holder"]);
    asked.ask(&["voucher", "show", &first]);
    asked.ask(&["voucher", "report"]);
    asked.act(&["voucher", "expire"]);
    asked.act(&["voucher", "remind"]);

    mail_log(asked.scene, &first);
    asked.ask(&["mail-log", "index", "mail.log"]);
    asked.ask(&["mail-log", "status"]);
    let requests = [&first, &second].map(|holder| {
        let created = asked.act(&["log-request", "create", holder, "--by", "authority"]);
        created["request"].as_str().expect("an id").to_owned()
    });
    asked.act(&["log-request", "refuse", &requests[1]]);
    asked.act(&["log-request", "verify", &requests[0]]);
    asked.act(&["log-request", "prepare"]);
    asked.act(&["log-request", "expire"]);
    asked.ask(&["log-request", "list"]);
    asked.ask(&["log-request", "show", &requests[0]]);
    asked.act(&["mailbox", "withdraw", &third]);
}

fn of_messages(asked: &mut Asked<'_>) {
    let text = "Return-Path: <a@b.example>\r\nFrom: a@b.example\r\n\r\nRSSMRA85T10A562S\r\n";
    asked.scene.write("message.eml", text);
    asked.scene.write("other.eml", &text.replace("RSSMRA", "VRDLGI"));
    for file in ["message.eml", "other.eml"] {
        asked.ask(&["message", "receive", file]);
    }
    process(asked.scene, 2);
    asked.ask(&["message", "list"]);
    asked.ask(&["message", "show", "1"]);
    asked.ask(&["message", "release", "1"]);
    asked.act(&["message", "refuse", "2"]);
    asked.ask(&["message", "export-templates", "letters"]);
    asked.ask(&["notice", "bounce", "message.eml"]);
}

fn of_records(asked: &mut Asked<'_>) {
    asked.ask(&["event", "list", "--limit", "3"]);
    asked.ask(&["key", "create", "--keys", "elsewhere"]);
    let keys = asked.ask(&["key", "list"]);
    let first = keys[0]["kid"].as_str().expect("an id").to_owned();
    asked.act(&["key", "rotate", "--at-once"]);
    asked.act(&["key", "retire", &first]);
    asked.ask(&["store", "status"]);
    asked.ask(&["store", "rebuild"]);
}

fn of_the_end(asked: &mut Asked<'_>) {
    asked.scene.ok(&["run", "--until-idle"]);
    asked.ask(&["drift", "check"]);
    asked.act(&["drift", "repair"]);
    asked.ask(&["drift", "certify"]);
    asked.ask(&["platform", "check"]);
    asked.ask(&["platform", "create-view", "accounts", "--column", "address=username"]);
    for more in ["", "-wal", "-shm"] {
        let file = asked.scene.path(&format!("tramonto-store/directory.db{more}"));
        assert!(std::fs::remove_file(file).is_ok() || !more.is_empty(), "no directory{more}");
    }
    asked.ask(&["platform", "rebuild"]);
    asked.act(&["erasure", "start", "3"]);
    asked.ask(&["erasure", "resume"]);
    asked.ask(&["erasure", "verify", "somebody.else@mail.example"]);
    asked.act(&["mail-log", "destroy"]);
}

fn of_a_rehearsal(asked: &mut Asked<'_>) {
    // Monthly runs retry left-overs well enough.
    let plan = domain::Plan::CEC_PAC.replace("0 30 3 * * *", "0 30 3 1 * *");
    asked.scene.write("plan.toml", &plan);
    let faults = ["--plan", "plan.toml", "--registrations", "2000", "--faults", "permanent=5%"];
    asked.ask(&[&["rehearse", "--store", "tramonto-store"][..], &faults].concat());
    let listed = asked.ask(&["incident", "list"]);
    let open = listed.as_array().expect("a list").iter().filter(|group| group["open"] != 0);
    let keys: Vec<_> = open.map(|group| group["key"].as_str().expect("a key")).collect();
    asked.act(&["incident", "retry", keys[0]]);
    asked.act(&["incident", "resolve", keys[1]]);
    asked.act(&["plan", "adopt", "plan.toml", "--store", "adopted"]);
}
