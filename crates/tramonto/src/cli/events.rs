use clap::Args;

use super::values::Target;

/// Which events are shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto events --limit 20
  tramonto events --category programme --category outcome
  tramonto events --kind phase-started --kind phase-completed --json
  tramonto events --mailbox 35b6c2a0-1f7a-8000-8000-0000000004d2
  tramonto events --after 1200 --follow

The log holds no personal data: a mailbox is a number there.")]
pub struct EventsArgs {
    /// Goes on showing what is appended, until it is stopped.
    #[arg(long)]
    pub follow: bool,
    /// Only streams of this category: programme, schedule, registry, mailbox, outcome, incident, canary.
    #[arg(long, value_name = "NAME", value_parser = ["programme", "schedule", "registry", "mailbox", "outcome", "incident", "canary"])]
    pub category: Vec<String>,
    /// Only events of this kind, e.g. phase-started.
    #[arg(long, value_name = "NAME", value_parser = super::values::kind)]
    pub kind: Vec<String>,
    /// Only events that concern this mailbox: an address, an id, or a number.
    #[arg(long, value_name = "ID")]
    pub mailbox: Option<Target>,
    /// Only events after this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: u64,
    /// At most so many events.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}
