use chrono::NaiveDate;
use clap::{Args, Subcommand};

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
    Check(CheckDriftArgs),
    /// Compare the mail platform with the log and repair differences
    ///
    /// The running engine repairs them as ordinary work, or the next one to run.
    Repair(RepairArgs),
    /// Certify that no drift was open at the end of a day
    ///
    /// The certificate states what was compared, or why it cannot be given.
    Certify(CertificateArgs),
}

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct CheckDriftArgs {
    /// The platform the engine works on.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// Why drift is repaired.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto drift repair --reason 'somebody reopened mailboxes by hand'")]
pub struct RepairArgs {
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
    /// The platform the engine works on.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// Which day is certified.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "Examples:
  tramonto drift certify
  tramonto drift certify --date 2015-09-18 --json")]
pub struct CertificateArgs {
    /// Day to certify, in the plan's time zone; today by default
    #[arg(long, value_name = "DATE")]
    pub date: Option<NaiveDate>,
}
