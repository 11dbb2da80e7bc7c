//! Plans: checked, shown, adopted, amended.

use chrono::TimeDelta;
use engine::RealClock;
use eventstore::Clock;
use tramonto_plans::{FUTURE, moved};

use crate::scene::Scene;

/// Plans for the tests.
mod tramonto_plans {
    /// Two phases in the far future.
    pub(super) const FUTURE: &str = r#"
programme = "far"
title = "Far ahead"
zone = "Europe/Rome"
sources = []

[in-service]
allows = ["activate", "send", "modify", "receive", "access"]

[[phase]]
id = "sending-ends"
title = "Sending ends"
from = 2090-01-01
allows = ["receive", "access"]

[[phase]]
id = "all-ends"
title = "All ends"
from = 2091-01-01
allows = []
"#;

    /// The same with another date for its last phase.
    pub(super) fn moved() -> String {
        FUTURE.replace("2091-01-01", "2092-06-01")
    }
}

#[test]
fn a_plan_file_is_checked_with_every_problem_at_its_line() {
    let scene = Scene::empty();
    scene.write("good.toml", FUTURE);
    assert!(scene.ok(&["plan", "check", "good.toml"]).contains("a plan for far with 2 phases"));
    let bad = FUTURE.replace("\"receive\", \"access\"]", "\"recieve\"]").replace("2091", "2089");
    scene.write("bad.toml", &bad);
    let ran = scene.run(&["plan", "check", "bad.toml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("bad.toml:14:") || ran.err.contains("bad.toml:8:"), "{}", ran.err);
    assert!(ran.err.contains("2089-01-01"), "{}", ran.err);
    let cron = format!(
        "{FUTURE}\n[[recurring]]\nname = \"x\"\ncron = \"99 * * * * *\"\ncatch-up = \"skip\"\n"
    );
    scene.write("cron.toml", &cron);
    assert!(scene.refused(&["plan", "check", "cron.toml"]).contains("cron"));
    assert!(scene.refused(&["plan", "check", "none.toml"]).contains("none.toml"));
}

#[test]
fn a_plan_is_shown_with_instants_and_sources_and_as_a_file_to_edit() {
    let scene = Scene::empty();
    let shown = scene.ok(&["plan", "show"]);
    for told in
        ["the built-in plan", "2015-03-17T23:00:00Z", "2015-07-17T22:00:00Z", "source: date: B"]
    {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    scene.write("good.toml", FUTURE);
    scene.ok(&["plan", "adopt", "good.toml", "--reason", "the decree"]);
    scene.write("again.toml", &scene.ok(&["plan", "show", "--file"]));
    scene.ok(&["plan", "check", "again.toml"]);
    let same = scene.ok(&["plan", "amend", "again.toml", "--dry-run"]);
    assert!(same.contains("nothing to amend"), "{same}");
    assert_eq!(scene.json(&["plan", "show"])["plan"]["programme"], "far");
}

#[test]
fn a_preview_shows_the_changes_of_an_amendment_and_makes_none() {
    let scene = Scene::empty();
    scene.write("plan.toml", FUTURE);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "the decree"]);
    scene.populate(500);
    // The first phase now also ends activation for mailboxes never activated.
    let amended =
        moved().replace("[\"receive\", \"access\"]", "[\"activate\", \"receive\", \"access\"]");
    scene.write("next.toml", &amended);
    let preview = scene.json(&["plan", "amend", "next.toml", "--dry-run"]);
    let [first, last] = [&preview["phases"][0], &preview["phases"][1]];
    let activated = scene.json(&["status"])["population"]["activated"].as_u64().expect("a count");
    assert_eq!(first["touches"]["now"], 500);
    assert_eq!(first["touches"]["then"], activated);
    assert_eq!(first["touches"]["removed"], 500 - activated);
    assert_eq!(
        (&last["from_now"], &last["from_then"]),
        (&"2091-01-01".into(), &"2092-06-01".into())
    );
    assert_eq!(last["touches"]["added"], 500 - activated);
    assert_eq!(scene.json(&["plan", "show"])["revision"], 1);
    let made = scene.ok(&["plan", "amend", "next.toml", "--reason", "a month more"]);
    assert!(made.contains("revision 2 is in force"), "{made}");
    assert_eq!(scene.json(&["plan", "show"])["revision"], 2);
    let event = scene.events(&["--kind", "plan-amended"]);
    assert_eq!(event[0]["reason"], "a month more");
}

#[test]
fn an_amendment_of_armed_instants_waits_until_they_are_disarmed() {
    let scene = Scene::empty();
    let soon = (RealClock.now() + TimeDelta::days(10)).date_naive().to_string();
    let plan = FUTURE.replace("2090-01-01", &soon);
    scene.write("plan.toml", &plan);
    scene.write("later.toml", &plan.replace(&soon, "2090-01-01"));
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "the decree"]);
    scene.populate(500);
    scene.ok(&["run", "--until-idle"]);
    assert!(!scene.events(&["--kind", "rights-armed"]).is_empty());

    let amend = |file| scene.ok(&["plan", "amend", file, "--reason", "a decree"]);
    let standing = || {
        let shown = scene.json(&["plan", "show"]);
        assert_eq!(shown["proposed"], scene.json(&["status"])["proposed"]);
        (shown["revision"].as_u64(), shown["proposed"].as_u64())
    };
    assert!(amend("later.toml").contains("the amendment is proposed: revision 2"));
    assert_eq!(standing(), (Some(1), Some(2)));
    assert!(scene.ok(&["status"]).contains("revision 2 of the plan takes effect once"));
    assert!(scene.ok(&["plan", "show"]).contains("revision 2 is proposed"));
    assert!(amend("later.toml").contains("the amendment was proposed before"));
    assert!(amend("plan.toml").contains("the waiting amendment is dropped"));
    assert_eq!(standing(), (Some(1), None));
    assert_eq!(scene.events(&["--kind", "amendment-dropped"]).len(), 1);
    assert!(!amend("plan.toml").contains("dropped"), "there is nothing to drop");

    amend("later.toml");
    scene.ok(&["run", "--until-idle"]);
    assert_eq!(standing(), (Some(2), None));
    assert!(!scene.ok(&["status"]).contains("waits until the platform"));
    let kinds = ["amendment-proposed", "amendment-dropped", "plan-amended"];
    let counts = kinds.map(|kind| scene.events(&["--kind", kind]).len());
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn a_phase_that_has_started_is_not_moved() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    let plan =
        scene.ok(&["plan", "show", "--file"]).replace("from = 2015-03-18", "from = 2015-04-18");
    scene.write("next.toml", &plan);
    for more in [["--dry-run", "--json"], ["--reason", "later"]] {
        let arguments = [["plan", "amend", "next.toml"].as_slice(), &more].concat();
        let told = scene.refused(&arguments);
        assert!(told.contains("receive-only has started and cannot move"), "{told}");
    }
    let shown = scene.run(&["plan", "amend", "next.toml", "--dry-run"]).out;
    assert!(shown.contains("cannot be undone: phase receive-only started at"), "{shown}");
    assert_eq!(scene.json(&["plan", "show"])["revision"], 1);
}

#[test]
fn a_store_keeps_to_its_programme() {
    let scene = Scene::of_500();
    scene.write("far.toml", FUTURE);
    let told = scene.refused(&["plan", "adopt", "far.toml", "--reason", "a mistake"]);
    assert!(told.contains("belongs to programme cec-pac, not far"), "{told}");
    let told = scene.refused(&["plan", "amend", "far.toml", "--reason", "a mistake"]);
    assert!(told.contains("this store runs cec-pac"), "{told}");
    let told = scene.refused(&["run", "--until-idle", "--plan", "far.toml"]);
    assert!(told.contains("cec-pac"), "{told}");
    let next = scene.ok(&["plan", "show", "--file"]).replace("Receive only", "Only receiving");
    scene.write("second.toml", &next);
    let told = scene.refused(&["plan", "adopt", "second.toml", "--reason", "again"]);
    assert!(told.contains("tramonto plan amend"), "{told}");
}
