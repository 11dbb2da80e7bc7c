use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::Why;
use super::values;

/// The index of mail logs, and where it is kept.
#[derive(Debug, Clone, Args)]
pub struct MailLogArgs {
    /// Folder of the index and the exports; the store's by default
    ///
    /// Required if the store is a database.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// The command.
    #[command(subcommand)]
    pub command: MailLogCommand,
}

/// What is done with mail servers' logs.
#[derive(Debug, Clone, Subcommand)]
pub enum MailLogCommand {
    /// Read mail servers' logs into the index
    ///
    /// Each line counts once, however often its file is given.
    #[command(after_help = "Examples:
  tramonto mail-log index /var/log/mail.log*
  tramonto mail-log index mail.log.7.gz --not-after 2015-09-30T00:00:00Z \\
    --domain postacertificata.example

Formats: Postfix and Dovecot; plain, gzip or zstd; files in any order. A line without a year belongs
to the newest year in which it is not later than its file.")]
    Index {
        /// Log files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Domains whose messages are indexed; by default those of the registry
        #[arg(long, value_name = "DOMAIN", value_delimiter = ',')]
        domain: Vec<String>,
        /// Latest instant of any line; by default each file's modification time
        #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
        not_after: Option<DateTime<Utc>>,
    },
    /// Show whether the index and all exports are destroyed
    ///
    /// Prints the record of the destruction, and how many messages a hold keeps.
    #[command(after_help = "Example:
  tramonto mail-log status")]
    Status,
    /// Destroy the index and all exports, and record it
    ///
    /// Possible once the request window is over and no request is open. Messages of mailboxes under
    /// a hold are kept until it is released.
    #[command(after_help = "Example:
  tramonto mail-log destroy --reason 'end of the programme, file 90'")]
    Destroy(Why),
}
