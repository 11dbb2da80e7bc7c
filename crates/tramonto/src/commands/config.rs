//! `tramonto config`: which settings are in force, and where each comes from. No secret is shown.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use serde::Serialize;

use super::act::show;
use crate::Error;
use crate::cli::{Cli, ConfigArgs, Global, PLATFORM_SECRET};
use crate::config::ConfigFile;
use crate::output::text::table;
use crate::secrets::LOG_TABLE_PASSWORD;
use sql::without_secrets;
use url::Url;

/// One setting.
#[derive(Serialize)]
struct Setting {
    name: String,
    value: String,
    from: String,
}

pub(super) fn execute(_args: &ConfigArgs, global: &Global) -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let file = ConfigFile::named_by(&arguments)?;
    let command = file.apply(Cli::command())?;
    let matches = command.try_get_matches_from(arguments);
    let matches = matches.map_err(|error| Error::Invalid(error.to_string()))?;
    let Some((_, ours)) = matches.subcommand() else { return Ok(()) };
    let settings = settings(ours, &file);
    let row =
        |setting: &Setting| vec![setting.name.clone(), setting.value.clone(), setting.from.clone()];
    show(&settings, |all| table("setting | value | from", all.iter().map(row)), global)
}

fn settings(matches: &ArgMatches, file: &ConfigFile) -> Vec<Setting> {
    let command = Cli::command();
    let sub = command.find_subcommand("config");
    let known =
        command.get_arguments().chain(sub.into_iter().flat_map(clap::Command::get_arguments));
    let mut settings = Vec::new();
    for argument in known {
        let (Some(flag), id) = (argument.get_long(), argument.get_id().as_str()) else { continue };
        if matches!(flag, "help" | "version") {
            continue;
        }
        let values = matches.try_get_raw(id).ok().flatten();
        let value = values.into_iter().flatten().map(|value| shown(flag, &value.to_string_lossy()));
        let value = value.collect::<Vec<_>>().join(",");
        let from = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag".to_owned(),
            Some(ValueSource::EnvVariable) => argument.get_env().map_or_else(
                || "environment".to_owned(),
                |name| format!("environment ({})", name.to_string_lossy()),
            ),
            Some(_) if file.sets(flag) => "file".to_owned(),
            Some(_) | None => "default".to_owned(),
        };
        settings.push(Setting { name: flag.to_owned(), value, from });
    }
    for secret in [
        "TRAMONTO_STORE_PASSWORD",
        "TRAMONTO_BUS_PASSWORD",
        "TRAMONTO_BUS_TOKEN",
        "TRAMONTO_SMTP_PASSWORD",
        "TRAMONTO_CANARY_PASSWORD",
        LOG_TABLE_PASSWORD,
        PLATFORM_SECRET,
    ] {
        if std::env::var_os(secret).is_some() {
            let from = format!("environment ({secret})");
            let name = secret.trim_start_matches("TRAMONTO_").to_lowercase().replace('_', "-");
            settings.push(Setting { name, value: "***".to_owned(), from });
        }
    }
    settings
}

/// A value as it may be shown: URLs without their passwords.
fn shown(flag: &str, value: &str) -> String {
    let hidden = "***".to_owned();
    match flag {
        "store" => value.parse().map_or(hidden, |url: crate::StoreUrl| url.to_string()),
        _ if value.contains("://") => Url::parse(value).map_or(hidden, |url| without_secrets(&url)),
        _ => value.to_owned(),
    }
}
