use std::path::PathBuf;

use clap::Args;

use super::values;
use crate::{Error, Home, StorePlace};

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Store: a folder, or a database as `postgres://USER@HOST/NAME`
    #[arg(
        long,
        global = true,
        value_name = "STORE",
        env = "TRAMONTO_STORE",
        hide_env_values = true,
        default_value = "tramonto-store"
    )]
    pub store: StorePlace,
    /// File with the database user's password
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_STORE_PASSWORD_FILE")]
    pub store_password_file: Option<PathBuf>,
    /// Certificate authority of the database (PEM), to verify the server's name
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_STORE_ROOT_CERTIFICATE")]
    pub store_root_certificate: Option<PathBuf>,
    /// Folder of the programme's keys; `keys` in the store's folder by default
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_KEYS")]
    pub keys: Option<PathBuf>,
    /// File with the keys, read only: the `keyring.json` of a key folder
    ///
    /// For keys mounted as a secret. The variable `TRAMONTO_KEYRING` may hold the keys themselves.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TRAMONTO_KEYRING_FILE",
        conflicts_with = "keys"
    )]
    pub keyring_file: Option<PathBuf>,
    /// TOML file with settings, e.g. `bus = "nats://bus"`
    ///
    /// Command-line options and environment variables override it.
    #[arg(long, global = true, value_name = "FILE", env = "TRAMONTO_CONFIG")]
    pub config: Option<PathBuf>,
    /// Actor for the record; `operator:USER` by default
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TRAMONTO_ACTOR",
        value_parser = values::actor
    )]
    pub actor: Option<String>,
    /// JSON output
    #[arg(long, global = true)]
    pub json: bool,
    /// Log level (error, warn, info, debug, trace) or filter by module
    ///
    /// Log lines go to standard error.
    #[arg(long, global = true, value_name = "FILTER", env = "TRAMONTO_LOG")]
    pub log: Option<String>,
    /// Log lines as JSON objects
    #[arg(long, global = true)]
    pub log_json: bool,
}

impl Global {
    /// The store, which must be a folder.
    pub fn home(&self) -> Result<Home, Error> {
        self.store.home()
    }

    /// The actor for the record.
    pub fn actor(&self) -> String {
        self.actor.clone().unwrap_or_else(|| {
            let user = std::env::var("USER").ok();
            // A user name that cannot be recorded does not fail the command.
            let user = user.and_then(|user| values::actor(&user).ok());
            format!("operator:{}", user.as_deref().unwrap_or("unknown"))
        })
    }
}
