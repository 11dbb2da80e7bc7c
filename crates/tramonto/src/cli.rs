//! The command line as it is written: commands, options, and what each of them is for.
//!
//! Purpose: from arguments to checked values. Invariants: a wrong argument is told with what would be
//! right and ends with code 2; a reason or an actor that holds personal data gets no further than here.
//! Deliberately absent: what a command does, which is `commands`'.

mod canary;
mod drift;
mod erase;
mod events;
mod global;
mod intake;
mod logs;
mod mailbox;
mod notices;
mod plan;
mod platform;
mod population;
mod repair;
mod running;
mod serving;
mod values;
mod voucher;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::intake::{
    IntakeCommand, LettersArgs, ListMessagesArgs, LmtpArgs, MessageArgs, PortalArgs, PortalUrl,
    ReadingArgs, RefuseMessageArgs, ReleaseMessageArgs, ShowMessageArgs,
};
pub use canary::{CanaryArgs, CanaryCommand, ProbeArgs, ShowCanaryArgs};
pub use drift::{CertificateArgs, CheckDriftArgs, DriftCommand, RepairArgs};
pub use erase::{EraseArgs, EraseCommand, EraseHolderArgs, Needle, VerifyErasureArgs};
pub use events::EventsArgs;
pub use global::Global;
pub use logs::{
    By, IndexArgs, LogRequestArgs, LogsArgs, LogsCommand, PrepareArgs, ReasonArgs, RefuseLogArgs,
    RequestArgs, ShowLogArgs,
};
pub use mailbox::{
    HoldCommand, MailboxCommand, PlaceArgs, ReleaseArgs, ShowMailboxArgs, WithdrawArgs,
};
pub use notices::{BounceArgs, NoticeArgs, NoticesCommand, RetryNoticeArgs, ShowNoticeArgs};
pub use plan::{AdoptArgs, AmendArgs, CheckArgs, PlanCommand, ShowPlanArgs};
pub(crate) use platform::PLATFORM_SECRET;
pub use platform::PlatformArgs;
pub use population::{Destination, GenerateArgs, ImportArgs};
pub use repair::{
    ColumnArgs, IncidentArgs, IncidentsCommand, PaceArgs, PlatformCheckArgs, PlatformCommand,
    PlatformViewArgs, ProjectionsCommand, RetryArgs,
};
pub use running::{RehearseArgs, RunArgs};
pub use serving::{
    AnswerArgs, ApiArgs, ConfigArgs, HealthcheckArgs, MigrateArgs, PolicyArgs, ProjectorArgs,
    RelayArgs, SchedulerArgs, ServiceArgs, SessionArgs, SweepArgs, WorkerArgs,
};
pub use values::{
    ArmAhead, AsOf, BusPlace, DoorUrl, Listen, LogTablePlace, Reason, Seconds, SmtpPlace, Target,
};

pub(crate) use values::cause;
pub(crate) use voucher::PROOF;
pub use voucher::{
    CodesArgs, ExpireArgs, IssueArgs, KeysCommand, ManyArgs, OneArgs, RedeemArgs, RefuseArgs,
    ReissueArgs, RemindArgs, RetireArgs, RotateArgs, ShowVoucherArgs, VoucherCommand,
    VouchersCommand,
};

use crate::StorePlace;
use crate::config::ConfigFile;

/// Carries a mass mailbox service through its shutdown: on the dates fixed by law, for every mailbox,
/// with proof.
#[derive(Debug, Parser)]
#[command(
    name = "tramonto",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  tramonto rehearse                                   the whole programme in virtual time
  tramonto generate --registrations 10000 --out registry.csv
  tramonto import registry.csv && tramonto run        a store of your own, by the real clock
  tramonto status                                     where every phase stands
  tramonto mailbox show someone@postacertificata.example

Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong, 3 rows of a registry were
rejected, 4 drift was found, no certificate can be given, or a text is left that was looked for."
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order in which one comes to need them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the whole programme in virtual time over a population, and proves the outcome.
    Rehearse(Box<RehearseArgs>),
    /// Runs the engine by the real clock, all parts in one process, until it is stopped.
    Run(Box<RunArgs>),
    /// Service: starts phases on their dates and hands out work.
    Scheduler(Box<SchedulerArgs>),
    /// Service: carries out orders on the mail platform.
    Worker(Box<WorkerArgs>),
    /// Service: keeps what is derived from the log.
    Projector(Box<ProjectorArgs>),
    /// Service: mirrors the log to the bus.
    Relay(Box<RelayArgs>),
    /// Service: takes commands from outside.
    Api(Box<ApiArgs>),
    /// Service: tells mail servers, mail by mail, who may send and who may receive.
    Policy(Box<PolicyArgs>),
    /// Makes, or brings up to date, the tables of a shared store.
    Migrate(MigrateArgs),
    /// Shows which settings are in force, and where each comes from.
    Config(Box<ConfigArgs>),
    /// Asks a service whether it is ready: ends with 0 where it is, with 1 where not.
    Healthcheck(HealthcheckArgs),
    /// Reads a registry file into the store; bad rows go to FILE.rejects.csv.
    Import(ImportArgs),
    /// Makes up a realistic registry file; the same seed gives the same file.
    Generate(GenerateArgs),
    /// Checks, shows, adopts and amends the plan.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Shows where the programme and each of its phases stand.
    #[command(after_help = "Examples:
  tramonto status
  tramonto status --json | jq '.phases[] | {phase, pending, incidents}'")]
    Status,
    /// Shows one mailbox, or withdraws it.
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Keeps capabilities of a mailbox, and lets them go again.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Lists what could not be done, has it tried again, or marks it as dealt with.
    #[command(subcommand)]
    Incidents(IncidentsCommand),
    /// Compares the mail platform with the log, and says what differs.
    #[command(subcommand)]
    Drift(DriftCommand),
    /// Shows who was told of what, and records what came back.
    #[command(subcommand)]
    Notices(NoticesCommand),
    /// Probes mailboxes of our own, and shows what they were answered beside each boundary.
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Takes a voucher through its life: asked for, verified, issued, redeemed.
    #[command(subcommand)]
    Voucher(VoucherCommand),
    /// Reports on all vouchers, and keeps the keys that sign them.
    #[command(subcommand)]
    Vouchers(VouchersCommand),
    /// Takes requests by e-mail, and shows what waits in quarantine.
    #[command(subcommand)]
    Intake(IntakeCommand),
    /// Erases holders' personal data, and shows that nothing is left of them.
    Erase(EraseArgs),
    /// Reads mail servers' logs, hands extracts of them out to who may ask, and destroys them at the end.
    Logs(Box<LogsArgs>),
    /// Service: the public pages, on which holders confirm.
    Portal(PortalArgs),
    /// Stops the sweep; dates still start their phases, and what is armed still ends.
    #[command(after_help = "Example:
  tramonto pause --reason 'the mail servers are moved tonight'")]
    Pause(Why),
    /// Lets the sweep go on.
    #[command(after_help = "Example:
  tramonto resume --reason 'the mail servers are back'")]
    Resume(Why),
    /// Changes how hard the platform is driven for one effect, also while the engine runs.
    Pace(PaceArgs),
    /// Shows the log, one event a line.
    Events(EventsArgs),
    /// Shows what is derived from the log, or derives it anew.
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Looks at the mail platform, and repairs the embedded one.
    #[command(subcommand)]
    Platform(PlatformCommand),
    /// Prints the completions of a shell.
    #[command(after_help = "Example:
  tramonto completions bash > ~/.local/share/bash-completion/completions/tramonto")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Why an operator does something.
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}

impl Cli {
    /// Reads the arguments; what is wrong with them is told by clap, which ends the process with code 2
    /// when asked to.
    pub fn read<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let command = ConfigFile::named_by(&arguments)
            .and_then(|file| file.apply(Self::command()))
            .map_err(|error| Self::command().error(ErrorKind::Io, error))?;
        let matches = command.try_get_matches_from(arguments).map_err(without_places)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Command::Rehearse(args) = &mut cli.command {
            // A rehearsal writes to a store only where this very command names it: a variable of the
            // environment points at the store that is in use.
            let named = matches.value_source("store") == Some(ValueSource::CommandLine);
            args.store = match &cli.global.store {
                StorePlace::Folder(folder) if named => Some(folder.clone()),
                StorePlace::Postgres(_) if named => {
                    let problem = "a rehearsal is kept in a folder, not in a database";
                    return Err(Self::command().error(ErrorKind::ValueValidation, problem));
                }
                StorePlace::Folder(_) | StorePlace::Postgres(_) => None,
            };
            args.json = cli.global.json;
        }
        Ok(cli)
    }
}

/// A place that can't be read is not repeated: there may be a password in it.
fn without_places(mut error: clap::Error) -> clap::Error {
    let shown = error.get(ContextKind::InvalidValue).map(ToString::to_string);
    if shown.is_some_and(|text| text.contains("://")) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".to_owned()));
    }
    error
}
