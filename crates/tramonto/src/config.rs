//! One TOML file beside flags and environment: flags win, then the environment, then the file.
//!
//! A key of the file is the name of a flag with `_` for `-`, e.g. `bus = "nats://localhost"`, and
//! its value goes through the same checks as on the command line, because it is handed to the same
//! parser as a default. Deliberately absent: passwords. The file names the files they are in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;

use crate::Error;

/// Names the file where no flag does.
const VARIABLE: &str = "TRAMONTO_CONFIG";

/// What a configuration file says: its values by the name of the flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// Where it is; `None` where none was named.
    pub(crate) path: Option<PathBuf>,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads the file that the arguments, or the environment, name.
    pub(crate) fn named_by(arguments: &[OsString]) -> Result<Self, Error> {
        let path = flag(arguments).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        path.filter(|path| !path.as_os_str().is_empty()).map_or(Ok(Self::default()), Self::read)
    }

    fn read(path: PathBuf) -> Result<Self, Error> {
        let text = fs::read_to_string(&path).map_err(Error::file(
            &path,
            "the configuration cannot be read; check the path of --config",
        ))?;
        let values = parse(&text).map_err(|problem| wrong(&path, &problem))?;
        Ok(Self { path: Some(path), values })
    }

    /// Does the file set this flag?
    pub(crate) fn sets(&self, flag: &str) -> bool {
        self.values.contains_key(flag)
    }

    /// Makes the file's values the defaults of the command line. A key that no command has is
    /// refused.
    pub(crate) fn apply(&self, command: Command) -> Result<Command, Error> {
        let Some(path) = &self.path else { return Ok(command) };
        let mut known = BTreeSet::new();
        flags(&command, &mut known);
        for key in self.values.keys() {
            if !known.contains(key) {
                let nearest = known.iter().max_by(|one, other| {
                    strsim::jaro(one, key).total_cmp(&strsim::jaro(other, key))
                });
                let nearest = nearest.map_or("", String::as_str).replace('-', "_");
                let key = key.replace('-', "_");
                let problem = format!("unknown setting {key:?}; did you mean {nearest:?}?");
                return Err(wrong(path, &problem));
            }
        }
        Ok(self.defaults(command))
    }

    fn defaults(&self, mut command: Command) -> Command {
        let ours: Vec<(String, String)> = command
            .get_arguments()
            .filter_map(|argument| {
                let value = self.values.get(argument.get_long()?)?;
                Some((argument.get_id().to_string(), value.clone()))
            })
            .collect();
        for (id, value) in ours {
            command = command.mut_arg(id, |argument| argument.default_value(value));
        }
        let names: Vec<String> =
            command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            command = command.mut_subcommand(name, |sub| self.defaults(sub));
        }
        command
    }
}

/// The value of `--config` among the arguments, which must be known before they can be parsed.
fn flag(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if argument == "--" {
            return None;
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
        });
        format!("line {line} is not valid TOML: {}", error.message())
    })?;
    let value = |(key, value): (String, toml::Value)| {
        let flag = key.replace('_', "-");
        if ["password", "token", "secret"].iter().any(|secret| flag.ends_with(secret)) {
            return Err(format!(
                "{key:?} does not belong in a file; use {key}_file, or the environment"
            ));
        }
        match value {
            toml::Value::String(text) => Ok((flag, text)),
            toml::Value::Integer(number) => Ok((flag, number.to_string())),
            toml::Value::Boolean(so) => Ok((flag, so.to_string())),
            toml::Value::Float(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_)
            | toml::Value::Table(_) => Err(format!(
                "{key:?} is neither text, a whole number, nor true or false; write it as on the \
                 command line, in quotes"
            )),
        }
    };
    table.into_iter().map(value).collect()
}

/// The long flags of a command and of all below it that take a value.
fn flags(command: &Command, found: &mut BTreeSet<String>) {
    let takes = command.get_arguments().filter(|argument| argument.get_action().takes_values());
    found.extend(takes.filter_map(|argument| argument.get_long().map(str::to_owned)));
    for sub in command.get_subcommands() {
        flags(sub, found);
    }
}

fn wrong(path: &Path, problem: &str) -> Error {
    Error::Invalid(format!("the configuration {}: {problem}", path.display()))
}
