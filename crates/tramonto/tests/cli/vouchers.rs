//! Vouchers on the command line.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::scene::{Ran, Scene};

/// A store in which vouchers can be requested today, with additional rules in the plan.
pub(crate) fn scene_with(vouchers: &str) -> Scene {
    let scene = Scene::empty();
    let plan = include_str!("../../../../deploy/plans/cec-pac.toml");
    let plan = plan.replace("2018-03-18", "2090-03-18");
    let plan = plan.replacen("[vouchers]\n", &format!("[vouchers]\n{vouchers}\n"), 1);
    scene.write("plan.toml", &plan);
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "a trial"]);
    scene.populate(500);
    scene
}

/// Redeems the typed code.
pub(crate) fn redeem(scene: &Scene, code: &str, provider: &str) -> Ran {
    let arguments = ["voucher", "redeem", "--provider", provider, "--reason", "order 1", "--json"];
    let mut command = scene.command(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut typed = child.stdin.take().expect("a pipe");
    writeln!(typed, "{code}").expect("it reads");
    drop(typed);
    Ran::of(&child.wait_with_output().expect("it ends"))
}

pub(crate) fn verified(scene: &Scene, mailbox: &str) {
    for step in ["request", "verify"] {
        scene.ok(&["voucher", step, mailbox, "--reason", "letter 12"]);
    }
}

#[test]
fn a_voucher_goes_through_its_life_on_the_command_line() {
    let scene = scene_with("redeem-by = 2089-12-31");
    let (address, number) = scene.activated();
    let state = || scene.json(&["voucher", "show", &address])["state"].clone();
    assert_eq!(state(), "not-requested");
    let early = scene.refused(&["voucher", "issue", &address, "--reason", "letter 12"]);
    assert!(early.contains("record one first"), "{early}");
    verified(&scene, &address);
    assert_eq!(state(), "verified");
    let grant = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    assert_eq!(grant["redeem_by"], "2089-12-31");
    let issued = scene.events(&["--kind", "vouchers-issued"])[0]["position"].as_u64();
    assert!(issued.is_some());
    for status in scene.json(&["store", "status"]).as_array().expect("each read model") {
        assert!(status["checkpoint"].as_u64() >= issued, "the worker did not save: {status}");
    }
    let shown = scene.json(&["voucher", "show", &address]);
    assert_eq!((&shown["state"], &shown["delivered"]), (&json!("valid"), &json!(true)));
    let again = scene.refused(&["voucher", "issue", &address, "--reason", "letter 12"]);
    assert!(again.contains("each holder gets one, ever"), "{again}");

    let code = grant["code"].as_str().expect("a code");
    let redeemed = redeem(&scene, &code.to_lowercase(), "posta-sicura");
    assert_eq!(redeemed.code, Some(0), "{}", redeemed.err);
    let second = redeem(&scene, grant["token"].as_str().expect("a token"), "altra-posta");
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("was redeemed by posta-sicura on "), "{}", second.err);
    assert_eq!(state(), "redeemed");

    let report = scene.json(&["voucher", "report"]);
    assert_eq!((&report["issued"], &report["redeemed"]), (&json!(1), &json!(1)));
    assert_eq!(report["redemptions"][0]["provider"], "posta-sicura");
    for event in scene.events(&["--kind", "voucher-redeemed"]) {
        assert_eq!(event["actor"], "operator:tester");
        assert_eq!(event["reason"], "order 1");
        assert_eq!(event["payload"]["number"], number);
    }
    let log = scene.ok(&["event", "list", "--json"]);
    for secret in [code, &code.replace('-', ""), grant["token"].as_str().expect("a token")] {
        assert!(!log.contains(secret), "the log holds a code");
    }
}

#[test]
fn a_lost_code_is_reissued_and_a_revoked_one_is_invalid() {
    let scene = scene_with("");
    let (address, _) = scene.activated();
    verified(&scene, &address);
    let first = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    let second = scene.json(&["voucher", "reissue", &address, "--reason", "letter 13"]);
    let dead = redeem(&scene, first["code"].as_str().expect("a code"), "posta-sicura");
    assert!(dead.err.contains("replaced by a newer one"), "{}", dead.err);
    scene.ok(&["voucher", "revoke", &address, "--reason", "letter 14"]);
    let dead = redeem(&scene, second["code"].as_str().expect("a code"), "posta-sicura");
    assert!(dead.err.contains("revoked"), "{}", dead.err);
    let mistyped = redeem(&scene, "AAA-AAA-AAA-AAA-AAA-AA2", "posta-sicura");
    assert!(mistyped.err.contains("compare it with the letter"), "{}", mistyped.err);
    assert!(!mistyped.err.contains("AAA"), "a code is repeated: {}", mistyped.err);
    let nothing = redeem(&scene, "", "posta-sicura");
    assert!(nothing.err.contains("holds no code"), "{}", nothing.err);
}

#[test]
fn all_verified_requests_are_issued_into_a_file_of_its_owners_as_far_as_the_limit_goes() {
    let scene = scene_with("max-issued = 120");
    let everyone: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    scene.write("requests.txt", &everyone.join("\n"));
    for step in ["request", "verify"] {
        let done = scene.json(&["voucher", step, "--from", "requests.txt", "--reason", "letters"]);
        assert!(done["vouchers"].as_u64().expect("a number") > 150, "{done}");
    }
    let all =
        ["voucher", "issue", "--all", "--out", "codes.csv", "--tokens", "--reason", "letters"];
    let told = scene.json(&all);
    assert_eq!(told["vouchers"], 120);
    assert!(told["stopped"].as_str().expect("why").contains("all 120 vouchers"), "{told}");
    let mode = fs::metadata(scene.path("codes.csv")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = scene.read("codes.csv");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["mailbox", "address", "voucher", "issue", "code", "token"]);
    assert_eq!(rows.len(), 121);
    for row in &rows[1..] {
        let shown = scene.json(&["voucher", "show", row[1]]);
        assert_eq!((&shown["mailbox"], &shown["delivered"]), (&json!(row[0]), &json!(true)));
        if row == &rows[1] || row == &rows[120] {
            assert_eq!(redeem(&scene, row[4], "posta-sicura").code, Some(0));
            assert_eq!(redeem(&scene, row[5], "posta-sicura").code, Some(0));
        }
    }
    let over = scene.refused(&all);
    assert!(over.contains("codes.csv"), "nothing is written over: {over}");
    assert!(over.contains("exists; name another file"), "{over}");
    let none = scene.refused(&["voucher", "issue", "--all", "--out", "more.csv", "--reason", "x"]);
    assert!(none.contains("all 120 vouchers"), "{none}");
    assert!(!scene.path("more.csv").exists(), "a file without codes is removed");
    let report = scene.json(&["voucher", "report"]);
    assert_eq!((&report["limit"], &report["left"]), (&json!(120), &json!(0)));
}

#[test]
fn a_list_of_requests_with_a_wrong_line_changes_nothing_and_names_the_line() {
    let scene = scene_with("");
    scene.write("requests.txt", "1\n2\nnobody@posta.example\n");
    let wrong =
        scene.refused(&["voucher", "request", "--from", "requests.txt", "--reason", "letters"]);
    assert!(wrong.contains("line 3 of requests.txt") && !wrong.contains("nobody@"), "{wrong}");
    assert_eq!(scene.json(&["voucher", "report"])["requested"], 0);
    scene.ok(&["voucher", "request", "1", "--reason", "letter 1"]);
    scene.ok(&["voucher", "refuse", "1", "--cause", "not-the-holder", "--reason", "letter 2"]);
    assert_eq!(scene.json(&["voucher", "show", "1"])["state"], "refused");
    let personal =
        ["voucher", "refuse", "1", "--cause", "RSSMRA85T10A562S", "--reason", "letter 2"];
    assert_eq!(scene.run(&personal).code, Some(2));
}

#[test]
fn keys_are_listed_rotated_and_published_and_never_shown() {
    let scene = scene_with("redeem-by = 2089-12-31");
    let (address, _) = scene.activated();
    verified(&scene, &address);
    let grant = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    let first = scene.json(&["key", "list"])[0]["kid"].clone();
    let rotate =
        ["key", "rotate", "--at-once", "--until", "2089-12-31", "--reason", "the yearly round"];
    assert_eq!(scene.run(&rotate[..6]).code, Some(2), "nothing is rotated without a reason");
    let rotated = scene.json(&rotate);
    assert_eq!(rotated["until"], "2089-12-31");
    let listed = scene.json(&["key", "list"]);
    assert_eq!((&listed[0]["state"], &listed[1]["state"]), (&json!("retired"), &json!("active")));
    let published = scene.json(&["key", "export"]);
    let kids: Vec<&Value> =
        published["keys"].as_array().expect("keys").iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, [&first, &rotated["kid"]]);
    assert!(published["keys"][0].get("d").is_none(), "a private key is published");
    let token = grant["token"].as_str().expect("a token");
    assert_eq!(redeem(&scene, token, "posta-sicura").code, Some(0), "the old key still counts");

    let recorded = scene.events(&["--kind", "keys-rotated"]);
    let [recorded] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!(recorded["reason"], "the yearly round");
    let said = &recorded["payload"];
    assert_eq!((&said["kid"], &said["retired"]), (&rotated["kid"], &first));
    assert_eq!(said["at"], listed[0]["at"]);
    assert_eq!(said["verifies_until"], listed[0]["verifies_until"]);
    let file: Value =
        serde_json::from_str(&scene.read("tramonto-store/keys/keyring.json")).unwrap();
    let log = scene.ok(&["event", "list", "--json"]);
    for secret in [&file["secret"], &file["signing"][1]["private"]] {
        assert!(!log.contains(secret.as_str().expect("a secret")), "a key is in the log");
    }

    let keys = scene.path("tramonto-store/keys");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let exposed = scene.refused(&["key", "list"]);
    assert!(exposed.contains("chmod 700"), "{exposed}");
}

#[test]
fn keys_of_a_folder_of_their_own_must_be_there_and_be_the_ones_the_codes_were_hashed_with() {
    let scene = scene_with("");
    let (address, _) = scene.activated();
    let away = ["voucher", "request", &address, "--reason", "letter 12", "--keys", "elsewhere"];
    assert!(scene.refused(&away).contains("there are no keys"));
    scene.ok(&["key", "create", "--keys", "elsewhere"]);
    scene.ok(&away);
    let other = scene.refused(&["voucher", "verify", &address, "--reason", "letter 12"]);
    assert!(other.contains("hashed with other keys") && other.contains("--keys"), "{other}");
}

#[test]
fn nobody_is_reminded_before_their_days_are_over_nor_by_a_plan_that_says_nothing_of_it() {
    let scene = scene_with("remind = \"0 0 9 1 * *\"\nremind-after-days = 1");
    let (address, _) = scene.activated();
    verified(&scene, &address);
    scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    for _ in 0..2 {
        let told = scene.json(&["voucher", "remind", "--reason", "a trial"]);
        assert_eq!(told, json!({ "done": "reminders-claimed", "vouchers": 0 }));
    }
    assert!(scene.events(&["--kind", "voucher-reminders-claimed"]).is_empty());
    let report = scene.json(&["voucher", "report"]);
    assert_eq!((&report["reminders"], &report["reminders_due"]), (&json!(0), &json!(null)));

    let silent = scene_with("");
    let refused = silent.refused(&["voucher", "remind", "--reason", "a trial"]);
    assert!(refused.contains("has no reminders"), "{refused}");
}

#[test]
fn an_unrecorded_rotation_is_recorded_before_the_next_one() {
    let scene = scene_with("");
    scene.ok(&["key", "create", "--keys", "elsewhere"]);
    let rotate = ["key", "rotate", "--at-once", "--keys", "elsewhere", "--reason", "file 81"];
    let first = scene.json(&rotate)["kid"].clone();
    // A log without it, as after a process that crashed in between.
    let other = [&rotate[..], &["--store", "other"]].concat();
    scene.ok(&["plan", "adopt", "plan.toml", "--reason", "a trial", "--store", "other"]);
    assert_eq!(scene.json(&other)["done"], "recorded");
    let list = ["key", "list", "--keys", "elsewhere"];
    let active = |keys: &Value| keys.as_array().expect("keys").last().expect("one")["kid"].clone();
    assert_eq!(active(&scene.json(&list)), first, "there was no other");
    let second = scene.json(&other)["kid"].clone();
    let recorded = scene.events(&["--kind", "keys-rotated", "--store", "other"]);
    let kids: Vec<_> = recorded.iter().map(|event| &event["payload"]["kid"]).collect();
    assert_eq!(kids, [&first, &second]);
}

#[test]
fn keys_from_a_file_or_the_environment_are_read_only() {
    let scene = scene_with("");
    let (address, _) = scene.activated();
    verified(&scene, &address);
    let grant = scene.json(&["voucher", "issue", &address, "--reason", "letter 12"]);
    let token = grant["token"].as_str().expect("a token").to_owned();
    let keys = scene.read("tramonto-store/keys/keyring.json");
    fs::rename(scene.path("tramonto-store/keys"), scene.path("kept")).expect("it is moved");
    let given = |arguments: &[&str]| {
        let mut command = scene.command(arguments);
        Ran::of(&command.env("TRAMONTO_KEYRING", &keys).output().expect("the binary runs"))
    };
    scene.write("keyring", &keys);
    let mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(scene.path("keyring"), mode).expect("it is ours");
    };
    let from_file =
        |arguments: &[&str]| scene.run(&[arguments, &["--keyring-file", "keyring"]].concat());
    mode(0o444);
    let exposed = from_file(&["key", "list"]);
    assert!(
        exposed.err.contains("others can read keyring; run `chmod 440 keyring`"),
        "{}",
        exposed.err
    );
    mode(0o440);
    let rotate = ["key", "rotate", "--reason", "file 81"];
    let by = |place, arguments: &[&str]| match place {
        "keyring" => from_file(arguments),
        _ => given(arguments),
    };
    for place in ["TRAMONTO_KEYRING", "keyring"] {
        let by = |arguments: &[&str]| by(place, arguments);
        let jwks = by(&["key", "export"]);
        assert_eq!(jwks.code, Some(0), "{}", jwks.err);
        let refused = by(&rotate);
        assert_eq!(refused.code, Some(1));
        let told =
            format!("the keys at {place} are read-only here; rotate them where they were created");
        assert!(refused.err.contains(&told), "{}", refused.err);
        assert!(by(&["key", "create"]).err.contains("--keys"));
    }
    let both = from_file(&["key", "list", "--keys", "kept"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
    let damaged = scene.command(&["key", "list"]).env("TRAMONTO_KEYRING", "{}").output();
    let damaged = Ran::of(&damaged.expect("the binary runs"));
    assert!(damaged.err.contains("the keys at TRAMONTO_KEYRING are damaged"), "{}", damaged.err);
    assert!(
        !scene.path("tramonto-store/keys").exists(),
        "none were made beside those that were given"
    );
    // A code and a token made with the folder's keys are valid with the exported ones.
    let arguments = [
        "voucher",
        "redeem",
        "--provider",
        "posta-sicura",
        "--reason",
        "order 1",
        "--keyring-file",
        "keyring",
    ];
    let mut redeem = scene.command(&arguments);
    redeem.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = redeem.spawn().expect("the binary runs");
    writeln!(child.stdin.take().expect("a pipe"), "{token}").expect("it reads");
    let redeemed = Ran::of(&child.wait_with_output().expect("it ends"));
    assert_eq!(redeemed.code, Some(0), "{}", redeemed.err);
}
