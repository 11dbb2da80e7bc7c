//! Read commands, as text and as JSON.

use crate::scene::Scene;

#[test]
fn a_registry_imported_twice_changes_nothing_the_second_time() {
    let scene = Scene::empty();
    let made =
        scene.ok(&["registry", "generate", "--registrations", "500", "--out", "registry.csv"]);
    assert!(made.contains("500 registrations"), "{made}");
    let first = scene.json(&["registry", "import", "registry.csv"]);
    assert_eq!((first["read"].as_u64(), first["accepted"].as_u64()), (Some(500), Some(500)));
    let log = scene.json(&["status"])["log"].clone();
    let second = scene.ok(&["registry", "import", "registry.csv"]);
    assert!(second.contains("accepted 0 + unchanged 500 + changed 0 + rejected 0"), "{second}");
    assert_eq!(scene.json(&["status"])["log"], log);
}

#[test]
fn the_registry_on_standard_input_is_imported_as_a_file_is() {
    let scene = Scene::empty();
    scene.ok(&["registry", "generate", "--registrations", "50", "--out", "registry.csv"]);
    let file = std::fs::File::open(scene.path("registry.csv")).expect("a registry");
    let ran = scene.command(&["registry", "import", "-"]).stdin(file).output().expect("it runs");
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(scene.json(&["status"])["population"]["registered"], 50);
}

#[test]
fn invalid_rows_exit_with_code_3_and_are_written_to_a_file_with_reasons() {
    let scene = Scene::empty();
    scene.ok(&["registry", "generate", "--registrations", "50", "--out", "registry.csv"]);
    let text = scene.read("registry.csv").replacen("@postacertificata.example", "@@", 1);
    scene.write("registry.csv", &text);
    let ran = scene.run(&["registry", "import", "registry.csv"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.out.contains("accepted 49") && ran.out.contains("rejected 1"), "{}", ran.out);
    assert!(ran.out.contains("registry.csv.rejects.csv"), "{}", ran.out);
    assert!(scene.read("registry.csv.rejects.csv").contains("address"));
}

#[test]
fn status_counts_everyone_before_and_after_the_engine_ran() {
    let scene = Scene::of_500();
    let before = scene.json(&["status"]);
    assert_eq!(before["population"]["registered"], 500);
    assert!(before["phases"][0]["started_at"].is_null());
    assert!(scene.ok(&["status"]).contains("no engine has started it yet"));
    scene.ok(&["run", "--until-idle"]);
    let after = scene.json(&["status"]);
    let phases = after["phases"].as_array().expect("phases");
    assert_eq!(phases.len(), 5);
    for phase in phases {
        assert!(phase["completed_at"].is_string(), "{phase}");
        let sum: u64 = ["done", "already_so", "held", "incident", "retrying", "pending"]
            .iter()
            .filter_map(|count| phase[*count].as_u64())
            .sum();
        assert_eq!(Some(sum), phase["population"].as_u64(), "{phase}");
    }
    assert_eq!(
        after["population"]["lapsed"],
        500 - after["population"]["activated"].as_u64().expect("a count")
    );
    assert!(scene.ok(&["status"]).contains("completed"));
}

#[test]
fn a_mailbox_is_found_by_address_id_and_number() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    let by_address = scene.json(&["mailbox", "show", &address]);
    assert_eq!(by_address["number"].as_u64(), Some(number));
    let id = by_address["id"].as_str().expect("an id").to_owned();
    let capitals = address.to_uppercase();
    for name in [id.as_str(), &number.to_string(), &capitals] {
        assert_eq!(scene.json(&["mailbox", "show", name])["id"], by_address["id"], "{name}");
    }
}

#[test]
fn a_helpdesk_reads_what_a_mailbox_may_do_on_a_day_and_what_comes_next() {
    let scene = Scene::of_500();
    let (address, _) = scene.activated();
    let on = |day: &str| scene.json(&["mailbox", "show", &address, "--as-of", day]);
    let may = |day: &str| -> Vec<String> {
        let view = on(day);
        let rights = view["rights"].as_array().expect("rights").clone();
        let allowed = rights.into_iter().filter(|right| right["allowed"] == true);
        allowed.map(|right| right["capability"].as_str().unwrap_or_default().to_owned()).collect()
    };
    scene.ok(&["run", "--until-idle"]);
    // What was recorded in the meantime took effect late: on the days themselves no right had ended
    // yet.
    assert_eq!(may("2014-12-17"), ["send", "modify", "receive", "access"]);
    assert_eq!(may("2015-03-18"), ["send", "modify", "receive", "access", "request-voucher"]);
    let words = scene.ok(&["mailbox", "show", &address, "--as-of", "2014-12-17"]);
    for told in [
        "as of 2014-12-17 23:59:59 Europe/Rome",
        "2015-03-18 00:00:00  send, modify ends; the voucher for a PEC can be requested",
        "requested on",
    ] {
        assert!(words.contains(told), "{told}: {words}");
    }
    let now = scene.ok(&["mailbox", "show", &address]);
    assert!(now.contains("ended on 2015-03-18 with phase receive-only"), "{now}");
    assert!(now.contains("send ended with phase receive-only"), "{now}");
}

#[test]
fn events_recorded_later_are_not_part_of_a_past_view() {
    let scene = Scene::of_500();
    let (address, _) = scene.activated();
    let told = scene.refused(&["mailbox", "show", &address, "--known-at", "2014-01-01T00:00:00Z"]);
    assert!(told.contains("later --known-at"), "{told}");
}

#[test]
fn an_unknown_mailbox_is_reported_without_its_address() {
    let scene = Scene::of_500();
    let told = scene.refused(&["mailbox", "show", "nobody.here@postacertificata.example"]);
    assert!(told.contains("the registry has no such address"), "{told}");
    assert!(!told.contains("nobody.here"), "{told}");
    assert!(scene.refused(&["mailbox", "show", "500"]).contains("is not registered"));
    let other = "12345678-1234-8000-8000-000000000001";
    assert!(scene.refused(&["mailbox", "show", other]).contains("not a mailbox of programme"));
}

#[test]
fn events_are_filtered_by_kind_category_position_and_number() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    let all = scene.events(&[]);
    let positions: Vec<u64> = all.iter().filter_map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, (1..=u64::try_from(all.len()).expect("few")).collect::<Vec<_>>());
    let started = scene.events(&["--kind", "phase-started"]);
    assert_eq!(started.len(), 5);
    assert!(started.iter().all(|event| event["stream"] == "programme-cec-pac"));
    let outcomes = scene.events(&["--category", "outcome", "--limit", "2"]);
    assert_eq!(outcomes.len(), 2);
    assert_eq!(scene.events(&["--after", &(all.len() - 1).to_string()]).len(), 1);
    let end = all.len();
    assert!(scene.events(&["--after", &end.to_string()]).is_empty());
    let beyond = scene.refused(&["event", "list", "--after", "99999"]);
    let told = format!("--after 99999 is beyond the end of the log ({end})");
    assert!(beyond.contains(&told), "{beyond}");
    let (address, _) = scene.activated();
    let own = scene.events(&["--mailbox", &address]);
    assert!(own.iter().any(|event| event["kind"] == "sending-disabled"), "{own:?}");
    assert!(!own.iter().any(|event| event["kind"] == "registrations-lapsed"), "{own:?}");
    let lines = scene.ok(&["event", "list", "--kind", "sending-disabled"]);
    assert!(lines.contains("phase receive-only: 282 mailboxes applied"), "{lines}");
}

#[test]
fn rebuilt_projections_equal_the_former_ones() {
    let scene = Scene::of_500();
    scene.ok(&["run", "--until-idle"]);
    scene.read_models_are_saved();
    let rebuilt = scene.json(&["store", "rebuild"]);
    assert_eq!(rebuilt["before"], rebuilt["after"]);
    scene.read_models_are_saved();
    assert!(scene.ok(&["store", "rebuild"]).contains("equal to the former ones"));
}
