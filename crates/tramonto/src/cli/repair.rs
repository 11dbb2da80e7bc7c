use clap::{Args, Subcommand};
use domain::{Capability, IncidentKey};

use super::values::{Reason, Target};

/// What is done with incidents.
#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// Lists what was given up, grouped by phase and cause.
    #[command(after_help = "Examples:
  tramonto incidents list
  tramonto incidents list --json")]
    List,
    /// Has the mailboxes of an incident tried again.
    Retry(RetryArgs),
    /// Records that the mailboxes of an incident were dealt with otherwise; they stay given up.
    Resolve(IncidentArgs),
}

/// Which incident is tried again.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto incidents retry receive-only:unknown-mailbox --reason 'the mailboxes were restored'
  tramonto incidents retry receive-only:unknown-mailbox --mailbox 35b6c2a0-1f7a-8000-8000-0000000004d2 --reason 'restored'")]
pub struct RetryArgs {
    /// The incident, as `incidents list` shows it.
    #[arg(value_name = "PHASE:CAUSE")]
    pub key: IncidentKey,
    /// Only this mailbox of it: an address, an id, or a number.
    #[arg(long, value_name = "ID")]
    pub mailbox: Option<Target>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Which incident is resolved.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto incidents resolve receive-only:unknown-mailbox --reason 'closed by hand on the platform'")]
pub struct IncidentArgs {
    /// The incident, as `incidents list` shows it.
    #[arg(value_name = "PHASE:CAUSE")]
    pub key: IncidentKey,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// How hard the platform is driven.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto pace send --calls-per-second 20 --reason 'the servers are busy by day'
  tramonto pace send --concurrent 1 --reason 'one at a time'
  tramonto pace send --reason 'no limit any more'")]
pub struct PaceArgs {
    /// The effect: send, modify, receive or access.
    #[arg(value_name = "EFFECT")]
    pub effect: Capability,
    /// Calls a second; without it, no limit.
    #[arg(long, value_name = "N")]
    pub calls_per_second: Option<u32>,
    /// Calls under way at once; without it, no limit.
    #[arg(long, value_name = "N")]
    pub concurrent: Option<u32>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is done with what is derived from the log.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ProjectionsCommand {
    /// Shows how far each projection has followed the log.
    #[command(after_help = "Example:
  tramonto projections status --json")]
    Status,
    /// Drops what is derived from the log and derives it anew.
    #[command(after_help = "Example:
  tramonto projections rebuild

Stop the engine first: one process works on a store at a time.")]
    Rebuild,
}

/// What is done with the embedded mail platform.
#[derive(Debug, Clone, Subcommand)]
pub enum PlatformCommand {
    /// Makes the mail directory anew from the log and the registry, where its file is gone.
    #[command(after_help = "Example:
  tramonto platform rebuild

Stop the engine first. A directory that is there is never overwritten: move the file away first.")]
    Rebuild,
}
