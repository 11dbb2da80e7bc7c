use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};
use domain::Requester;
use uuid::Uuid;

use super::values::{self, LogTablePlace, Reason, Target};

/// The log of messages, and where it is kept.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// The folder of the index and of extracts; without it, that of the store. Must be named where the
    /// store is a database.
    #[arg(long, global = true, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// What is to be done.
    #[command(subcommand)]
    pub command: LogsCommand,
}

/// What is done with the log of messages.
#[derive(Debug, Clone, Subcommand)]
pub enum LogsCommand {
    /// Reads mail servers' logs into the index; each line counts once, however often its file is given.
    Index(IndexArgs),
    /// Records that the log of a mailbox's messages is asked for.
    Request(LogRequestArgs),
    /// Records that it is sure who asked.
    #[command(after_help = "Example:
  tramonto logs verify 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 --reason 'identity card seen, file 77'")]
    Verify(RequestArgs),
    /// Turns a request down.
    Refuse(RefuseLogArgs),
    /// Prepares the extract of a verified request, or of all of them, and shows the links.
    Prepare(Box<PrepareArgs>),
    /// Ends the links that have had their time, and deletes their extracts.
    #[command(after_help = "Example:
  tramonto logs expire --reason 'the daily round'")]
    Expire(ReasonArgs),
    /// Lists the requests that are not over.
    #[command(after_help = "Example:
  tramonto logs list --json | jq .request")]
    List,
    /// Shows all that happened to a request.
    Show(ShowLogArgs),
    /// Destroys the index and all extracts, on record, once the window is over and no request is open.
    #[command(after_help = "Example:
  tramonto logs destroy --reason 'end of the programme, file 90'")]
    Destroy(ReasonArgs),
    /// Shows whether the logs are gone, and the record of it.
    #[command(after_help = "Example:
  tramonto logs destroyed")]
    Destroyed,
}

/// Which logs are read.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto logs index /var/log/mail.log*
  tramonto logs index mail.log.7.gz --not-after 2015-09-30T00:00:00Z --domain postacertificata.example

Postfix and Dovecot, plain, gzip or zstd, in any order. Lines without a year are taken to be from the
newest year in which they are not later than their file.")]
pub struct IndexArgs {
    /// The files.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Whose messages are kept; without it, the domain of the registry's addresses.
    #[arg(long, value_name = "DOMAIN", value_delimiter = ',')]
    pub domain: Vec<String>,
    /// The files were written no later than this; without it, each file's date says.
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    pub not_after: Option<DateTime<Utc>>,
}

/// Who asks for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The mailbox's holder.
    Holder,
    /// An authority, on the grounds that the reason names.
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

/// Whose log is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto logs request someone@postacertificata.example --by holder --reason 'letter 1234'
  tramonto logs request 17 --by holder --received-on 2018-03-17 --reason 'letter 1235, stamped that day'
  tramonto logs request 17 --by authority --from 2014-01-01 --through 2014-12-31 --reason 'order 77/2016'")]
pub struct LogRequestArgs {
    /// The mailbox: its address, its id, or its number.
    #[arg(value_name = "ADDRESS|ID")]
    pub mailbox: Target,
    /// Who asks.
    #[arg(long)]
    pub by: By,
    /// The first day asked for, in the plan's zone.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub from: Option<NaiveDate>,
    /// The last day asked for.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub through: Option<NaiveDate>,
    /// The day on which the request came, where it is entered later: that day must be in the window, not today.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub received_on: Option<NaiveDate>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Which request.
#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
    /// The request, as `logs list` shows it.
    #[arg(value_name = "REQUEST")]
    pub request: Uuid,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Which request is turned down.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto logs refuse 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 --cause not-the-holder --reason 'file 78'")]
pub struct RefuseLogArgs {
    /// The request, as `logs list` shows it.
    #[arg(value_name = "REQUEST")]
    pub request: Uuid,
    /// Why, as a short code that is counted.
    #[arg(long, value_name = "CODE", default_value = "not-the-holder")]
    pub cause: Reason,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Which extracts are prepared.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto logs prepare --reason 'the daily round' --portal https://log.example
  tramonto logs prepare --send --reason 'the daily round'
  tramonto logs prepare 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11 --days 14 --reason 'asked again by letter'
  tramonto logs prepare --log-table postgres://reader@db.example/mail#pec.log --reason 'the daily round'

A link is shown once and kept nowhere. Preparing a request again makes a new extract and a new link, and
the one before opens nothing any more.")]
pub struct PrepareArgs {
    /// The request; without it, all that are verified.
    #[arg(value_name = "REQUEST")]
    pub request: Option<Uuid>,
    /// The platform's own table or view of messages, read instead of the index, as
    /// `postgres://USER@HOST/NAME#SCHEMA.TABLE`, or `FILE#TABLE` for a `SQLite` file.
    #[arg(long, value_name = "PLACE", env = "TRAMONTO_LOG_TABLE", hide_env_values = true)]
    pub log_table: Option<LogTablePlace>,
    /// A file with the password of that database's user.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_LOG_TABLE_PASSWORD_FILE")]
    pub log_table_password_file: Option<PathBuf>,
    /// Where `tramonto portal` answers, as holders reach it.
    #[arg(
        long,
        value_name = "URL",
        env = "TRAMONTO_PORTAL",
        default_value = "http://127.0.0.1:8090"
    )]
    pub portal: url::Url,
    /// Has the links of holders go to them by letter, to the address on record; `tramonto intake lmtp` sends them.
    /// Those of authorities, and of holders without an address, are shown.
    #[arg(long)]
    pub send: bool,
    /// How many days a link lasts; without it, as many as the plan says (30 where it says nothing).
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=90))]
    pub days: Option<u16>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Why something is done.
#[derive(Debug, Clone, Args)]
pub struct ReasonArgs {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

/// Which request is shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto logs show 0197a3c0-4f00-7c9a-9b1f-0c7d7a0e4f11")]
pub struct ShowLogArgs {
    /// The request.
    #[arg(value_name = "REQUEST")]
    pub request: Uuid,
}
