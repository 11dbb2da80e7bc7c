//! Notices through a real Postfix that requires TLS and a login, and its bounces.
//!
//! Needs root, and installs what is missing, like all tests with mail servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::TimeDelta;
use engine::RealClock;
use eventstore::Clock;
use serde_json::Value;

use crate::drift::by_hand;
use crate::mail_servers::{Lookups, MailServers};
use crate::notices::import_with;
use crate::scene::Scene;
use crate::smtp::{Mood, Server};
use crate::wait;

const TIMEOUT: Duration = Duration::from_mins(1);

/// The agency's account at its relay, which receives the bounces.
const AGENCY: &str = "notices@postacertificata.example";
/// The holders' addresses for notices: one has none and is notified in the mailbox, three are with
/// another provider, which knows only the first of them, and one does not exist.
const NOTIFY: [&str; 5] = [
    "",
    "anna@outside.example",
    "gone@outside.example",
    "gone@elsewhere.example",
    "nobody@postacertificata.example",
];

/// A store in which sending ends soon, and an account of the agency beside the mailboxes.
fn told_soon() -> (Scene, Vec<String>) {
    let scene = Scene::empty();
    let soon = (RealClock.now() + TimeDelta::days(20)).date_naive();
    let mut plan = scene.ok(&["plan", "show", "--file"]);
    for (was, is) in [
        ("from = 2015-03-18", format!("from = {soon}").as_str()),
        ("from = 2015-07-18", "from = 2095-07-18"),
        ("from = 2015-09-18", "from = 2095-09-18"),
        ("from = 2018-03-18", "from = 2098-03-18"),
        ("0 0 9-17 * * Mon-Fri", "* * * * * *"),
    ] {
        assert!(plan.contains(was), "{was}");
        plan = plan.replace(was, is);
    }
    scene.write("plan.toml", &plan);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "the decree"]);
    let addresses = import_with(&scene, &NOTIFY);
    scene.ok(&["run", "--until-idle"]);
    by_hand(&scene, "INSERT INTO armed (number) VALUES (4000000000) RETURNING true");
    let account = format!(
        "INSERT INTO mailbox VALUES (4000000000, '{AGENCY}', '{{PLAIN}}secret') RETURNING true"
    );
    by_hand(&scene, &account);
    // The engine leaves the write-ahead log for the mail servers, which run as other users.
    scene.ok(&["run", "--until-idle"]);
    for (name, mode) in [("", 0o755), ("tramonto-store", 0o755)] {
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(mode)).expect("its mode");
    }
    for suffix in ["", "-wal", "-shm"] {
        let file = scene.path(&format!("tramonto-store/directory.db{suffix}"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("its mode");
    }
    (scene, addresses)
}

fn listed(scene: &Scene) -> Value {
    let listed = scene.json(&["notice", "list"]);
    let mut notices = listed.as_array().expect("a list").iter();
    notices.find(|notice| notice["notice"] == "sending-ends").expect("it is one of them").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_go_through_a_postfix_that_wants_tls_and_a_login_and_what_bounces_is_recorded() {
    let (scene, addresses) = tokio::task::block_in_place(told_soon);
    let directory = scene.path("tramonto-store/directory.db");
    let lookups =
        Lookups { kind: "sqlite", settings: vec![format!("DIRECTORY={}", directory.display())] };
    let provider = Server::start(Mood::Willing).await;
    let outside = format!("default_transport = smtp:[127.0.0.1]:{}", provider.address.port());
    let more = ["recipient_delimiter = +", "smtpd_tls_loglevel = 1", &outside];
    let servers = MailServers::start_with(&lookups, &more);
    let user = AGENCY.replace('@', "%40");
    let url = format!("smtp://{user}@localhost:{}?tls=required", servers.submission);
    let root = servers.folder().join("etc/certificate.pem");
    scene.write("right", "secret\n");
    scene.write("wrong", "guessed\n");
    for secret in ["right", "wrong"] {
        fs::set_permissions(scene.path(secret), fs::Permissions::from_mode(0o600)).expect("mode");
    }
    let run = |password: &str, trusted: bool| {
        let root = root.to_str().expect("a path");
        let post = ["--smtp-url", &url, "--notices-from", AGENCY, "--smtp-password-file", password];
        let trust = if trusted { &["--smtp-root-certificate", root][..] } else { &[] };
        let ran = scene.run(&[&["run", "--until-idle"], &post[..], trust].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.err
    };

    // A worker whose login is refused claims nothing, and reports why.
    for (password, trusted, why) in [("right", false, "relay-tls"), ("wrong", true, "relay-login")]
    {
        let told = run(password, trusted);
        assert!(told.contains(why), "{why}: {told}\n{}", servers.logs());
        assert!(!told.contains("secret") && !told.contains("guessed"), "{told}");
        let notice = listed(&scene);
        assert_eq!((&notice["sent"], &notice["waiting"]), (&0.into(), &5.into()), "{notice}");
    }
    run("right", true);
    let notice = listed(&scene);
    assert_eq!((&notice["sent"], &notice["failed"]), (&4.into(), &1.into()), "{notice}");
    assert_eq!(notice["failures"]["550-5.1.1"], 1, "{notice}");
    let log = servers.logs();
    assert!(log.contains("TLS connection established") && log.contains("sasl_username=notices@"));

    let arrived = |address: &str, what: &str| {
        servers.messages(address).filter(|message| message.contains(what)).collect::<Vec<_>>()
    };
    let until = |address: &str, what: &str, count: usize| {
        let came = wait::until(TIMEOUT, || arrived(address, what).len() >= count);
        assert!(came, "{address}: {what}\n{}", servers.logs());
        arrived(address, what)
    };
    let letters = until(&addresses[0], ".sending-ends.cec-pac@postacertificata.example>", 1);
    assert!(letters[0].contains(&addresses[0]), "{letters:?}");
    let reports = until(AGENCY, "message/delivery-status", 2);
    for again in [false, true] {
        for report in &reports {
            scene.write("report.eml", report);
            let came = scene.json(&["notice", "bounce", "report.eml"]);
            assert_eq!(
                (&came["done"], &came["cause"], &came["new"]),
                (&"notice-bounced".into(), &"5.1.1".into(), &(!again).into()),
                "{report}"
            );
        }
    }
    let notice = listed(&scene);
    assert_eq!((&notice["sent"], &notice["bounced"]), (&4.into(), &2.into()), "{notice}");
    assert_eq!(notice["bounces"]["5.1.1"], 2, "{notice}");
    let events = scene.events(&["--kind", "notices-bounced"]);
    let sets: Vec<_> = events.iter().map(|event| &event["payload"]["mailboxes"]).collect();
    assert!(sets.len() == 2 && sets[0] != sets[1] && !sets[0].is_null(), "{sets:?}");
    assert_eq!(arrived(&addresses[0], "sending-ends").len(), 1);
    let taken = wait::until(TIMEOUT, || !provider.taken().is_empty());
    assert!(taken, "{}", servers.logs());
    let taken = provider.taken();
    assert!(taken.len() == 1 && taken[0].to == "anna@outside.example", "{taken:?}");
}
