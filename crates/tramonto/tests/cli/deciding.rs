//! Operators' commands are recorded with actor and reason.

use std::time::{Duration, Instant};

use crate::scene::Scene;

#[test]
fn every_operator_command_records_its_actor_and_its_reason() {
    let scene = Scene::of_500();
    let (address, _) = scene.activated();
    scene.ok(&["phase", "pause", "--reason", "one"]);
    scene.ok(&["phase", "resume", "--reason", "two", "--actor", "operator:anna"]);
    scene.ok(&["phase", "limit", "send", "--calls-per-second", "20", "--reason", "three"]);
    let placed = scene.json(&[
        "hold",
        "place",
        &address,
        "--capability",
        "access,receive",
        "--reason",
        "four",
    ]);
    let hold = placed["hold"].as_str().expect("an id");
    scene.ok(&["hold", "release", &address, hold, "--reason", "five"]);
    scene.ok(&["mailbox", "withdraw", &address, "--reason", "six"]);
    let told: Vec<_> = scene
        .events(&["--after", "3"])
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            (text("kind"), text("actor"), text("reason"))
        })
        .collect();
    let own = |kind: &str, reason: &str| (kind.into(), "operator:tester".into(), reason.into());
    assert_eq!(
        told,
        [
            own("programme-paused", "one"),
            ("programme-resumed".into(), "operator:anna".into(), "two".into()),
            own("pace-changed", "three"),
            own("hold-placed", "four"),
            own("hold-released", "five"),
            own("mailbox-withdrawn", "six"),
        ]
    );
}

#[test]
fn invalid_commands_are_refused_with_the_reason() {
    let scene = Scene::of_500();
    let (address, _) = scene.activated();
    let why = ["--reason", "a test"];
    let refused = |arguments: &[&str]| scene.refused(&[arguments, &why].concat());
    assert!(refused(&["phase", "resume"]).contains("not paused"));
    assert!(refused(&["phase", "limit", "activate"]).contains("has no rate limit"));
    assert!(
        refused(&["phase", "limit", "send", "--concurrent", "0"]).contains("tramonto phase pause")
    );
    let hold = ["hold", "place", &address, "--capability", "request-logs"];
    assert!(refused(&hold).contains("a hold can keep one or more of"));
    let past = ["hold", "place", &address, "--capability", "send", "--until", "2001-01-01"];
    assert!(refused(&past).contains("which is in the past"));
    let unknown = "019b0c5e-7d1e-7c9a-9b1f-0c7d7a0e4f11";
    assert!(refused(&["hold", "release", &address, unknown]).contains("has no hold"));
    let release = ["hold", "release", &address];
    assert!(refused(&release).contains("no hold in force"));
    let place = ["hold", "place", &address, "--capability", "send", "--reason", "order 1"];
    let ids = [(); 2].map(|()| scene.json(&place)["hold"].as_str().expect("an id").to_owned());
    let several = refused(&release);
    assert!(ids.iter().all(|id| several.contains(id)), "{several}");
    scene.ok(&[&["hold", "release", &address, &ids[0]][..], &why].concat());
    assert!(scene.ok(&[&release[..], &why].concat()).contains(&ids[1]));
    scene.ok(&["mailbox", "withdraw", &address, "--reason", "recesso"]);
    assert!(refused(&["mailbox", "withdraw", &address]).contains("already withdrawn"));
    scene.ok(&["phase", "pause", "--reason", "a test"]);
    assert!(refused(&["phase", "pause"]).contains("already paused"));
}

#[test]
fn a_held_and_a_withdrawn_mailbox_are_seen_in_the_account_of_the_phases() {
    let scene = Scene::of_500();
    let (address, number) = scene.activated();
    scene.ok(&["hold", "place", &address, "--capability", "access", "--reason", "order 7"]);
    let other = (number + 1..500)
        .find(|place| !scene.row(usize::try_from(*place).expect("small") + 1)[6].is_empty())
        .expect("another one is activated");
    scene.ok(&["mailbox", "withdraw", &other.to_string(), "--reason", "recesso"]);
    scene.ok(&["run", "--until-idle"]);
    let status = scene.json(&["status"]);
    let activated = status["population"]["activated"].as_u64().expect("a count");
    assert_eq!(status["phases"][3]["phase"], "access-closed");
    assert_eq!(status["phases"][3]["held"], 1);
    assert_eq!(status["phases"][3]["population"], activated - 1);
    let held = scene.ok(&["mailbox", "show", &address]);
    assert!(held.contains("keeps access until it is released"), "{held}");
    let gone = scene.json(&["mailbox", "show", &other.to_string()]);
    assert_eq!(gone["lifecycle"], "withdrawn");
    assert!(
        gone["rights"].as_array().expect("rights").iter().all(|right| right["allowed"] == false)
    );
}

#[test]
fn decisions_are_taken_beside_an_engine_that_runs_and_are_seen_by_it() {
    let scene = Scene::of_500();
    let (address, _) = scene.activated();
    scene.ok(&["run", "--until-idle"]);
    let mut engine = scene
        .command(&["run", "--log", "off"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("an engine runs");
    let mut follow = scene
        .command(&[
            "event",
            "list",
            "--follow",
            "--kind",
            "rights-restored",
            "--limit",
            "1",
            "--json",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a follower runs");
    let placed =
        scene.run(&["hold", "place", &address, "--capability", "access", "--reason", "order 8"]);
    // The follower ends by itself once the engine has restored the right; reading the store is the
    // wait.
    let began = Instant::now();
    let followed = loop {
        let ended = follow.try_wait().expect("it can be asked");
        if ended.is_some() || began.elapsed() > Duration::from_mins(1) {
            break ended;
        }
        scene.run(&["status"]);
    };
    drop(follow.kill());
    engine.kill().expect("it can be stopped");
    engine.wait().expect("it stops");
    assert_eq!(placed.code, Some(0), "{}", placed.err);
    assert!(followed.is_some_and(|ended| ended.success()), "nothing was given back");
    assert_eq!(scene.events(&["--kind", "rights-restored"]).len(), 1);
    let view = scene.json(&["mailbox", "show", &address]);
    let access = view["rights"]
        .as_array()
        .expect("rights")
        .iter()
        .find(|right| right["capability"] == "access");
    assert_eq!(access.expect("access")["allowed"], true);
}
