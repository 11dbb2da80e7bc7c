use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::PlatformArgs;
use super::values::Reason;

/// What is done about drift.
#[derive(Debug, Subcommand)]
pub enum DriftCommand {
    /// Compares the mail platform with the log now, and records what differs; nothing is put right.
    #[command(after_help = "Examples:
  tramonto drift check
  tramonto drift check --json | jq .drifting

Ends with code 4 where drift was found.")]
    Check(CheckDriftArgs),
    /// The same, and what differs is put right by the engine that runs, or by the next one.
    Repair(RepairArgs),
    /// Says of a day that no drift was open at its end and what was looked at, or why that can't be said.
    Certificate(CertificateArgs),
}

/// What is compared.
#[derive(Debug, Clone, Args)]
pub struct CheckDriftArgs {
    /// The platform that is asked: the one that the engine works on.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// Why drift is put right.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto drift repair --reason 'somebody reopened mailboxes by hand'")]
pub struct RepairArgs {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
    /// The platform that is asked: the one that the engine works on.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// Of which day it is said.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "Examples:
  tramonto drift certificate
  tramonto drift certificate --date 2015-09-18 --json

Ends with code 4 where it can't be given.")]
pub struct CertificateArgs {
    /// The day, in the plan's zone; today where none is named.
    #[arg(long, value_name = "DATE")]
    pub date: Option<NaiveDate>,
}
