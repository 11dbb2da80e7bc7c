//! Output to a closed pipe, and to a full device.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::scene::{Ran, Scene};

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let scene = Scene::of_500();
    for round in 0..40 {
        let verb = if round % 2 == 0 { "pause" } else { "resume" };
        scene.ok(&["phase", verb, "--reason", "to have events"]);
    }
    for arguments in [
        &["event", "list", "--json"][..],
        &["event", "list", "--follow"],
        &["registry", "generate", "--registrations", "20000", "--out", "-"],
    ] {
        let mut child = scene
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        drop(reader);
        // A follower notices it on its next write.
        scene.ok(&["phase", "limit", "send", "--reason", "to have an event"]);
        let ran = Ran::of(&child.wait_with_output().expect("it ends"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_full_device_is_an_error_and_no_panic() {
    let scene = Scene::of_500();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let ran = scene.command(&["event", "list"]).stdout(full).output().expect("it runs");
    let ran = Ran::of(&ran);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("tramonto: standard output"), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn help_to_a_closed_pipe_does_not_panic() {
    let scene = Scene::empty();
    let mut child = scene
        .command(&["--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let ran = Ran::of(&child.wait_with_output().expect("it ends"));
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn a_generated_registry_replaces_no_socket_or_device() {
    let scene = Scene::empty();
    let path = scene.path("taken");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let told = scene.refused(&["registry", "generate", "--registrations", "5", "--out", "taken"]);
    assert!(told.contains("taken: cannot be replaced; choose another path"), "{told}");
    assert!(!path.is_file(), "the socket is still there");
}
