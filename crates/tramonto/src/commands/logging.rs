//! Where the engine's own messages go: to standard error, so that answers stay clean.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::Error;
use crate::cli::{Cli, Command};

/// Begins to log as the command line asks for: an engine that runs says what it does, a command is
/// silent unless something is wrong.
pub(super) fn begin(cli: &Cli) -> Result<(), Error> {
    let runs = matches!(
        cli.command,
        Command::Run(_)
            | Command::Scheduler(_)
            | Command::Worker(_)
            | Command::Projector(_)
            | Command::Relay(_)
            | Command::Api(_)
    );
    let usual = if runs { "info,sqlx=warn,async_nats=warn" } else { "warn" };
    let filter = cli.global.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Error::Usage(format!(
            "--log {filter:?} is no filter ({error}); write for example --log debug"
        ))
    })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    let begun = if cli.global.log_json { logs.json().try_init() } else { logs.try_init() };
    begun.map_err(|error| Error::Usage(format!("the log can't be begun: {error}")))
}
