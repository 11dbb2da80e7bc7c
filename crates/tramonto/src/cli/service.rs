use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use domain::Capabilities;
use engine::parts::{AnswerSettings, LeaseSettings, WorkerSettings};
use url::Url;
use workers::{SessionCommand, SweepSettings};

use super::PlatformArgs;
use super::canary::CanaryArgs;
use super::message::ReadingArgs;
use super::notice::NoticeArgs;
use super::values::{self, ArmAhead, Listen, Seconds, ServerUrl};

/// The services of a deployment.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Start phases on their dates and dispatch work
    ///
    /// Any number may run; one of them dispatches work at a time.
    Scheduler(Box<SchedulerArgs>),
    /// Carry out orders on the mail platform and record the outcomes
    ///
    /// Any number may run. With a mail relay, one of them sends notices to holders; with the
    /// options of canaries, one of them probes.
    Worker(Box<WorkerArgs>),
    /// Maintain the table of mailboxes and the mail directory
    ///
    /// Any number may run; one of them maintains each.
    #[command(after_help = "Example:
  tramonto service projector --store postgres://tramonto@db/tramonto --bus nats://bus")]
    Projector(Box<ServiceArgs>),
    /// Mirror the log to the message bus, each event once and in order
    ///
    /// Any number may run; one of them works at a time.
    Relay(Box<RelayArgs>),
    /// Execute commands from the message bus
    ///
    /// Commands arrive on tramonto.PROGRAMME.command.KIND; each is answered once its outcome is in
    /// the store. Any number may run.
    #[command(after_help = "Example:
  tramonto service api --store postgres://tramonto@db/tramonto --bus nats://bus")]
    Api(Box<ServiceArgs>),
    /// Answer mail servers' policy requests, mail by mail
    ///
    /// For a mail platform whose own tables must not be changed. Reads the log and the registry and
    /// needs no message bus. Any number may run.
    Policy(Box<PolicyArgs>),
    /// Serve the public pages on which holders confirm requests and fetch exports
    ///
    /// Serves the programme's public keys at /.well-known/jwks.json too. It has no TLS: put it
    /// behind a proxy that has, and that logs no paths. Any number may run.
    Portal(PortalArgs),
    /// Receive requests by e-mail (LMTP) and send letters
    ///
    /// A message is on disk before it is answered with 250.
    Intake(Box<LmtpArgs>),
    /// Check whether a service is ready
    ///
    /// Success means that it is ready, failure that it is not or does not answer.
    #[command(after_help = "Examples:
  tramonto service check
  tramonto service check http://worker-1:9464           whether it is ready (/readyz)
  tramonto service check http://worker-1:9464/healthz   whether it is alive")]
    Check {
        /// URL of the service; by default the address of `--listen` on this machine
        url: Option<Url>,
        /// Address on which the service was started
        #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_LISTEN", default_value_t)]
        listen: Listen,
    },
}

/// Options of every service: the bus, health checks and shutdown.
#[derive(Debug, Clone, Args)]
// A command flattens a group with a heading behind its own options: they would get it too.
#[command(next_help_heading = "Services")]
pub struct ServiceArgs {
    /// Message bus; servers of one cluster separated by commas
    #[arg(long, value_name = "URL", env = "TRAMONTO_BUS", value_delimiter = ',',
        value_parser = values::bus)]
    pub bus: Vec<ServerUrl>,
    /// NATS credentials file (JWT and key)
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_CREDENTIALS")]
    pub bus_credentials: Option<PathBuf>,
    /// File with the password of the bus user that the URL names
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_PASSWORD_FILE")]
    pub bus_password_file: Option<PathBuf>,
    /// File with a NATS token
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_TOKEN_FILE")]
    pub bus_token_file: Option<PathBuf>,
    /// Certificate authority of the bus (PEM); the system's by default
    #[arg(long, value_name = "FILE", env = "TRAMONTO_BUS_ROOT_CERTIFICATE")]
    pub bus_root_certificate: Option<PathBuf>,
    /// Whether a bus without TLS is refused
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_BUS_TLS", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub bus_tls: bool,
    /// Replicas of each stream on the bus: 1, 3 or 5
    #[arg(long, value_name = "N", env = "TRAMONTO_BUS_REPLICAS", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=5))]
    pub bus_replicas: u8,
    /// Address of /healthz, /readyz and /metrics; `off` for none
    ///
    /// Port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_LISTEN", default_value_t)]
    pub listen: Listen,
    /// Seconds to finish in-flight work at shutdown
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_STOP_WITHIN", default_value = "25")]
    pub stop_within: Seconds,
    /// Seconds after which a standby takes over from a silent service
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_LEASE",
        default_value_t = Seconds(LeaseSettings::TTL))]
    pub lease: Seconds,
    /// OTLP collector for spans (HTTP), e.g. `http://localhost:4318`; none by default
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The mail platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// A scheduler.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto service scheduler --store postgres://tramonto@db/tramonto --bus nats://bus")]
pub struct SchedulerArgs {
    /// How work is dispatched.
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Options of every service.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// How work is dispatched.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// The lead time for arming the platform.
    #[command(flatten)]
    pub arming: ArmArgs,
    /// Maximum mailboxes in one order, one platform call and one event
    #[arg(long, value_name = "N", default_value_t = SweepSettings::default().batch,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// Maximum orders in flight, over all workers
    #[arg(long, value_name = "N", default_value_t = SweepSettings::default().orders,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub orders: u64,
}

/// The lead time for arming the platform.
#[derive(Debug, Clone, Copy, Args)]
pub struct ArmArgs {
    /// Lead time for arming the platform, e.g. `14d`; `off` for none
    ///
    /// An armed platform ends a capability by itself, even if the engine is down on that date. The
    /// schedulers and workers of one deployment need the same lead time.
    #[arg(long, value_name = "DAYS", default_value_t)]
    pub arm_ahead: ArmAhead,
}

/// How many orders are carried out at a time.
#[derive(Debug, Clone, Copy, Args)]
pub struct WorkersArgs {
    /// Orders carried out concurrently
    #[arg(long, value_name = "N", default_value_t = WorkerSettings::default().count,
        value_parser = values::workers())]
    pub workers: usize,
}

/// What ends open sessions when access closes.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// Command that ends the sessions of mailboxes whose access has closed
    ///
    /// It reads addresses from standard input. Give the program's absolute path and its arguments;
    /// no shell is involved. An example is deploy/mail/end-sessions.
    #[arg(long, value_name = "COMMAND", env = "TRAMONTO_ON_ACCESS_CLOSED")]
    pub on_access_closed: Option<SessionCommand>,
}

/// A worker.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto service worker --store postgres://tramonto@db/tramonto --bus nats://bus
  tramonto service worker --effects send,modify --workers 4")]
pub struct WorkerArgs {
    /// Effects to carry out, separated by commas; all by default
    ///
    /// They are activate, send, modify, receive, access, and request-voucher, which issues
    /// vouchers. Where workers take some effects each, every effect needs a worker.
    #[arg(long, value_name = "EFFECTS", value_parser = values::effects)]
    pub effects: Option<Capabilities>,
    /// How many orders are carried out at a time.
    #[command(flatten)]
    pub workers: WorkersArgs,
    /// Which command ends open sessions; one worker runs it at a time.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// The lead time for arming the platform.
    #[command(flatten)]
    pub arming: ArmArgs,
    /// Options of every service.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The relay for notices.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// The servers that canaries probe.
    #[command(flatten)]
    pub canaries: CanaryArgs,
}

/// A relay.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto service relay --store postgres://tramonto@db/tramonto --bus nats://bus")]
pub struct RelayArgs {
    /// Whether each mailbox of an event gets a message too, on `…event.mailbox.KIND`
    #[arg(long, value_name = "BOOL", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub expand: bool,
    /// Options of every service.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// A policy server.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto service policy                             beside an engine on the same folder
  tramonto service policy --store postgres://tramonto@db/tramonto --policy-listen 127.0.0.1:10040

Among Postfix's recipient restrictions:
  check_policy_service { inet:127.0.0.1:10040, timeout=3s, retry_delay=1s, try_limit=2,
                         { default_action = 451 4.3.5 try later } }")]
pub struct PolicyArgs {
    /// How requests are answered.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// Options of every service; the bus is not used.
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// How policy requests are answered.
#[derive(Debug, Clone, Args)]
pub struct AnswerArgs {
    /// Address for Postfix's policy delegation protocol; port 0 for any free port
    ///
    /// Any client can query any mailbox: keep it on loopback, or among mail servers. `run`
    /// answers only if this option is given; `service policy` uses 127.0.0.1:10040 by default.
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_POLICY_LISTEN")]
    pub policy_listen: Option<SocketAddr>,
    /// Seconds without contact to the store after which mail is deferred
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_POLICY_STALE",
        default_value_t = Seconds(AnswerSettings::default().stale_after))]
    pub policy_stale: Seconds,
    /// Domains whose unknown addresses are refused, separated by commas
    ///
    /// Every address of such a domain must be a mailbox of the programme, except `postmaster` and
    /// `abuse`.
    #[arg(long, value_name = "DOMAINS", env = "TRAMONTO_POLICY_DOMAINS", value_delimiter = ',')]
    pub policy_domains: Vec<String>,
}

/// The public pages.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto service portal --listen 127.0.0.1:8090")]
pub struct PortalArgs {
    /// Address of the public pages
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TRAMONTO_PORTAL_LISTEN",
        default_value = "127.0.0.1:8090"
    )]
    pub listen: SocketAddr,
    /// Address of /healthz, /readyz and /metrics; `off` for none
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_PORTAL_WATCH", default_value = "off")]
    pub watch: Listen,
    /// Folder of the mail-log index and the exports; the store's by default
    ///
    /// If the store is a database, exports are delivered only if the folder is given.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
}

/// How messages are received and letters sent.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto service intake
  tramonto service intake --listen unix:/run/tramonto/lmtp --authserv-id mx.agency.example

For Postfix, in transport_maps:
  requests@agency.example  lmtp:inet:127.0.0.1:2003
  requests@agency.example  lmtp:unix:/run/tramonto/lmtp")]
pub struct LmtpArgs {
    /// Address for LMTP: an address and a port, or unix:PATH
    ///
    /// It accepts mail from whoever connects: keep it on loopback, or in a folder that only the
    /// mail server can enter.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TRAMONTO_LMTP_LISTEN",
        default_value = "127.0.0.1:2003"
    )]
    pub listen: intake::Listen,
    /// Address of /healthz, /readyz and /metrics; `off` for none
    #[arg(long, value_name = "ADDRESS", env = "TRAMONTO_INTAKE_WATCH", default_value = "off")]
    pub watch: Listen,
    /// Maximum size of a message, in bytes
    #[arg(long, value_name = "BYTES", env = "TRAMONTO_LMTP_LARGEST", default_value_t = 26_214_400,
        value_parser = clap::value_parser!(u32).range(1_024..=104_857_600))]
    pub largest: u32,
    /// Maximum concurrent connections
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_CONNECTIONS",
        default_value_t = intake::Limits::default().connections,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=5_000))]
    pub connections: usize,
    /// Maximum messages of one sender per hour; more are deferred
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_PER_SENDER", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub per_sender: u32,
    /// Maximum messages of all senders per minute; more are deferred
    ///
    /// A tenth of them may be reports of mail servers.
    #[arg(long, value_name = "N", env = "TRAMONTO_LMTP_PER_MINUTE", default_value_t = 30_000,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub per_minute: u32,
    /// How messages are classified.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Public URL of the portal; without it nobody is asked to confirm
    #[arg(long, value_name = "URL", env = "TRAMONTO_PORTAL_URL")]
    pub portal_url: Option<PortalUrl>,
    /// Folder of letter templates; the built-in ones by default
    ///
    /// `tramonto message export-templates` writes the built-in ones. A missing template is replaced
    /// by the built-in one.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_LETTERS")]
    pub letters: Option<PathBuf>,
    /// Folder of the mail-log index and the exports; the store's by default
    ///
    /// If the store is a database, letters with links to exports wait unless the folder is given.
    #[arg(long, value_name = "DIR", env = "TRAMONTO_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// The relay for letters; their sender is the address of notices.
    #[command(flatten)]
    pub notices: NoticeArgs,
}

/// The public URL of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalUrl(pub String);

impl FromStr for PortalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok();
        let fits = |url: &Url| {
            let loopback =
                url.host_str().is_some_and(|host| host == "localhost" || host == "127.0.0.1");
            (url.scheme() == "https" || url.scheme() == "http" && loopback)
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        url.filter(fits)
            .map(|url| Self(url.as_str().trim_end_matches('/').to_owned()))
            .ok_or_else(|| "expected https://HOST[/PATH]; http only on loopback".to_owned())
    }
}

/// The settings to show.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto config
  tramonto config --config /etc/tramonto.toml --json

A value comes from an option, the environment, the configuration file, or the default.")]
pub struct ConfigArgs {
    /// Options of every service.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The relay for notices.
    #[command(flatten)]
    pub notices: NoticeArgs,
    /// The servers that canaries probe.
    #[command(flatten)]
    pub canaries: CanaryArgs,
}
