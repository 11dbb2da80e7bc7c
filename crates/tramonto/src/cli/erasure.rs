use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::values::{Reason, Target};

/// Erasure, and the folder of data outside the store.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// Folder of the mail-log index and the exports; the store's by default
    ///
    /// Required if the store is a database, unless `--no-archive` is given.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// Assertion that no mail log was ever indexed and no export prepared
    #[arg(long, global = true)]
    pub no_archive: bool,
    /// The command.
    #[command(subcommand)]
    pub command: EraseCommand,
}

/// What is done about holders' personal data.
#[derive(Debug, Subcommand)]
pub enum EraseCommand {
    /// Erase the personal data of one holder, or of every holder
    ///
    /// One holder: the mailbox must be closed. Every holder (`--all`): the programme must have
    /// ended; holders under a hold are kept. The erasure is recorded; the numbers of mailboxes
    /// stay.
    #[command(after_help = "Examples:
  tramonto erasure start someone@postacertificata.example --reason 'requested by its holder'
  tramonto erasure start --all --reason 'the programme has ended'")]
    Start {
        /// Mailbox: an address, an id or a number
        #[arg(value_name = "MAILBOX", required_unless_present = "all")]
        mailbox: Option<Target>,
        /// Every holder, once the programme has ended
        #[arg(long, conflicts_with = "mailbox")]
        all: bool,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Complete an interrupted erasure
    #[command(after_help = "Example:
  tramonto erasure resume")]
    Resume,
    /// Search everything the store holds for addresses, codici fiscali or names
    #[command(after_help = "Examples:
  tramonto erasure verify < terms.txt        one a line; keeps them out of the shell's history
  tramonto erasure verify someone@postacertificata.example")]
    Verify {
        /// Search terms; read from standard input, one a line, if omitted
        #[arg(value_name = "TEXT")]
        texts: Vec<SearchTerm>,
    },
}

/// A text to search for. It is personal data, so no form of it is printed.
#[derive(Clone)]
pub struct SearchTerm(String);

impl SearchTerm {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SearchTerm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() < 4 {
            return Err(
                "too short, it would match everywhere; write 4 characters or more".to_owned()
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SearchTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SearchTerm(***)")
    }
}
