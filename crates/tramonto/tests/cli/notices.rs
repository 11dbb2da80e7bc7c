//! Notices: sent through a mail relay, listed, shown, bounced and sent again.

use chrono::TimeDelta;
use engine::RealClock;
use eventstore::Clock;
use serde_json::Value;

use crate::scene::{Ran, Scene};
use crate::smtp::{Mood, Server};

/// How the small mail server treats each local part.
const NAMES: [&str; 5] = ["anna", "bruno", "gone", "busy", "silent"];

/// A store in which access ends soon and every holder is notified at once; five have an address for
/// notices.
fn told_soon() -> Scene {
    let scene = Scene::empty();
    let soon = (RealClock.now() + TimeDelta::days(20)).date_naive();
    let plan = scene.ok(&["plan", "show", "--file"]);
    let plan = plan.replace("from = 2015-09-18", &format!("from = {soon}"));
    let plan = plan.replace("from = 2018-03-18", "from = 2098-03-18");
    let plan = plan.replace("0 0 9-17 * * Mon-Fri", "* * * * * *");
    scene.write("plan.toml", &plan);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "the decree"]);
    let addresses = NAMES.map(|name| format!("{name}@home.example"));
    import_with(&scene, &addresses.each_ref().map(String::as_str));
    scene
}

/// Imports activated mailboxes whose holders have these addresses for notices; an empty one is
/// none. Returns the mailboxes' addresses, by number.
pub(crate) fn import_with(scene: &Scene, notify: &[&str]) -> Vec<String> {
    let generated = Scene::empty();
    generated.ok(&["registry", "generate", "--registrations", "500", "--out", "registry.csv"]);
    let activated = (1..=500).map(|line| generated.row(line)).filter(|row| !row[6].is_empty());
    let (mut registry, mut addresses) = (generated.row(0).join(",") + "\n", Vec::new());
    for (mut row, notify) in activated.zip(notify) {
        addresses.push(row[4].clone());
        (*notify).clone_into(&mut row[8]);
        registry += &(row.join(",") + "\n");
    }
    scene.write("registry.csv", &registry);
    scene.ok(&["registry", "import", "registry.csv"]);
    addresses
}

/// Runs the engine with this relay until it is idle.
fn run(scene: &Scene, relay: &Server) {
    let url = format!("smtp://{}", relay.address);
    let post = ["--smtp-url", &url, "--notices-from", "notices@agency.example"];
    scene.ok(&[&["run", "--until-idle"][..], &post].concat());
}

/// The progress of the notice.
fn listed(scene: &Scene) -> Value {
    let listed = scene.json(&["notice", "list"]);
    let mut notices = listed.as_array().expect("a list").iter();
    notices.find(|notice| notice["notice"] == "access-ends").expect("it is one of them").clone()
}

/// A mail server's delivery status notification for a notice.
fn report(number: u32, action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@relay.example\r\nTo: notices+access-ends.{number}@agency.example\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; \
         boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; \
         relay.example\r\n\r\n\
         Final-Recipient: rfc822; somebody@home.example\r\nAction: {action}\r\nStatus: \
         {status}\r\n\r\n--b--\r\n"
    )
}

fn counts(notice: &Value) -> [u64; 5] {
    ["sent", "bounced", "failed", "in_doubt", "waiting"]
        .map(|what| notice[what].as_u64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_are_listed_shown_retried_and_resolved() {
    let relay = Server::start(Mood::Willing).await;
    let scene = told_soon();
    run(&scene, &relay);
    let notice = listed(&scene);
    // A busy server is retried later.
    assert_eq!(counts(&notice), [2, 0, 1, 1, 1], "{notice}");
    assert_eq!(
        (&notice["failures"]["550-5.1.1"], &notice["standing"]),
        (&1.into(), &"open".into())
    );
    let told = scene.ok(&["notice", "list"]);
    for line in ["1 mailbox failed (550-5.1.1)", "1 mailbox in doubt (connection-lost)"] {
        assert!(told.contains(&format!("notice access-ends: {line}")), "{line}: {told}");
    }

    let shown = scene.ok(&["notice", "show", "access-ends"]);
    assert!(
        shown.contains("Subject: CEC-PAC: l'accesso") && shown.contains("{mailbox}"),
        "{shown}"
    );
    let shown = scene.json(&["notice", "show", "access-ends"]);
    assert_eq!((&shown["progress"], &shown["rule"]["to"]), (&notice, &"losing".into()));
    let told = scene.refused(&["notice", "show", "nothing"]);
    assert!(told.contains("its notices: sending-ends, receiving-ends, access-ends"), "{told}");

    // The first mailbox's notice bounced; a second report is no news, and no other's bounced.
    let bounce = |message: &str| {
        scene.write("report.eml", message);
        scene.ok(&["notice", "bounce", "report.eml"])
    };
    scene.write("report.eml", &report(0, "failed", "5.2.2"));
    let came = scene.json(&["notice", "bounce", "report.eml"]);
    let expected = serde_json::json!({
        "done": "notice-bounced", "notice": "access-ends", "number": 0, "cause": "5.2.2",
        "new": true
    });
    assert_eq!(came, expected);
    assert!(bounce(&report(0, "failed", "5.2.2")).contains("nothing new"));
    assert!(bounce(&report(2, "failed", "5.2.2")).contains("was never sent to mailbox 2"));
    assert!(bounce(&report(1, "delayed", "4.4.1")).contains("delivered or delayed notice"));
    assert!(
        bounce("Subject: away\r\n\r\nI am away.\r\n")
            .contains("not a delivery status notification")
    );
    scene.write("report.eml", "Subject: away\r\n\r\nI am away.\r\n");
    assert_eq!(scene.json(&["notice", "bounce", "report.eml"])["done"], Value::Null);
    assert!(scene.refused(&["notice", "bounce", "none.eml"]).contains("none.eml"));
    assert_eq!(counts(&listed(&scene)), [2, 1, 1, 1, 1]);

    let retry = |more: &[&str]| {
        let all = [&["notice", "retry", "access-ends", "--reason", "the relay asks"], more];
        scene.run(&all.concat())
    };
    let Ran { code, err, .. } = retry(&["--failed", "550-5.7.1"]);
    assert!(code == Some(1) && err.contains("has no such mailbox"), "{err}");
    let Ran { code, err, .. } = retry(&[]);
    assert!(code == Some(2) && err.contains("--in-doubt"), "{err}");
    let Ran { code, err, .. } = retry(&["--in-doubt", "--mailbox", "0"]);
    assert!(code == Some(1) && err.contains("has no such mailbox"), "{err}");
    let Ran { out, .. } = retry(&["--failed", "550-5.1.1", "--json"]);
    let done: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&done["done"], &done["mailboxes"]), (&"notices-retried".into(), &1.into()));
    assert!(retry(&["--in-doubt"]).out.contains("will be sent again for 1 mailbox"));
    assert_eq!(counts(&listed(&scene)), [2, 1, 0, 0, 3]);
    run(&scene, &relay);
    let again = listed(&scene);
    assert_eq!(counts(&again)[..4], [2, 1, 1, 1], "refused and lost once more: {again}");
    let to: Vec<String> = relay.taken().into_iter().map(|letter| letter.to).collect();
    let times = |name: &str| to.iter().filter(|to| to.starts_with(name)).count();
    assert_eq!(["anna", "bruno", "gone", "silent"].map(times), [1, 1, 0, 2], "{to:?}");
}

#[test]
fn a_plan_without_notices_and_a_store_without_a_plan_say_so() {
    let scene = Scene::empty();
    let told = scene.refused(&["notice", "list"]);
    assert!(told.contains("tramonto"), "{told}");
    let plan = scene.ok(&["plan", "show", "--file"]);
    let without = plan.split("[[notice]]").next().expect("its beginning");
    scene.write("plan.toml", without);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "the decree"]);
    assert!(scene.ok(&["notice", "list"]).contains("no holder is notified"));
    assert_eq!(scene.json(&["notice", "list"]), serde_json::json!([]));
    assert!(scene.refused(&["notice", "show", "access-ends"]).contains("it has none"));
    let url = ["--smtp-url", "smtp://127.0.0.1:25"];
    let ran = scene.run(&[&["run", "--until-idle"][..], &url].concat());
    assert!(ran.code == Some(2) && ran.err.contains("--notices-from"), "{}", ran.err);
    let from = ["--notices-from", "notices@agency.example"];
    let ran = scene.run(&[&["run", "--until-idle", "--smtp-url", "http://x"][..], &from].concat());
    assert!(ran.code == Some(2) && ran.err.contains("smtp://HOST:PORT"), "{}", ran.err);
}
