use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::Reason;

/// What is done with the plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Checks a plan file; every problem is told with its line and what would be right.
    Check(CheckArgs),
    /// Shows the plan in force: its phases, their instants, and where each fact comes from.
    Show(ShowPlanArgs),
    /// Makes a plan the store's first one.
    Adopt(AdoptArgs),
    /// Puts another plan in the place of the one in force; with --dry-run, shows what that changes.
    Amend(AmendArgs),
}

/// Which file is checked.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto plan check my-plan.toml")]
pub struct CheckArgs {
    /// The plan file.
    pub file: PathBuf,
}

/// How the plan is shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto plan show
  tramonto plan show --file > my-plan.toml            a plan file to amend")]
pub struct ShowPlanArgs {
    /// As a plan file, to be edited and given to `plan amend`.
    #[arg(long, conflicts_with = "json")]
    pub file: bool,
}

/// What is adopted.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto plan adopt my-plan.toml --reason 'decree 12 of 2014'")]
pub struct AdoptArgs {
    /// The plan file.
    pub file: PathBuf,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is amended.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto plan amend my-plan.toml --dry-run
  tramonto plan amend my-plan.toml --reason 'access is kept a month longer'

A phase that has started can't be moved.")]
pub struct AmendArgs {
    /// The plan file.
    pub file: PathBuf,
    /// Shows what would change and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub reason: Option<Reason>,
}
