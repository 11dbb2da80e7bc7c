use chrono::NaiveDate;
use clap::Subcommand;

use super::PlatformArgs;
use super::values::Reason;

/// What is done about drift.
#[derive(Debug, Subcommand)]
pub enum DriftCommand {
    /// Compare the mail platform with the log and record differences
    ///
    /// Nothing is repaired.
    #[command(after_help = "Examples:
  tramonto drift check
  tramonto drift check --json | jq .drifting")]
    Check(PlatformArgs),
    /// Compare the mail platform with the log and repair differences
    ///
    /// The running engine repairs them as ordinary work, or the next one to run.
    #[command(after_help = "Example:
  tramonto drift repair --reason 'somebody reopened mailboxes by hand'")]
    Repair {
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
        /// The platform the engine works on.
        #[command(flatten)]
        platform: PlatformArgs,
    },
    /// Certify that no drift was open at the end of a day
    ///
    /// The certificate states what was compared, or why it cannot be given.
    #[command(after_help = "Examples:
  tramonto drift certify
  tramonto drift certify --date 2015-09-18 --json")]
    Certify {
        /// Day to certify, in the plan's time zone; today by default
        #[arg(long, value_name = "DATE")]
        date: Option<NaiveDate>,
    },
}
