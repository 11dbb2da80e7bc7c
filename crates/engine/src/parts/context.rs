//! What the parts of a process are built from.
//!
//! Every part of a process shares one registry, one directory and one link to the platform: each is
//! opened by the first part that needs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::{Connection, WorkQueue};
use eventstore::{Clock, Journal};
use platform::{Directory, Faulty, Platform};
use projections::Projections;
use registry::Registry;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::PendingMailboxes;
use crate::Error;
use crate::platform_choice::{PlatformChoice, PlatformLink, webhook};
use crate::settings::EngineSettings;
use crate::store::StoreSettings;
use crate::tasks::Tasks;

/// What the parts of a process are built from.
pub struct Context {
    /// The log, and the state folded from it.
    pub journal: Arc<Journal>,
    /// The clock of this process.
    pub clock: Arc<dyn Clock>,
    /// The queue of orders.
    pub queue: Arc<dyn WorkQueue>,
    /// Registry and directory.
    pub stores: Arc<dyn Stores>,
    /// What only an embedded store has.
    pub files: Option<StoreFiles>,
    /// What only a shared store has.
    pub shared: Option<SharedStore>,
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

/// The stores that parts read and write beside the log.
#[async_trait]
pub trait Stores: Send + Sync {
    /// The registry.
    async fn registry(&self) -> Result<Arc<Registry>, Error>;

    /// The mail directory.
    async fn directory(&self) -> Result<Arc<Directory>, Error>;
}

/// The files of an embedded store that parts keep.
#[derive(Clone)]
pub struct StoreFiles {
    /// The read models.
    pub projections: Arc<Projections>,
    /// The folder of message-log exports.
    pub exports: PathBuf,
}

/// The servers of a deployment.
#[derive(Clone)]
pub struct SharedStore {
    /// The store, and what opens it.
    pub settings: StoreSettings,
    /// The database.
    pub options: PgConnectOptions,
    /// The bus.
    pub bus: Connection,
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
    /// The platform as every part calls it.
    pub async fn platform(&self) -> Result<Arc<PlatformLink>, Error> {
        let open = || async { Ok::<_, Error>(Arc::new(self.open_platform().await?)) };
        self.link.get_or_try_init(open).await.cloned()
    }

    async fn open_platform(&self) -> Result<PlatformLink, Error> {
        let EngineSettings { platform, faults, seed, arm_ahead, .. } = &self.settings;
        let (calls, pending): (Arc<dyn Platform>, _) = match platform {
            PlatformChoice::Directory => {
                let directory = self.stores.directory().await?;
                (Arc::<Directory>::clone(&directory), Some(self.pending(directory)))
            }
            PlatformChoice::Webhook(settings) => {
                let registry = self.stores.registry().await?;
                (Arc::new(webhook(settings, self.journal.programme(), registry)?), None)
            }
        };
        let calls: Arc<dyn Platform> = match faults {
            Some(faults) => Arc::new(Faulty::new(calls, *faults, *seed)),
            None => calls,
        };
        Ok(PlatformLink::new(calls, pending, *arm_ahead))
    }

    fn pending(&self, directory: Arc<Directory>) -> PendingMailboxes {
        PendingMailboxes::new(Arc::clone(self.journal.store()), directory)
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

    pub(super) fn files(&self) -> Result<&StoreFiles, Error> {
        self.files.as_ref().ok_or_else(|| {
            Error::Invalid(
                "this part works on an embedded store; name a folder with --store".into(),
            )
        })
    }

    pub(super) fn shared(&self) -> Result<&SharedStore, Error> {
        self.shared.as_ref().ok_or_else(|| {
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
