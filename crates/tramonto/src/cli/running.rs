use std::path::PathBuf;

use clap::Args;
use platform::{Chance, Faults};

use super::canary::CanaryArgs;
use super::notices::NoticeArgs;
use super::serving::{AnswerArgs, ServiceArgs, SessionArgs, SweepArgs};
use super::values;
use super::values::ArmAhead;

/// How a rehearsal is run.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto rehearse
  tramonto rehearse --registrations 2121783
  tramonto rehearse --faults transient=1%,permanent=0.01% --crash-every 40
  tramonto rehearse --asking 60%                      more of them want a voucher
  tramonto rehearse --plan my-plan.toml --registry registry.csv --store rehearsed
  tramonto --store rehearsed status                   explore what was kept")]
pub struct RehearseArgs {
    /// How many registrations are made up.
    #[arg(long, value_name = "N", conflicts_with = "registry")]
    pub registrations: Option<u32>,
    /// Rehearse with this registry file instead of a made-up one.
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// Rehearse this plan instead of the one of CEC-PAC.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Faults of the platform, e.g. `transient=1%,permanent=0.01%`.
    #[arg(long, value_name = "RATES", value_parser = values::faults)]
    pub faults: Option<Faults>,
    /// Drops and rebuilds the engine each time so many events were recorded.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub crash_every: Option<u64>,
    /// How many holders ask for a voucher; where any do, some ask for the log of their messages too.
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub asking: Chance,
    /// Another seed makes up other people and other faults.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How long ahead the platform is told its instants, e.g. `14d`; `off` acts at the dates only.
    #[arg(long, value_name = "DAYS", default_value = "14d")]
    pub arm_ahead: ArmAhead,
    /// The store that is kept; only where `--store` stands on the command line.
    #[arg(skip)]
    pub store: Option<PathBuf>,
    /// Reports in JSON.
    #[arg(skip)]
    pub json: bool,
}

/// How the engine is run.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto run
  tramonto run --log debug --log-json
  tramonto run --until-idle                           catch up with what is due, then end

  tramonto run --store postgres://tramonto@db/tramonto --bus nats://bus    every service in one process

Ctrl-C stops it cleanly; whatever stops it, nothing that was recorded is lost, and the next run goes on.")]
pub struct RunArgs {
    /// The plan to adopt where the store has none yet; without it, the one of CEC-PAC.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// How work is handed out.
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// How many workers call the platform side by side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = values::workers)]
    pub workers: usize,
    /// Ends as soon as nothing is left to do now.
    #[arg(long)]
    pub until_idle: bool,
    /// Whose sessions end when access closes.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// Through which relay holders are told.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// Where our own mailboxes are probed.
    #[command(flatten)]
    pub canaries: CanaryArgs,
    /// What the services share; all but --listen and --otlp-endpoint for a store that is a database.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How mail servers are answered, where they are.
    #[command(flatten)]
    pub answers: AnswerArgs,
}
