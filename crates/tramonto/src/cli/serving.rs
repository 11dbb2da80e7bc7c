use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::Capabilities;
use workers::SessionCommand;

use super::PlatformArgs;
use super::canary::CanaryArgs;
use super::notices::NoticeArgs;
use super::values::{self, ArmAhead, Seconds};

/// What the services share: the bus, and how each is watched and stopped.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every service")]
pub struct ServiceArgs {
    /// The message bus; several servers of one cluster with commas between them.
    #[arg(long, value_name = "URL", env = "TRAMONTO_BUS")]
    pub bus: Option<values::BusPlace>,
    /// A NATS credentials file (JWT and key).
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_CREDENTIALS")]
    pub bus_credentials: Option<PathBuf>,
    /// A file with the bus user's password; the user stands in the URL.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_PASSWORD_FILE")]
    pub bus_password_file: Option<PathBuf>,
    /// A file with a NATS token.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_TOKEN_FILE")]
    pub bus_token_file: Option<PathBuf>,
    /// The certificate authority of the bus (PEM); the system's own otherwise.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_ROOT_CERTIFICATE")]
    pub bus_root_certificate: Option<PathBuf>,
    /// Refuses a bus without TLS.
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_BUS_TLS", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub bus_tls: bool,
    /// Copies of each stream among the servers of the bus: 1, 3 or 5.
    #[arg(long, value_name = "N", env = "TRAMONTO_BUS_REPLICAS", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=5))]
    pub bus_replicas: u8,
    /// Where /healthz, /readyz and /metrics are answered; port 0 takes a free one, `off` none.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_LISTEN", default_value = values::USUAL_LISTEN)]
    pub listen: values::Listen,
    /// How long what is in hand may take when the service is stopped, in seconds.
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_STOP_WITHIN", default_value = "25")]
    pub stop_within: Seconds,
    /// After how many seconds a standby takes over from a service that fell silent.
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_LEASE", default_value = "15")]
    pub lease: Seconds,
    /// Where spans are sent, by OTLP over HTTP, e.g. `http://localhost:4318`; nowhere without it.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The mail platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// A scheduler.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto scheduler --store postgres://tramonto@db/tramonto --bus nats://bus

Starts phases on their dates and, one scheduler at a time, hands out work. Any number may run.")]
pub struct SchedulerArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How the sweep hands out work.
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// How work is handed out.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// How long ahead the platform is told its instants, e.g. `14d`; `off` acts at the dates only.
    #[arg(long, value_name = "DAYS", default_value = "14d")]
    pub arm_ahead: ArmAhead,
    /// How many mailboxes go into one work order, one platform call and one event.
    #[arg(long, value_name = "N", default_value_t = 65_536,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// How many orders may wait or be in hand at once, over all workers.
    #[arg(long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub orders: u32,
}

/// Sessions that are open when access closes.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// A command that ends the sessions of the addresses on its standard input, once access has closed: a program's
    /// whole path, and arguments; no shell reads it. deploy/mail/end-sessions is one.
    #[arg(long, value_name = "COMMAND", env = "TRAMONTO_ON_ACCESS_CLOSED")]
    pub on_access_closed: Option<SessionCommand>,
}

/// A worker.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto worker --store postgres://tramonto@db/tramonto --bus nats://bus
  tramonto worker --effects send,modify --workers 4

Takes orders, has the platform carry them out, records what came of it. Any number may run. With a mail
relay, one of them tells holders too; with --canary-… one of them probes our own mailboxes.")]
pub struct WorkerArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Takes only orders of these effects: activate, send, modify, receive, access; all without it.
    #[arg(long, value_name = "EFFECTS", value_parser = values::effects)]
    pub effects: Option<Capabilities>,
    /// How many orders are carried out side by side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = values::workers)]
    pub workers: usize,
    /// Whose sessions end when access closes; one worker does it at a time.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// How long ahead the platform is told its instants; must be what the scheduler was told.
    #[arg(long, value_name = "DAYS", default_value = "14d")]
    pub arm_ahead: ArmAhead,
    /// Through which relay holders are told.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// Where our own mailboxes are probed.
    #[command(flatten)]
    pub canaries: CanaryArgs,
}

/// A projector.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto projector --store postgres://tramonto@db/tramonto --bus nats://bus

Keeps the table with one row per mailbox, and gives the mail directory its mailboxes. Any number may
run; one of them works at each.")]
pub struct ProjectorArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// A relay.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto relay --store postgres://tramonto@db/tramonto --bus nats://bus

Mirrors the log to the bus, each event once and in order. Any number may run; one of them works.")]
pub struct RelayArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Publishes a message for each mailbox of an event too, on `…event.mailbox.KIND`.
    #[arg(long, value_name = "BOOL", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub expand: bool,
}

/// The way in from outside.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto api --store postgres://tramonto@db/tramonto --bus nats://bus

Takes commands from the bus (tramonto.PROGRAMME.command.KIND) and answers each once its outcome is in
the store. Any number may run.")]
pub struct ApiArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The answers to mail servers.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto policy                                     beside an engine that runs on the same folder
  tramonto policy --store postgres://tramonto@db/tramonto --policy-listen 127.0.0.1:10040

For a mail platform whose own tables may not be touched. Among Postfix's recipient restrictions:
  check_policy_service { inet:127.0.0.1:10040, timeout=3s, retry_delay=1s, try_limit=2,
                         { default_action = 451 4.3.5 try later } }

It reads the log and the registry, and needs no bus. Any number may run.")]
pub struct PolicyArgs {
    /// What the services share; the bus is not used.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How mail servers are answered.
    #[command(flatten)]
    pub answers: AnswerArgs,
}

/// How mail servers are answered.
#[derive(Debug, Clone, Args)]
pub struct AnswerArgs {
    /// Where mail servers ask, in Postfix's policy delegation protocol; port 0 takes a free one. Whoever
    /// reaches it can ask about any mailbox: keep it on loopback, or among mail servers. `run` answers only
    /// where this is given; `policy` without it on 127.0.0.1:10040.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_POLICY_LISTEN")]
    pub policy_listen: Option<SocketAddr>,
    /// After how many seconds without contact to the store mail is told to come again.
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_POLICY_STALE", default_value = "30")]
    pub policy_stale: Seconds,
    /// Domains of which every address is a mailbox of the programme, with commas between them: one that
    /// nobody has is refused there, `postmaster` and `abuse` excepted.
    #[arg(long, value_name = "DOMAINS", env = "TRAMONTO_POLICY_DOMAINS", value_delimiter = ',')]
    pub policy_domains: Vec<String>,
}

/// Which settings are in force.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto config
  tramonto config --config /etc/tramonto.toml --json

Shows each setting, its value, and where it comes from: a flag, the environment, the file, or none.")]
pub struct ConfigArgs {
    /// What the services share.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Through which relay holders are told.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// Where our own mailboxes are probed.
    #[command(flatten)]
    pub canaries: CanaryArgs,
}

/// Whether a service is ready.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto healthcheck                                the service that listens where nothing else is said
  tramonto healthcheck http://worker-1:9464           another one; /readyz is asked for
  tramonto healthcheck http://worker-1:9464/healthz   only whether it is alive")]
pub struct HealthcheckArgs {
    /// Where the service answers; without it where --listen says, from the same machine.
    pub url: Option<url::Url>,
    /// Where the service was told to answer.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_LISTEN", default_value = values::USUAL_LISTEN)]
    pub listen: values::Listen,
}

/// The tables of a shared store.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "Examples:
  tramonto migrate --store postgres://tramonto@db/tramonto --dry-run
  tramonto migrate --store postgres://tramonto@db/tramonto")]
pub struct MigrateArgs {
    /// Says what would be done, and does nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl ServiceArgs {
    /// How long what is in hand may take.
    pub fn stop_within(&self) -> Duration {
        self.stop_within.0
    }
}
