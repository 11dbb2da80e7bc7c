//! Signals that end a run: the next run resumes and completes as if nothing had happened.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use engine::Home;
use rehearsal::prove;

use crate::process::send;
use crate::scene::{Ran, Scene};
use crate::wait;

const TIMEOUT: Duration = Duration::from_mins(1);

/// A store with enough work, and a rate low enough, that a run is in the middle of it for a while.
fn busy(workers: &str) -> (Scene, Child) {
    let scene = Scene::of_500();
    for effect in ["send", "modify", "receive", "access"] {
        scene.ok(&[
            "phase",
            "limit",
            effect,
            "--calls-per-second",
            "1",
            "--reason",
            "to be caught at work",
        ]);
    }
    let before = scene.events(&[]).len();
    let orders = ["--batch", "10", "--orders", "64", "--workers", workers];
    let run = [&["run", "--arm-ahead", "off"], &orders[..]].concat();
    let child = scene.command(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.expect("it runs");
    let outcomes = || scene.events(&["--category", "outcome"]).len();
    let begun = || scene.events(&[]).len() > before && outcomes() > 1;
    assert!(wait::until(TIMEOUT, begun), "the first outcome did not come");
    (scene, child)
}

/// Completes the work without rate limits, and proves the result.
fn completes(scene: &Scene) {
    for effect in ["send", "modify", "receive", "access"] {
        scene.ok(&["phase", "limit", effect, "--reason", "full speed"]);
    }
    scene.ok(&["run", "--until-idle"]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let home = Home::new(scene.path("tramonto-store"));
    let proof = runtime.block_on(prove(&home)).expect("a proof");
    assert_eq!(proof.problems, [""; 0]);
    assert!(proof.effects > 0);
}

#[test]
fn one_signal_finishes_in_flight_orders_and_ends_it_cleanly() {
    for name in ["INT", "TERM", "HUP"] {
        let (scene, child) = busy("6");
        send(name, child.id());
        let ran = Ran::of(&child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        assert!(ran.err.contains("everything recorded is kept"), "{name}: {}", ran.err);
        scene.read_models_are_saved();
        completes(&scene);
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_loses_nothing() {
    // At one call per second, this many in-flight orders take several seconds to finish.
    let (scene, mut child) = busy("32");
    send("INT", child.id());
    // Two pending signals of one kind count once.
    let log = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut lines = log.lines().map(|line| line.expect("a line"));
    assert!(lines.any(|line| line.contains("shutting down")), "the first one is not handled");
    send("INT", child.id());
    let begun = Instant::now();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited for in-flight orders");
    completes(&scene);
}

#[test]
fn a_terminal_that_is_closed_loses_nothing() {
    let (scene, mut child) = busy("6");
    // Nobody reads stderr any more, and the kernel signals that the terminal is gone.
    drop(child.stderr.take());
    send("HUP", child.id());
    let ran = child.wait().expect("it ends");
    assert_eq!(ran.code(), Some(0));
    completes(&scene);
}
