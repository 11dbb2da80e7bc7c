use clap::{Args, Subcommand};

use super::values::{self, Target};

/// What is done with the events of the log.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List events, one a line, in the order of the log
    ///
    /// The log holds no personal data: it names a mailbox by its number.
    List(EventsArgs),
}

/// Which events are listed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto event list --limit 20
  tramonto event list --category programme --category outcome
  tramonto event list --kind phase-started --kind phase-completed --json
  tramonto event list --mailbox 35b6c2a0-1f7a-8000-8000-0000000004d2
  tramonto event list --after 1200 --follow")]
pub struct EventsArgs {
    /// Continuous output: new events as they are appended
    #[arg(long)]
    pub follow: bool,
    /// Category of streams to list
    #[arg(long, value_name = "NAME", value_parser = values::CATEGORIES)]
    pub category: Vec<String>,
    /// Kind of events to list, e.g. phase-started
    #[arg(long, value_name = "NAME", value_parser = values::kind)]
    pub kind: Vec<String>,
    /// Mailbox whose events are listed: an address, an id or a number
    #[arg(long, value_name = "MAILBOX")]
    pub mailbox: Option<Target>,
    /// Position in the log after which to start
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: u64,
    /// Maximum number of events
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}
