//! The grammar: help, completions, exit code 2, reasons.

use clap::CommandFactory;
use tramonto::cli::Cli;

use crate::scene::Scene;

#[test]
fn every_command_has_help_with_an_example() {
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let mut subcommands =
            command.get_subcommands().filter(|sub| sub.get_name() != "help").peekable();
        if subcommands.peek().is_none() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains("Example") && help.contains("tramonto "),
                "{path} has no example"
            );
            found.push(path.to_owned());
        }
        for sub in subcommands {
            leaves(sub, &format!("{path} {}", sub.get_name()), found);
        }
    }
    let mut found = Vec::new();
    leaves(&Cli::command(), "tramonto", &mut found);
    assert!(found.len() >= 20, "{found:?}");
    Cli::command().debug_assert();
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    let scene = Scene::empty();
    for arguments in [
        &["nonsense"][..],
        &["pause"],
        &["mailbox", "show", "nobody"],
        &["mailbox", "show", "1", "--as-of", "18/03/2015"],
        &["hold", "place", "1", "--capability", "fly", "--reason", "x"],
        &["rehearse", "--arm-ahead", "soon"],
        &["rehearse", "--faults", "often"],
        &["rehearse", "--crash-every", "0"],
        &["events", "--kind", "nothing-happened"],
        &["incidents", "resolve", "nothing", "--reason", "x"],
        &["pause", "--reason", "asked by a.b@posta.example"],
        &["pause", "--reason", "asked by RSSMRA85T10A562S"],
        &["pause", "--reason", " "],
        &["status", "--actor", "a.b@posta.example"],
        &["generate", "--registrations", "-1", "--out", "x"],
        &["drift", "repair"],
        &["drift", "certificate", "--date", "today"],
    ] {
        let ran = scene.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_are_printed_for_a_shell() {
    let scene = Scene::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(scene.ok(&["completions", shell]).contains("rehearse"), "{shell}");
    }
}

#[test]
fn a_rehearsal_never_writes_to_the_store_that_the_environment_names() {
    let scene = Scene::of_500();
    let log = std::fs::read(scene.path("tramonto-store/log.db")).expect("a log");
    let ran = scene
        .command(&["rehearse", "--registrations", "100", "--json"])
        .env("TRAMONTO_STORE", scene.path("tramonto-store"))
        .output()
        .expect("it runs");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(std::fs::read(scene.path("tramonto-store/log.db")).expect("a log"), log);
}
