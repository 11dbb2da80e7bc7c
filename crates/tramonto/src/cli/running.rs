use std::path::PathBuf;

use clap::Args;
use platform::{Chance, Faults};

use super::canary::CanaryArgs;
use super::notice::NoticeArgs;
use super::service::{AnswerArgs, ArmArgs, ServiceArgs, SessionArgs, SweepArgs, WorkersArgs};

/// How a rehearsal runs.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto rehearse
  tramonto rehearse --registrations 2121783
  tramonto rehearse --faults transient=1%,permanent=0.01% --crash-every 40
  tramonto rehearse --asking 60%
  tramonto rehearse --plan my-plan.toml --registry registry.csv --store rehearsed
  tramonto --store rehearsed status                   explore the store that was kept")]
pub struct RehearseArgs {
    /// Number of registrations to generate
    #[arg(long, value_name = "N", conflicts_with = "registry")]
    pub registrations: Option<u32>,
    /// Registry file to use instead of a generated one
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// Plan file; the plan of CEC-PAC by default
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Fault rates of the platform, e.g. `transient=1%,permanent=0.01%`
    #[arg(long, value_name = "RATES")]
    pub faults: Option<Faults>,
    /// Events between two simulated crashes of the engine
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub crash_every: Option<u64>,
    /// Share of holders who request a voucher; some of them request their log too
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub asking: Chance,
    /// Seed of the generated people and faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The lead time for arming the platform.
    #[command(flatten)]
    pub arming: ArmArgs,
    /// The store to keep, if `--store` is on the command line.
    #[arg(skip)]
    pub store: Option<PathBuf>,
}

/// How the engine runs.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto run
  tramonto run --log debug --log-json
  tramonto run --until-idle                           process what is due, then exit
  tramonto run --store postgres://tramonto@db/tramonto --bus nats://bus    all services at once

Ctrl-C shuts down cleanly. No recorded event is lost, however the engine stops.")]
pub struct RunArgs {
    /// Plan file to adopt if the store has none; the plan of CEC-PAC by default
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// How work is dispatched.
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// How many orders are carried out at a time.
    #[command(flatten)]
    pub workers: WorkersArgs,
    /// Exit once no work is left for now
    #[arg(long)]
    pub until_idle: bool,
    /// Which command ends open sessions.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// The policy server, if any.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The relay for notices.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// The servers that canaries probe.
    #[command(flatten)]
    pub canaries: CanaryArgs,
    /// Options of services. A store in a folder uses `--listen` and `--otlp-endpoint` only.
    #[command(flatten)]
    pub service: ServiceArgs,
}
