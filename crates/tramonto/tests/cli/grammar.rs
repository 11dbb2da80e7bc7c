//! The grammar: help, examples, completions, manual pages, exit code 2, reasons.

use std::collections::BTreeSet;

use clap::{Arg, Args, Command};
use tramonto::cli::{CanaryArgs, Cli, GROUPS, NoticeArgs, ServiceArgs, command};
use tramonto::exit::Exit;

use crate::scene::Scene;

/// Every command without subcommands, with its words.
fn leaves() -> Vec<(String, Command)> {
    fn collect(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let subs: Vec<_> =
            command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
        if subs.is_empty() {
            found.push((path.to_owned(), command.clone()));
        }
        for sub in subs {
            let path = format!("{path} {}", sub.get_name());
            collect(sub, path.trim_start(), found);
        }
    }
    let mut found = Vec::new();
    collect(&command(), "", &mut found);
    found
}

fn every_command() -> Vec<Command> {
    fn collect(command: &Command, found: &mut Vec<Command>) {
        found.push(command.clone());
        command.get_subcommands().for_each(|sub| collect(sub, found));
    }
    let mut found = Vec::new();
    collect(&command(), &mut found);
    found
}

/// The words of an example up to the first shell operator, without quotes.
fn words(example: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in example.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
            continue;
        }
        let part = part.split("   ").next().unwrap_or_default();
        let plain =
            part.split_whitespace().take_while(|word| !["|", "<", ">", "&&"].contains(word));
        words.extend(plain.map(str::to_owned));
        if part.split_whitespace().any(|word| ["|", "<", ">", "&&"].contains(&word)) {
            break;
        }
    }
    words
}

#[test]
fn the_grammar_holds_together() {
    command().debug_assert();
    assert!(leaves().len() >= 60, "{}", leaves().len());
}

#[test]
fn every_example_in_the_help_is_taken_by_the_grammar() {
    let scene = Scene::empty();
    scene.write("tramonto.toml", "");
    let config = scene.path("tramonto.toml").display().to_string();
    let mut tried = 0;
    for (path, command) in leaves() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let parts: Vec<&str> = help.split("\\\n").map(str::trim_start).collect();
        let help = parts.join(" ").replace("\n ", "\n");
        let examples: Vec<_> =
            help.lines().map(str::trim).filter(|line| line.starts_with("tramonto ")).collect();
        assert!(!examples.is_empty(), "{path} has no example");
        let own = format!("tramonto {path}");
        assert!(examples.iter().any(|line| line.starts_with(&own)), "{path}: {examples:?}");
        for example in examples {
            // Reading the command line reads the configuration too, so the example gets one.
            let mut line = words(example);
            if let Some(place) = line.iter().position(|word| word == "--config") {
                line[place + 1].clone_from(&config);
            }
            let read = Cli::read(line);
            assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_shared_heading_holds_no_option_of_a_single_command() {
    let place = |argument: &Arg| {
        let heading = argument.get_help_heading()?;
        Some((heading.to_owned(), argument.get_id().to_string()))
    };
    let shared = NoticeArgs::augment_args(ServiceArgs::augment_args(Command::new("shared")));
    let shared = CanaryArgs::augment_args(shared);
    let shared: BTreeSet<_> = shared.get_arguments().filter_map(place).collect();
    for (path, command) in leaves() {
        for place in command.get_arguments().filter_map(place) {
            assert!(shared.contains(&place), "{path}: {place:?}");
        }
    }
}

#[test]
fn every_command_documents_its_exit_codes() {
    for (path, command) in leaves() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let (_, codes) = help.split_once("Exit codes:\n").expect(&path);
        let shown: Vec<&str> =
            codes.lines().filter_map(|line| line.trim().split("  ").next()).collect();
        let expected: Vec<String> =
            Exit::of(&path).map(|(exit, _)| exit.code().to_string()).collect();
        assert_eq!(shown, expected, "{path}");
    }
    let top = command().get_after_help().expect("examples").to_string();
    for exit in Exit::ALL {
        assert!(top.contains(&format!("  {}  {}", exit.code(), exit.meaning())), "{exit:?}");
    }
}

#[test]
fn every_command_is_in_one_group_of_the_help() {
    let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let mut command = command();
    command.build();
    let names: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
    assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(grouped.len(), names.len(), "a command is in two groups");
    let help = command.render_help().to_string();
    for (heading, _) in GROUPS {
        assert!(help.contains(&format!("\n{heading}:\n")), "{heading}: {help}");
    }
}

#[test]
fn summaries_are_imperatives_and_options_are_noun_phrases() {
    let short = |text: &str| !text.ends_with('.') && text.chars().count() < 80;
    for command in every_command() {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let verb = about.split(' ').next().unwrap_or_default();
        assert!(short(&about) && !about.is_empty(), "{name}: {about}");
        assert!(!verb.ends_with('s') && verb.starts_with(char::is_uppercase), "{name}: {about}");
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(short(&help) && !help.is_empty(), "{name} {}: {help}", argument.get_id());
        }
    }
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    let scene = Scene::empty();
    for arguments in [
        &["nonsense"][..],
        &["phase"],
        &["phase", "pause"],
        &["mailbox", "show", "nobody"],
        &["mailbox", "show", "1", "--as-of", "18/03/2015"],
        &["hold", "place", "1", "--capability", "fly", "--reason", "x"],
        &["rehearse", "--arm-ahead", "soon"],
        &["rehearse", "--faults", "often"],
        &["rehearse", "--crash-every", "0"],
        &["event", "list", "--kind", "nothing-happened"],
        &["event", "list", "--category", "nothing"],
        &["incident", "resolve", "nothing", "--reason", "x"],
        &["phase", "pause", "--reason", "asked by a.b@posta.example"],
        &["phase", "pause", "--reason", "asked by RSSMRA85T10A562S"],
        &["phase", "pause", "--reason", " "],
        &["status", "--actor", "a.b@posta.example"],
        &["registry", "generate", "--registrations", "-1", "--out", "x"],
        &["drift", "repair"],
        &["drift", "certify", "--date", "today"],
        &["erasure", "start", "--reason", "x"],
        &["erasure", "start", "1", "--all", "--reason", "x"],
    ] {
        let ran = scene.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_name_every_command() {
    let scene = Scene::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = scene.ok(&["completion", shell]);
        for (path, _) in leaves() {
            let name = path.split(' ').next_back().expect("a name");
            assert!(script.contains(name), "{shell} does not complete {path}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page_with_examples_and_exit_codes() {
    let scene = Scene::empty();
    let written = scene.json(&["man", "man1"]);
    let pages = std::fs::read_dir(scene.path("man1")).expect("a folder").count();
    assert_eq!(written["pages"], pages);
    for (path, command) in leaves() {
        let page = scene.read(&format!("man1/tramonto-{}.1", path.replace(' ', "-")));
        let title = format!("TRAMONTO-{}", path.replace(' ', "-").to_uppercase());
        let titled = page.lines().find(|line| line.starts_with(".TH ")).expect("a title");
        let unescaped = titled.replace('\\', "");
        assert!(unescaped.starts_with(&format!(".TH {title} 1 ")), "{path}: {titled}");
        assert!(unescaped.contains("\"tramonto "), "{path}: {titled}");
        for heading in ["NAME", "SYNOPSIS", "EXAMPLES", "\"EXIT STATUS\""] {
            let heading = format!("\n.SH {heading}\n").replace('"', "");
            assert!(page.replace('"', "").contains(&heading), "{path} has no {heading}");
        }
        for argument in command.get_opts().filter_map(|option| option.get_long()) {
            let option = argument.replace('-', "\\-");
            assert!(page.contains(&option), "{path} lacks --{argument}");
        }
    }
}

#[test]
fn a_rehearsal_never_writes_to_the_store_that_the_environment_names() {
    let scene = Scene::of_500();
    let log = std::fs::read(scene.path("tramonto-store/log.db")).expect("a log");
    scene.write("plan.toml", &domain::Plan::CEC_PAC.replace("0 30 3 * * *", "0 30 3 1 * *"));
    let ran = scene
        .command(&["rehearse", "--plan", "plan.toml", "--registrations", "100", "--json"])
        .env("TRAMONTO_STORE", scene.path("tramonto-store"))
        .output()
        .expect("it runs");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(std::fs::read(scene.path("tramonto-store/log.db")).expect("a log"), log);
}
