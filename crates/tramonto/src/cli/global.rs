use std::path::PathBuf;

use clap::Args;

use super::values;
use crate::{Error, Home, StorePlace};

/// What holds for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The store: a folder, or a database that services share, as `postgres://USER@HOST/NAME`.
    #[arg(
        long,
        global = true,
        value_name = "PLACE",
        env = "TRAMONTO_STORE",
        hide_env_values = true,
        default_value = "tramonto-store"
    )]
    pub store: StorePlace,
    /// A file with the database user's password.
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_STORE_PASSWORD_FILE")]
    pub store_password_file: Option<PathBuf>,
    /// The certificate authority of the database (PEM); with it, the server's name is verified too.
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_STORE_ROOT_CERTIFICATE")]
    pub store_root_certificate: Option<PathBuf>,
    /// The folder of the programme's keys; without it, `keys` in the folder of the store.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_KEYS")]
    pub keys: Option<PathBuf>,
    /// A file with the keys instead, as `keyring.json` in such a folder, e.g. a mounted secret: it is read and never
    /// written. The variable `TRAMONTO_KEYRING` may hold the keys themselves.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TRAMONTO_KEYRING_FILE",
        conflicts_with = "keys"
    )]
    pub keyring_file: Option<PathBuf>,
    /// A TOML file with settings, e.g. `bus = "nats://bus"`; flags and the environment come first.
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_CONFIG")]
    pub config: Option<PathBuf>,
    /// Who acts, for the record; without it `operator:` and the name of the user.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TRAMONTO_ACTOR",
        value_parser = values::actor
    )]
    pub actor: Option<String>,
    /// Answers in JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What is logged to standard error: error, warn, info, debug, trace, or a filter by module.
    #[arg(long, global = true, value_name = "FILTER", env = "TRAMONTO_LOG")]
    pub log: Option<String>,
    /// Logs one JSON object a line.
    #[arg(long, global = true)]
    pub log_json: bool,
}

impl Global {
    /// The embedded store that is meant.
    pub fn home(&self) -> Result<Home, Error> {
        self.store.home()
    }

    /// Who acts.
    pub fn actor(&self) -> String {
        self.actor.clone().unwrap_or_else(|| {
            let user = std::env::var("USER").ok();
            // A name that could not be recorded is not worth refusing the command for.
            let user = user.and_then(|user| values::actor(&user).ok());
            format!("operator:{}", user.as_deref().unwrap_or("unknown"))
        })
    }
}
