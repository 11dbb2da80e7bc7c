//! Incidents: listed, retried, resolved.

use crate::scene::Scene;

#[test]
fn incidents_are_listed_by_cause_retried_and_resolved() {
    let scene = Scene::empty();
    // Monthly runs retry left-overs well enough.
    scene.write("plan.toml", &domain::Plan::CEC_PAC.replace("0 30 3 * * *", "0 30 3 1 * *"));
    scene.run(&[
        "rehearse",
        "--plan",
        "plan.toml",
        "--registrations",
        "2000",
        "--faults",
        "permanent=5%",
        "--store",
        "rehearsed",
        "--json",
    ]);
    let store = ["--store", "rehearsed"];
    let with = |arguments: &[&'static str]| [arguments, &store].concat();
    let listed = scene.json(&with(&["incident", "list"]));
    let groups = listed.as_array().expect("groups");
    let group = groups.iter().find(|group| group["open"].as_u64() > Some(1)).expect("an incident");
    let key = group["key"].as_str().expect("a key").to_owned();
    let open = group["open"].as_u64().expect("a count");
    assert!(scene.ok(&with(&["incident", "list"])).contains(&key));

    let arguments = [
        "incident",
        "resolve",
        &key,
        "--reason",
        "closed by hand",
        "--json",
        "--store",
        "rehearsed",
    ];
    let resolved = scene.ok(&arguments);
    assert!(resolved.contains(&format!("\"mailboxes\":{open}")), "{resolved}");
    assert!(scene.refused(&arguments).contains("tramonto incident list"));
    let after = scene.json(&with(&["incident", "list"]));
    let group = after.as_array().expect("groups").iter().find(|group| group["key"] == key.as_str());
    let group = group.expect("it is still listed");
    assert_eq!((group["open"].as_u64(), group["resolved"].as_u64()), (Some(0), Some(open)));

    let events = scene.events(&["--kind", "incident-resolved", "--store", "rehearsed"]);
    let members = events[0]["payload"]["mailboxes"].as_array();
    let member = members.expect("few enough to be written as numbers")[0].to_string();
    let shown = scene.ok(&["mailbox", "show", &member, "--store", "rehearsed"]);
    assert!(shown.contains(&format!("incident {key}")), "{shown}");
    let retry = [
        "incident",
        "retry",
        &key,
        "--mailbox",
        &member,
        "--reason",
        "restored",
        "--json",
        "--store",
        "rehearsed",
    ];
    assert!(scene.ok(&retry).contains("\"mailboxes\":1"));
    let unknown =
        ["incident", "retry", "receive-only:nothing", "--reason", "x", "--store", "rehearsed"];
    assert!(scene.refused(&unknown).contains("has no such mailbox"));
}

#[test]
fn a_store_without_incidents_says_so() {
    let scene = Scene::of_500();
    assert!(scene.ok(&["incident", "list"]).contains("no incidents"));
    assert_eq!(scene.json(&["incident", "list"]), serde_json::json!([]));
}
