use std::path::PathBuf;

use clap::Args;

use engine::Reason;
use engine::actions::Caller;
use engine::store::{KeySource, StoreSettings};
use secrecy::SecretString;

use crate::secrets::password;
use crate::{Error, Home, StoreUrl};

/// The database password, where no file holds it.
const PASSWORD: &str = "TRAMONTO_STORE_PASSWORD";
/// The keys themselves, where neither a flag nor another variable names a place.
const KEYRING: &str = "TRAMONTO_KEYRING";

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
    pub store: StoreUrl,
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
        value_parser = engine::actor
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
        self.settings()?.home()
    }

    /// The store that is meant, and what opens it.
    pub fn settings(&self) -> Result<StoreSettings, Error> {
        let password = match &self.store {
            StoreUrl::Folder(_) => None,
            StoreUrl::Postgres(_) => password(self.store_password_file.as_deref(), PASSWORD)?,
        };
        Ok(StoreSettings {
            url: self.store.clone(),
            password,
            root_certificate: self.store_root_certificate.clone(),
            keys: self.keys(),
            archive: None,
        })
    }

    /// The same, with the folder of the message logs where it is named.
    pub fn settings_with(&self, archive: Option<&PathBuf>) -> Result<StoreSettings, Error> {
        Ok(StoreSettings { archive: archive.cloned(), ..self.settings()? })
    }

    /// The keys that flags or the environment name; `None` for those of the store.
    fn keys(&self) -> Option<KeySource> {
        if let Some(folder) = &self.keys {
            return Some(KeySource::Folder(folder.clone()));
        }
        if let Some(file) = &self.keyring_file {
            return Some(KeySource::File(file.clone()));
        }
        let given = std::env::var(KEYRING).ok().filter(|text| !text.trim().is_empty())?;
        Some(KeySource::Given { name: KEYRING, keyring: SecretString::from(given) })
    }

    /// Who acts, and why.
    pub fn caller(&self, reason: Option<&Reason>) -> Caller {
        Caller::new(self.actor(), reason.cloned())
    }

    /// Who acts.
    pub fn actor(&self) -> String {
        self.actor.clone().unwrap_or_else(|| {
            let user = std::env::var("USER").ok();
            // A name that could not be recorded is not worth refusing the command for.
            let user = user.and_then(|user| engine::actor(&user).ok());
            format!("operator:{}", user.as_deref().unwrap_or("unknown"))
        })
    }
}
