use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::Reason;

/// What is done with the plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Check a plan file and report every problem with its line
    Check(CheckArgs),
    /// Show the plan in force: its phases, their instants and their sources
    Show(ShowPlanArgs),
    /// Adopt the first plan of a store
    Adopt(AdoptArgs),
    /// Replace the plan in force, or show what that would change
    ///
    /// A phase that has started cannot be moved.
    Amend(AmendArgs),
}

/// Which file is checked.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto plan check my-plan.toml")]
pub struct CheckArgs {
    /// Plan file
    pub file: PathBuf,
}

/// How the plan is shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto plan show
  tramonto plan show --file > my-plan.toml            a plan file to amend")]
pub struct ShowPlanArgs {
    /// Plan file format, to be edited and given to `plan amend`
    #[arg(long, conflicts_with = "json")]
    pub file: bool,
}

/// What is adopted.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto plan adopt my-plan.toml --reason 'decree 12 of 2014'")]
pub struct AdoptArgs {
    /// Plan file
    pub file: PathBuf,
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is amended.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto plan amend my-plan.toml --dry-run
  tramonto plan amend my-plan.toml --reason 'access is kept a month longer'")]
pub struct AmendArgs {
    /// Plan file
    pub file: PathBuf,
    /// Dry run: show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub reason: Option<Reason>,
}
