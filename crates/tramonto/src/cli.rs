//! The grammar of the command line: a noun, then a verb, and their options.
//!
//! Purpose: from arguments to checked values. Invariants: a wrong argument is refused with the
//! expected form and exit code 2; a reason or an actor that holds personal data gets no further
//! than here; every command has an example and its exit codes in its help. Deliberately absent:
//! what a command does, which is `commands`'.

mod canary;
mod documented;
mod drift;
mod erasure;
mod event;
mod global;
mod incident;
mod key;
mod log_request;
mod mail_log;
mod mailbox;
mod message;
mod notice;
mod phase;
mod plan;
mod platform;
mod registry;
mod running;
mod service;
mod settings;
mod store;
mod values;
mod voucher;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use self::platform::PLATFORM_SECRET;
pub use self::platform::{ColumnArgs, PlatformArgs, PlatformCheckArgs, PlatformCommand};
pub use self::registry::{Destination, GenerateArgs, ImportArgs, RegistryCommand};
pub use canary::{CanaryArgs, CanaryCommand, ProbeArgs};
pub use drift::DriftCommand;
pub use erasure::{EraseArgs, EraseCommand, SearchTerm};
pub use event::{EventCommand, EventsArgs};
pub use global::Global;
pub use incident::IncidentCommand;
pub use key::KeyCommand;
pub use log_request::{By, LogRequestArgs, LogRequestCommand, PrepareArgs};
pub use mail_log::{MailLogArgs, MailLogCommand};
pub use mailbox::{HoldCommand, MailboxCommand};
pub use message::{ListMessagesArgs, MessageCommand, ReadingArgs, ShowMessageArgs};
pub use notice::{NoticeArgs, NoticeCommand};
pub use phase::PhaseCommand;
pub use plan::PlanCommand;
pub use running::{RehearseArgs, RunArgs};
pub use service::{
    AnswerArgs, ArmArgs, ConfigArgs, LmtpArgs, PolicyArgs, PortalArgs, PortalUrl, RelayArgs,
    SchedulerArgs, ServiceArgs, ServiceCommand, SessionArgs, SweepArgs, WorkerArgs, WorkersArgs,
};
pub use store::StoreCommand;
pub use values::{ArmAhead, AsOf, Listen, LogTableUrl, Reason, Seconds, ServerUrl, Target};

pub(crate) use documented::EXIT_CODES;
pub use documented::{GROUPS, command};
pub(crate) use voucher::PROOF;
pub use voucher::{CodesArgs, ManyArgs, VoucherCommand};

use crate::StoreUrl;
use crate::config::ConfigFile;

/// Shut down a mass mailbox service on fixed dates, for every mailbox, with proof
#[derive(Debug, Parser)]
#[command(
    name = "tramonto",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  tramonto rehearse                                   the whole programme in virtual time
  tramonto registry generate --registrations 10000 --out registry.csv
  tramonto registry import registry.csv && tramonto run
  tramonto status                                     where every phase stands
  tramonto mailbox show someone@postacertificata.example"
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands; [`GROUPS`] orders them in the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check, show, adopt and amend the plan
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Pause and resume the work of phases, and limit its pace
    #[command(subcommand)]
    Phase(PhaseCommand),
    /// Show the progress of the programme and of each phase
    #[command(after_help = "Examples:
  tramonto status
  tramonto status --json | jq '.phases[] | {phase, pending, incidents}'")]
    Status,
    /// Run the whole programme in virtual time and verify the outcome
    Rehearse(Box<RehearseArgs>),
    /// Run the engine in one process, in real time, until it is stopped
    Run(Box<RunArgs>),
    /// Import the registry of holders, or generate one
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Show or withdraw one mailbox
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Place and release holds on a mailbox's capabilities
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Erase holders' personal data and verify that none is left
    Erasure(EraseArgs),
    /// Request, verify, issue and redeem vouchers
    #[command(subcommand)]
    Voucher(VoucherCommand),
    /// Serve requests for the log of a mailbox's messages
    LogRequest(Box<LogRequestArgs>),
    /// List, show, release and refuse messages received by e-mail
    #[command(subcommand)]
    Message(MessageCommand),
    /// Show notices to holders, record bounces, and send notices again
    #[command(subcommand)]
    Notice(NoticeCommand),
    /// List, retry and resolve incidents
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Compare the mail platform with the log, and repair differences
    #[command(subcommand)]
    Drift(DriftCommand),
    /// Probe test mailboxes and show what the servers answered
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Check the mail servers' settings and repair the mail directory
    #[command(subcommand)]
    Platform(PlatformCommand),
    /// List the events of the log
    #[command(subcommand)]
    Event(EventCommand),
    /// Index mail servers' logs, and destroy the index after the programme
    MailLog(Box<MailLogArgs>),
    /// Create, list, rotate, retire and export the programme's keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Migrate the store, and show or rebuild its projections
    #[command(subcommand)]
    Store(StoreCommand),
    /// Run one service of a deployment, or check its health
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Show the settings in force and the source of each
    Config(Box<ConfigArgs>),
    /// Print shell completions
    #[command(after_help = "Examples:
  tramonto completion bash > ~/.local/share/bash-completion/completions/tramonto
  tramonto completion zsh > ~/.zfunc/_tramonto
  tramonto completion fish > ~/.config/fish/completions/tramonto.fish")]
    Completion {
        /// Shell to print completions for
        shell: clap_complete::Shell,
    },
    /// Write the man page of every command to a folder
    #[command(after_help = "Example:
  tramonto man ~/.local/share/man/man1")]
    Man {
        /// Folder to write to; created if missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// The reason of an operator.
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// Reason for the record; it must not name a person
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

impl Cli {
    /// Parses the arguments. clap words the errors, and ends the process with code 2 when asked to.
    pub fn read<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let command = ConfigFile::named_by(&arguments)
            .and_then(|file| file.apply(command()))
            .map_err(|error| Self::command().error(ErrorKind::Io, error))?;
        let matches = command.try_get_matches_from(arguments).map_err(without_secret_urls)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Command::Rehearse(args) = &mut cli.command {
            // A rehearsal writes to a store only if this command line names it: the environment may
            // name the store that is in use.
            let named = matches.value_source("store") == Some(ValueSource::CommandLine);
            args.store = match &cli.global.store {
                StoreUrl::Folder(folder) if named => Some(folder.clone()),
                StoreUrl::Postgres(_) if named => {
                    let problem = "a rehearsal is kept in a folder, not in a database";
                    return Err(Self::command().error(ErrorKind::ValueValidation, problem));
                }
                StoreUrl::Folder(_) | StoreUrl::Postgres(_) => None,
            };
        }
        Ok(cli)
    }
}

/// Hides the value of an invalid URL: it may hold a password.
fn without_secret_urls(mut error: clap::Error) -> clap::Error {
    let shown = error.get(ContextKind::InvalidValue).map(ToString::to_string);
    if shown.is_some_and(|text| text.contains("://")) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".to_owned()));
    }
    error
}
