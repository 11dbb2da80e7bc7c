use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use domain::Requester;
use uuid::Uuid;

use super::Why;
use super::values::{self, LogTableUrl, Reason, Target};

/// Requests for logs, and where the index is kept.
#[derive(Debug, Clone, Args)]
pub struct LogRequestArgs {
    /// Folder of the mail-log index and the exports; the store's by default
    ///
    /// Required if the store is a database.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// The command.
    #[command(subcommand)]
    pub command: LogRequestCommand,
}

/// What is done with requests for a message log.
#[derive(Debug, Clone, Subcommand)]
pub enum LogRequestCommand {
    /// Record a request for the log of a mailbox's messages
    #[command(after_help = "Examples:
  tramonto log-request create someone@postacertificata.example --by holder --reason 'letter 1234'
  tramonto log-request create 17 --by holder --received-on 2018-03-17 --reason 'letter 1235'
  tramonto log-request create 17 --by authority --from 2014-01-01 --through 2014-12-31 \\
    --reason 'order 77/2016'")]
    Create {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Requester
        #[arg(long)]
        by: By,
        /// First day of the log, in the plan's time zone
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        from: Option<NaiveDate>,
        /// Last day of the log, in the plan's time zone
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        through: Option<NaiveDate>,
        /// Day on which the request arrived; today by default
        ///
        /// The request is in time if this day is in the plan's window.
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        received_on: Option<NaiveDate>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Mark a request as verified
    #[command(after_help = "Example:
  tramonto log-request verify 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 \\
    --reason 'identity card seen, file 77'")]
    Verify {
        /// Request id, as `log-request list` shows it
        request: Uuid,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Refuse a request
    #[command(after_help = "Example:
  tramonto log-request refuse 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 --cause not-the-holder \\
    --reason 'file 78'")]
    Refuse {
        /// Request id, as `log-request list` shows it
        request: Uuid,
        /// Cause code for statistics
        #[arg(long, value_name = "CODE", default_value = "not-the-holder")]
        cause: Reason,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Prepare the exports of verified requests and show their links
    ///
    /// A request that cannot be served does not stop the others. A link is shown once and stored
    /// nowhere. Preparing a request again makes a new export and a new link; the old one stops
    /// working.
    Prepare(Box<PrepareArgs>),
    /// End links that have expired, and delete their exports
    #[command(after_help = "Example:
  tramonto log-request expire --reason 'the daily round'")]
    Expire(Why),
    /// List open requests
    #[command(after_help = "Examples:
  tramonto log-request list
  tramonto log-request list --json | jq .request")]
    List,
    /// Show the history of a request
    #[command(after_help = "Example:
  tramonto log-request show 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11")]
    Show {
        /// Request id, as `log-request list` shows it
        request: Uuid,
    },
}

/// Who requests a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The mailbox's holder
    Holder,
    /// An authority; the reason names its legal ground
    Authority,
}

impl From<By> for Requester {
    fn from(by: By) -> Self {
        match by {
            By::Holder => Self::Holder,
            By::Authority => Self::Authority,
        }
    }
}

/// Which exports are prepared.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto log-request prepare --reason 'the daily round' --portal https://log.example
  tramonto log-request prepare --send --reason 'the daily round'
  tramonto log-request prepare 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 --days 14 --reason 'letter 12'
  tramonto log-request prepare --log-table postgres://reader@db.example/mail#pec.log \\
    --reason 'the daily round'")]
pub struct PrepareArgs {
    /// Request id; all verified requests if omitted
    pub request: Option<Uuid>,
    /// Message table of the mail platform, read instead of the index
    ///
    /// Written as `postgres://USER@HOST/NAME#SCHEMA.TABLE`, or `FILE#TABLE` for a `SQLite` file. It
    /// is only read.
    #[arg(long, value_name = "URL", env = "TRAMONTO_LOG_TABLE", hide_env_values = true)]
    pub log_table: Option<LogTableUrl>,
    /// File with the password of that database's user
    #[arg(long, value_name = "FILE", env = "TRAMONTO_LOG_TABLE_PASSWORD_FILE")]
    pub log_table_password_file: Option<PathBuf>,
    /// Public URL of the portal, the base of every link
    #[arg(
        long,
        value_name = "URL",
        env = "TRAMONTO_PORTAL",
        default_value = "http://127.0.0.1:8090"
    )]
    pub portal: url::Url,
    /// Delivery of holders' links by letter
    ///
    /// `tramonto service intake` sends the letters to the recorded addresses. Links for
    /// authorities, and for holders without an address, are still shown.
    #[arg(long)]
    pub send: bool,
    /// Lifetime of a link in days; by default the plan's, or 30
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=90))]
    pub days: Option<u16>,
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}
