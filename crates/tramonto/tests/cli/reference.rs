//! The reference in `docs/reference` is generated from the code and equals it.
//!
//! `UPDATE=1 cargo test -p tramonto --test cli reference` (`just reference`) regenerates it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command};
use tramonto::cli::{GROUPS, command};

const GENERATED: &str = "<!-- Generated from the code: `just reference` regenerates it. -->\n";

/// Compares a page with the generated text, or writes it if requested.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        return std::fs::write(&path, text).expect("a page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference/{name} differs from the code; run `just reference`");
}

fn built() -> Command {
    let mut command = command();
    command.build();
    command
}

/// A table cell: one line, with bars escaped.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn help(argument: &Arg) -> String {
    let long = argument.get_long_help().or_else(|| argument.get_help());
    let text = long.map(ToString::to_string).unwrap_or_default();
    let mut paragraphs = text.split("\n\n").map(cell);
    let first = paragraphs.next().unwrap_or_default();
    paragraphs.fold(first, |all, next| format!("{all}. {}", next.trim_end_matches('.')))
}

fn default(argument: &Arg) -> String {
    let values = argument.get_default_values().iter();
    let takes = argument.get_action().takes_values();
    let shown: Vec<_> = values.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes { shown.join(", ") } else { String::new() }
}

fn names(argument: &Arg) -> String {
    let value = argument.get_value_names().and_then(<[_]>::first).map(|name| cell(name));
    let value = value.filter(|_| argument.get_action().takes_values());
    match (argument.get_long(), value) {
        (Some(long), Some(value)) => format!("`--{long} {value}`"),
        (Some(long), None) => format!("`--{long}`"),
        (None, value) => format!("`{}`", value.unwrap_or_default()),
    }
}

/// A table of arguments, without empty columns.
fn arguments<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = String::new();
    for argument in arguments {
        if text.is_empty() {
            text.push_str("| argument | meaning | default |\n| --- | --- | --- |\n");
        }
        let (names, help, default) = (names(argument), help(argument), default(argument));
        writeln!(text, "| {names} | {help} | {default} |").expect("a string takes all");
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

fn is_own(argument: &Arg) -> bool {
    let common = [Some("Options of every command"), Some("Services"), Some("Mail platform")];
    let common = [common.as_slice(), &[Some("Canaries"), Some("Notices")]].concat();
    !common.contains(&argument.get_help_heading())
        && !["help", "version"].contains(&argument.get_id().as_str())
}

fn section(command: &Command, path: &str, level: usize, text: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let subs: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
    let heading = "#".repeat(level);
    write!(text, "{heading} `{path}`\n\n{about}\n\n").expect("a string takes all");
    text.push_str(&arguments(command.get_arguments().filter(|argument| is_own(argument))));
    let headings: Vec<_> = ["Services", "Mail platform", "Notices", "Canaries"]
        .into_iter()
        .filter(|heading| {
            command.get_arguments().any(|argument| argument.get_help_heading() == Some(heading))
        })
        .map(|heading| format!("[{heading}](settings.md#{})", anchor(heading)))
        .collect();
    if !headings.is_empty() {
        write!(text, "Settings: {}.\n\n", headings.join(", ")).expect("a string takes all");
    }
    if subs.is_empty() {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        write!(text, "```text\n{after}\n```\n\n").expect("a string takes all");
    }
    for sub in subs {
        section(sub, &format!("{path} {}", sub.get_name()), level + 1, text);
    }
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

#[test]
fn the_page_of_commands_is_up_to_date() {
    let command = built();
    let mut text = format!(
        "# Commands\n\n{GENERATED}\nEvery command takes the [options of every \
         command](settings.md#options-of-every-command).\n\n"
    );
    for (heading, names) in GROUPS {
        write!(text, "## {heading}\n\n").expect("a string takes all");
        for name in names.iter().filter(|name| **name != "help") {
            let sub = command.find_subcommand(name).expect("it is grouped");
            section(sub, &format!("tramonto {name}"), 3, &mut text);
        }
    }
    check("commands.md", &format!("{}\n", text.trim_end()));
}

/// Options by their variable, or by their name if they have none, with the commands that accept
/// them.
type Settings = BTreeMap<String, (Arg, Vec<String>)>;

#[test]
fn the_page_of_settings_is_up_to_date() {
    fn collect(command: &Command, path: &str, found: &mut BTreeMap<(usize, String), Settings>) {
        const ORDER: [&str; 5] =
            ["Options of every command", "Services", "Mail platform", "Notices", "Canaries"];
        for argument in command.get_arguments() {
            let heading = argument.get_help_heading();
            let place = heading.and_then(|own| ORDER.iter().position(|known| *known == own));
            let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
            let (key, name) = match (place, variable) {
                (Some(place), Some(variable)) => ((place, ORDER[place].to_owned()), variable),
                (Some(place), None) => ((place, ORDER[place].to_owned()), names(argument)),
                (None, Some(variable)) => ((ORDER.len(), "Single commands".to_owned()), variable),
                (None, None) => continue,
            };
            let entry = found.entry(key).or_default().entry(name);
            entry.or_insert_with(|| (argument.clone(), Vec::new())).1.push(path.to_owned());
        }
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            collect(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
        }
    }
    let mut found = BTreeMap::new();
    collect(&built(), "", &mut found);
    let mut text = format!(
        "# Settings\n\n{GENERATED}\nA setting is an option of a command, an environment variable, \
         or a \
         key of the file that `--config` names: the name of the option with `_` for `-`, as in \
         `bus = \"nats://bus\"`. Options override variables, variables override the file. \
         `tramonto \
         config` shows the settings in force. Passwords are never in the file; it names the files \
         that hold them.\n\n"
    );
    for ((_, heading), settings) in found {
        let single = heading == "Single commands";
        write!(text, "## {heading}\n\n").expect("a string takes all");
        let column = if single { " commands |" } else { "" };
        let line = if single { " --- |" } else { "" };
        writeln!(
            text,
            "| option | variable | meaning | default |{column}\n| --- | --- | --- | --- |{line}"
        )
        .expect("a string takes all");
        for (argument, commands) in settings.into_values() {
            let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
            let variable = variable.unwrap_or_default();
            let (names, help, default) = (names(&argument), help(&argument), default(&argument));
            let commands = commands.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let column = if single { format!(" {} |", commands.join(", ")) } else { String::new() };
            writeln!(text, "| {names} | {variable} | {help} | {default} |{column}")
                .expect("a string takes all");
        }
        text.push('\n');
    }
    check("settings.md", &format!("{}\n", text.trim_end()));
}

#[test]
fn the_page_of_events_is_up_to_date() {
    let mut text = format!(
        "# Events\n\n{GENERATED}\nEvery kind of event in the log, in the order of the code. \
         `tramonto event list --kind KIND` lists them.\n\n| kind | version | meaning |\n\
         | --- | --- | --- |\n"
    );
    let kinds = domain::Event::KINDS.iter().zip(domain::Event::MEANINGS);
    for ((kind, version), (_, meaning)) in kinds {
        writeln!(text, "| `{kind}` | {version} | {meaning} |").expect("a string takes all");
    }
    check("events.md", &text);
}

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let mut text = format!(
        "# Metrics\n\n{GENERATED}\nEvery process exports the metrics of its own parts on \
         `/metrics`, \
         in the format of Prometheus.\n\n| metric | kind | labels | meaning |\n\
         | --- | --- | --- | --- |\n"
    );
    for metric in engine::metrics::METRICS {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, labels, help) = (metric.name, labels.join(", "), metric.help);
        writeln!(text, "| `{name}` | {kind} | {labels} | {help} |").expect("a string takes all");
    }
    check("metrics.md", &text);
}

#[test]
fn every_metric_in_the_sources_is_in_the_table_and_no_other() {
    /// The channel on which PostgreSQL notifies about appends: not a metric.
    const CHANNEL: &str = "tramonto_appended";
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.ends_with("metrics/catalogue.rs")
            {
                let text = std::fs::read_to_string(&path).expect("a source");
                let names = text.split('"').filter(|part| part.starts_with("tramonto_"));
                let plain = |name: &&str| {
                    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                };
                found.extend(names.filter(plain).map(str::to_owned));
            }
        }
    }
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(crates).expect("a folder") {
        let sources = entry.expect("an entry").path().join("src");
        if sources.is_dir() {
            collect(&sources, &mut found);
        }
    }
    assert!(found.remove(CHANNEL));
    let table = engine::metrics::METRICS.iter().map(|metric| metric.name.to_owned());
    assert_eq!(found, table.collect());
}
