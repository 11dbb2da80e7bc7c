//! What the parts of a process are built from.
//!
//! Every part of a process shares one registry, one directory and one link to the platform: each is
//! opened by the first part that needs it.

use std::sync::Arc;
use std::time::Duration;

use bus::{Connection, WorkQueue};
use eventstore::Journal;
use platform::{Faulty, Platform};
use projections::Projections;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::platform_choice::{PlatformLink, open_platform};
use crate::provisioning::PendingMailboxes;
use crate::settings::EngineSettings;
use crate::store::Store;
use crate::tasks::Tasks;

/// What the parts of a process are built from.
pub struct Context {
    /// The queue of orders.
    pub queue: Arc<dyn WorkQueue>,
    /// The store: the log, and what stands beside it.
    pub store: Arc<Store>,
    /// The read models, which only an embedded store has.
    pub projections: Option<Arc<Projections>>,
    /// The bus, which only services have.
    pub bus: Option<Connection>,
    /// Leases, where other processes run the same parts.
    pub leases: Option<LeaseSettings>,
    /// How the engine works.
    pub settings: EngineSettings,
    /// Ends every part.
    pub stop: CancellationToken,
    /// Workers and servers of the parts.
    pub tasks: Tasks,
    /// The platform as the parts call it; opened by the first part that needs it.
    pub link: OnceCell<Arc<PlatformLink>>,
}

/// How a process claims leases.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// This process's name among all that claim leases.
    pub owner: String,
    /// How long a silent holder keeps a lease.
    pub ttl: Duration,
}

impl Context {
    /// The log, and the state folded from it.
    pub fn journal(&self) -> &Arc<Journal> {
        self.store.journal()
    }

    /// The platform as every part calls it.
    pub async fn platform(&self) -> Result<Arc<PlatformLink>, Error> {
        let open = || async { Ok::<_, Error>(Arc::new(self.open_link().await?)) };
        self.link.get_or_try_init(open).await.cloned()
    }

    async fn open_link(&self) -> Result<PlatformLink, Error> {
        let EngineSettings { platform, faults, seed, arm_ahead, .. } = &self.settings;
        let (calls, pending) = open_platform(&self.store, platform).await?;
        let calls: Arc<dyn Platform> = match faults {
            Some(faults) => Arc::new(Faulty::new(calls, *faults, *seed)),
            None => calls,
        };
        Ok(PlatformLink::new(calls, pending, *arm_ahead))
    }

    /// The pending mailboxes that a part has to wait for. In an embedded engine it does not: the
    /// parts tick in turn, and the directory is provisioned first.
    pub(super) fn gate(&self, platform: &PlatformLink) -> Option<PendingMailboxes> {
        self.leases.as_ref().and(platform.pending.clone())
    }

    /// This process's name among all that claim leases.
    pub(crate) fn owner(&self) -> String {
        match &self.leases {
            Some(leases) => leases.owner.clone(),
            None => format!("engine-{}", uuid::Uuid::now_v7()),
        }
    }

    pub(crate) fn lease_ttl(&self) -> Duration {
        self.leases.as_ref().map_or(LeaseSettings::TTL, |leases| leases.ttl)
    }

    pub(super) fn bus(&self) -> Result<&Connection, Error> {
        self.bus.as_ref().ok_or_else(|| {
            Error::Invalid(
                "this part works on a shared store; name it as --store postgres://USER@HOST/NAME"
                    .into(),
            )
        })
    }
}

impl LeaseSettings {
    /// The default time after which a standby takes over from a silent holder.
    pub const TTL: Duration = Duration::from_secs(15);
}
