use clap::Subcommand;
use domain::IncidentKey;

use super::values::{Reason, Target};

/// What an operator does with incidents.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// List permanent failures, grouped by phase and cause
    #[command(after_help = "Examples:
  tramonto incident list
  tramonto incident list --json")]
    List,
    /// Retry the mailboxes of an incident
    #[command(after_help = "Examples:
  tramonto incident retry receive-only:unknown-mailbox --reason 'the mailboxes were restored'
  tramonto incident retry receive-only:unknown-mailbox --mailbox 4711 --reason 'restored'")]
    Retry {
        /// Incident, as `incident list` shows it
        #[arg(value_name = "PHASE:CAUSE")]
        key: IncidentKey,
        /// Single mailbox to retry: an address, an id or a number
        #[arg(long, value_name = "MAILBOX")]
        mailbox: Option<Target>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Mark an incident as resolved by other means
    ///
    /// Its mailboxes stay failed permanently; the record says that they were dealt with.
    #[command(after_help = "Example:
  tramonto incident resolve receive-only:unknown-mailbox --reason 'closed on the platform'")]
    Resolve {
        /// Incident, as `incident list` shows it
        #[arg(value_name = "PHASE:CAUSE")]
        key: IncidentKey,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
}
