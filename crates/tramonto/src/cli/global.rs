use std::path::PathBuf;

use clap::Args;

use super::values;
use crate::Home;

/// What holds for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The folder of the store.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "TRAMONTO_STORE",
        default_value = "tramonto-store"
    )]
    pub store: PathBuf,
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
    /// The store that is meant.
    pub fn home(&self) -> Home {
        Home::new(&self.store)
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
