use std::path::PathBuf;

use clap::Subcommand;

use super::values::Reason;

/// What is done with the plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Check a plan file and report every problem with its line
    #[command(after_help = "Example:
  tramonto plan check my-plan.toml")]
    Check {
        /// Plan file
        file: PathBuf,
    },
    /// Show the plan in force: its phases, their instants and their sources
    #[command(after_help = "Examples:
  tramonto plan show
  tramonto plan show --file > my-plan.toml            a plan file to amend")]
    Show {
        /// Plan file format, to be edited and given to `plan amend`
        #[arg(long, conflicts_with = "json")]
        file: bool,
    },
    /// Adopt the first plan of a store
    #[command(after_help = "Example:
  tramonto plan adopt my-plan.toml --reason 'decree 12 of 2014'")]
    Adopt {
        /// Plan file
        file: PathBuf,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Replace the plan in force, or show what that would change
    ///
    /// A phase that has started cannot be moved.
    #[command(after_help = "Examples:
  tramonto plan amend my-plan.toml --dry-run
  tramonto plan amend my-plan.toml --reason 'access is kept a month longer'")]
    Amend {
        /// Plan file
        file: PathBuf,
        /// Dry run: show what would change
        #[arg(long)]
        dry_run: bool,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
        reason: Option<Reason>,
    },
}
