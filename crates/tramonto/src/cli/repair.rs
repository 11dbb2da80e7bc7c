use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{Capability, IncidentKey};
use platform::{Identifier, Renamed};

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

/// What is done with the mail platform.
#[derive(Debug, Clone, Subcommand)]
pub enum PlatformCommand {
    /// Shows what the mail servers are to look up, and finds what would keep them from obeying.
    #[command(after_help = "Examples:
  tramonto platform check
  doveconf -n > dovecot.txt && postconf -n > postfix.txt
  tramonto platform check --dovecot dovecot.txt --postfix postfix.txt

Exit codes: 0 nothing was found, 1 something was.")]
    Check(PlatformCheckArgs),
    /// Gives the rights a view of another name, and columns of other names, for queries that are what they are.
    #[command(after_help = "Example:
  tramonto platform view accounts --column address=username --column can_login=active")]
    View(PlatformViewArgs),
    /// Makes the mail directory anew from the log and the registry, where its file is gone.
    #[command(after_help = "Example:
  tramonto platform rebuild

Stop the engine first. A directory that is there is never overwritten: move the file away first.")]
    Rebuild,
}

/// What is looked at.
#[derive(Debug, Clone, Args)]
pub struct PlatformCheckArgs {
    /// Looks at the settings of Dovecot too, as `doveconf -n` printed them.
    #[arg(long, value_name = "FILE")]
    pub dovecot: Option<PathBuf>,
    /// Looks at the settings of Postfix too, as `postconf -n` printed them.
    #[arg(long, value_name = "FILE")]
    pub postfix: Option<PathBuf>,
    /// Shows the lookups in a view that `platform view` made.
    #[arg(long, value_name = "NAME")]
    pub view: Option<Identifier>,
    /// The names of its columns.
    #[command(flatten)]
    pub columns: ColumnArgs,
}

/// A view of the rights.
#[derive(Debug, Clone, Args)]
pub struct PlatformViewArgs {
    /// Its name; one that is there is made anew.
    #[arg(value_name = "NAME")]
    pub name: Identifier,
    /// The names of its columns.
    #[command(flatten)]
    pub columns: ColumnArgs,
}

/// Columns under other names.
#[derive(Debug, Clone, Args)]
pub struct ColumnArgs {
    /// A column and its other name, e.g. `address=username`; those that are not named keep theirs.
    #[arg(long = "column", value_name = "OURS=THEIRS")]
    pub columns: Vec<Renamed>,
}
