use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use domain::Capability;
use uuid::Uuid;

use super::values::{self, AsOf, Reason, Target};

/// What is done with one mailbox.
#[derive(Debug, Subcommand)]
pub enum MailboxCommand {
    /// Shows what a mailbox may do, what happened to it, and what comes next.
    Show(ShowMailboxArgs),
    /// Records that the holder gives the mailbox up; it is then out of every later phase.
    Withdraw(WithdrawArgs),
}

/// Which mailbox is shown, and as of when.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto mailbox show someone@postacertificata.example
  tramonto mailbox show 35b6c2a0-1f7a-8000-8000-0000000004d2 --as-of 2015-03-18
  tramonto mailbox show someone@postacertificata.example --as-of 2015-03-18 --known-at 2015-03-20T09:00:00Z

A DATE means the end of that day in the plan's zone.")]
pub struct ShowMailboxArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// The mailbox as it was then.
    #[arg(long, value_name = "DATE|INSTANT")]
    pub as_of: Option<AsOf>,
    /// Only what had been recorded by then.
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    pub known_at: Option<DateTime<Utc>>,
}

/// Which mailbox is withdrawn.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto mailbox withdraw someone@postacertificata.example --reason 'recesso, letter 1234'")]
pub struct WithdrawArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is done with holds.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Keeps capabilities of a mailbox, whatever the plan takes away.
    Place(PlaceArgs),
    /// Lets go of a hold; the plan then holds for the mailbox again.
    Release(ReleaseArgs),
}

/// What is held.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto hold place someone@postacertificata.example --capability access --reason 'court order 77/2015'
  tramonto hold place 35b6c2a0-1f7a-8000-8000-0000000004d2 --capability receive,access --until 2015-12-31 --reason 'order 12'")]
pub struct PlaceArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// What it keeps: send, modify, receive, access; several with commas.
    #[arg(long, value_name = "CAPABILITY", required = true, value_delimiter = ',', num_args = 1..)]
    pub capability: Vec<Capability>,
    /// The last day it is kept, in the plan's zone; without it, until released.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub until: Option<NaiveDate>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is released.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto hold release someone@postacertificata.example 019b0c5e-7d1e-7c9a-9b1f-0c7d7a0e4f11 --reason 'order lifted'")]
pub struct ReleaseArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// The hold, as `mailbox show` lists it.
    #[arg(value_name = "HOLD")]
    pub hold: Uuid,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}
