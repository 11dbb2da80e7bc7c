use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::Why;
use super::values::{Reason, Target};

/// Holders' personal data, and where those are that the store has not.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The folder of the log of messages and of extracts; without it, that of the store. Must be named where the
    /// store is a database, unless there never was one.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// There never was a log of messages: none was indexed, and no extract was prepared.
    #[arg(long, global = true)]
    pub no_archive: bool,
    /// What is to be done.
    #[command(subcommand)]
    pub command: EraseCommand,
}

/// What is done about holders' personal data.
#[derive(Debug, Subcommand)]
pub enum EraseCommand {
    /// Erases the personal data of one holder whose mailbox is closed.
    Holder(EraseHolderArgs),
    /// Erases those of everyone, once the programme has ended.
    #[command(after_help = "Example:
  tramonto erase all --reason 'the programme has ended'")]
    All(Why),
    /// Goes on with what an interrupted erasure has left.
    #[command(after_help = "Example:
  tramonto erase finish")]
    Finish,
    /// Looks for an address or a codice fiscale in everything that the store holds.
    Verify(VerifyErasureArgs),
}

/// Whose personal data are erased.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto erase holder someone@postacertificata.example --reason 'asked for by its holder'")]
pub struct EraseHolderArgs {
    /// The mailbox: its address, id or number.
    #[arg(value_name = "MAILBOX")]
    pub mailbox: Target,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// What is looked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto erase verify < texts              one a line; so they stand in no shell's history
  tramonto erase verify someone@postacertificata.example

Ends with 4 where anything is found.")]
pub struct VerifyErasureArgs {
    /// Addresses, codici fiscali, names; without any, standard input has one a line.
    #[arg(value_name = "TEXT")]
    pub texts: Vec<Needle>,
}

/// A text that is looked for; it is a person's, and shown nowhere.
#[derive(Clone)]
pub struct Needle(String);

impl Needle {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Needle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() < 4 {
            return Err("so short a text stands everywhere; write 4 letters or more".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Needle(***)")
    }
}
