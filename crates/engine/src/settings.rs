//! How the engine works: one set of defaults for production, rehearsal and benchmarks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bus::{Login, NatsOptions};
use chrono::TimeDelta;
use domain::ProgrammeId;
use platform::Faults;
use secrecy::SecretString;
use workers::canary::ProbeEndpoints;
use workers::{SessionCommand, SweepSettings};

use crate::parts::{AnswerSettings, NoticeDelivery, WorkerSettings};
use crate::platform_choice::{PlatformChoice, PlatformLink};
use crate::store::StoreSettings;

/// How the parts work, wherever they run.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The mail platform.
    pub platform: PlatformChoice,
    /// The limits of the sweep.
    pub sweep: SweepSettings,
    /// How long before its instant an end is armed on the platform; `None` acts at the dates only.
    pub arm_ahead: Option<TimeDelta>,
    /// The workers.
    pub workers: WorkerSettings,
    /// How notices leave this process.
    pub notices: NoticeDelivery,
    /// Where canaries are probed, if anywhere.
    pub canaries: Option<ProbeEndpoints>,
    /// The command that ends open sessions, if any.
    pub sessions: Option<SessionCommand>,
    /// How mail servers are answered, if at all.
    pub answers: Option<AnswerSettings>,
    /// Whether the relay publishes one more message for each mailbox of an event.
    pub expand_events: bool,
    /// Faults that the platform injects, for rehearsals.
    pub faults: Option<Faults>,
    /// Seeds jitter and injected faults.
    pub seed: u64,
    /// How the parts of an embedded engine share the process.
    pub mode: RunMode,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            platform: PlatformChoice::Directory,
            sweep: SweepSettings::default(),
            arm_ahead: Some(PlatformLink::ARM_AHEAD),
            workers: WorkerSettings::default(),
            notices: NoticeDelivery::Disabled,
            canaries: None,
            sessions: None,
            answers: None,
            expand_events: false,
            faults: None,
            seed: 0,
            mode: RunMode::Continuous,
        }
    }
}

/// How the parts of an embedded engine share the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// Notices and canaries run beside the other parts: a slow server delays no phase.
    Continuous,
    /// They run in turn with the other parts: an idle engine has sent what there was to send.
    UntilIdle,
    /// The same, under a virtual clock.
    Rehearsal,
}

/// How a process is watched and stopped.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// Where the probe endpoints are answered; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// The time that in-flight work has when the process stops.
    pub stop_within: Duration,
}

impl ProcessSettings {
    /// The default address of the probe endpoints.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
}

/// How the bus is reached.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// The servers of one cluster.
    pub urls: Vec<SecretString>,
    /// How this process logs in.
    pub login: Login,
    /// The certificate authority of the servers (PEM); the system's own otherwise.
    pub root_certificate: Option<PathBuf>,
    /// Copies of each stream among the servers.
    pub replicas: usize,
}

impl BusSettings {
    pub(crate) fn options(&self, programme: &ProgrammeId) -> NatsOptions {
        let mut options = NatsOptions::new("", programme.clone());
        options.urls.clone_from(&self.urls);
        options.login = self.login.clone();
        options.tls_root.clone_from(&self.root_certificate);
        options.replicas = self.replicas;
        options
    }
}

/// How a service runs.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The store, which is a database.
    pub store: StoreSettings,
    /// The bus.
    pub bus: BusSettings,
    /// How its parts work.
    pub engine: EngineSettings,
    /// How it is watched and stopped.
    pub process: ProcessSettings,
    /// The time after which a standby takes over from a silent holder of a lease.
    pub lease: Duration,
}
