//! What the derived grammar cannot say by itself: groups of commands, and the exit codes of each.

use std::fmt::Write as _;

use clap::CommandFactory;

use super::Cli;
use crate::exit::Exit;

/// The commands in the order of the help, by heading. A test holds that every command is in one
/// group.
pub const GROUPS: [(&str, &[&str]); 7] = [
    ("Programme", &["plan", "phase", "status", "rehearse", "run"]),
    ("Population", &["registry", "mailbox", "hold", "erasure"]),
    ("Requests", &["voucher", "log-request", "message", "notice"]),
    ("Operations", &["incident", "drift", "canary", "platform"]),
    ("Records", &["event", "mail-log", "key", "store"]),
    ("Services", &["service", "config"]),
    ("Command line", &["completion", "man", "help"]),
];

/// The heading of the exit codes in the help of a command.
pub(crate) const EXIT_CODES: &str = "Exit codes:\n";

/// The grammar with its groups and the exit codes of every command.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let template = template(&command);
    let command = documented(Cli::command(), "").help_template(template);
    let examples = text(command.get_after_help());
    let codes = Exit::ALL.map(|exit| (exit, exit.meaning()));
    command.after_help(format!("{examples}\n\n{}", section(codes)))
}

/// The layout of the top-level help, in which the commands stand in groups.
fn template(command: &clap::Command) -> String {
    let mut groups = String::new();
    for (heading, names) in GROUPS {
        // Writing to a string cannot fail.
        writeln!(groups, "{heading}:").unwrap_or_default();
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            writeln!(groups, "  {name:<12} {}", text(about)).unwrap_or_default();
        }
        groups.push('\n');
    }
    format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options of every \
         command:\n{{options}}{{after-help}}"
    )
}

/// Adds the exit codes to the help of every command that has no subcommands.
fn documented(mut command: clap::Command, path: &str) -> clap::Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    if names.is_empty() {
        let examples = text(command.get_after_help());
        return command.after_help(format!("{examples}\n\n{}", section(Exit::of(path))));
    }
    for name in names {
        let path = format!("{path} {name}").trim_start().to_owned();
        command = command.mut_subcommand(name, |sub| documented(sub, &path));
    }
    command
}

fn section(codes: impl IntoIterator<Item = (Exit, &'static str)>) -> String {
    let lines = codes.into_iter().map(|(exit, meaning)| format!("  {}  {meaning}", exit.code()));
    format!("{EXIT_CODES}{}", lines.collect::<Vec<_>>().join("\n"))
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}
