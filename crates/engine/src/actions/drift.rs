//! Drift: what the platform allows otherwise than the log, compared now.
//!
//! Deliberately absent: any change of the platform. What is found is recorded; the engine repairs
//! it.

use std::sync::Arc;

use domain::DriftChecked;
use platform::{Directory, Platform};
use workers::Reconciler;

use super::{Action, At, Caller};
use crate::parts::PendingMailboxes;
use crate::platform_choice::{PlatformChoice, PlatformLink, webhook};
use crate::store::Store;
use crate::{EngineSettings, Error, StoreUrl};

/// Compares the platform with the log and records the differences.
pub struct CheckDrift<'a> {
    /// The platform.
    pub platform: &'a PlatformChoice,
    /// Whether the engine repairs what is found.
    pub repair: bool,
}

impl Action for CheckDrift<'_> {
    const DONE: &'static str = "drift-checked";
    type Result = DriftChecked;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<DriftChecked>, Error> {
        let (platform, directory) = open(store, self.platform).await?;
        let pending = directory.map(|it| PendingMailboxes::new(Arc::clone(store.log()), it));
        if let Some(pending) = &pending
            && pending.any().await?
        {
            return Err(Error::Unavailable(
                "registered mailboxes are not in the mail directory yet; run the engine, then \
                 check again"
                    .to_owned(),
            ));
        }
        // An end that is not armed yet is no drift.
        let link = PlatformLink::new(platform, pending, EngineSettings::default().arm_ahead);
        let journal = store.journal();
        link.apply_rate_limits(&*journal.state().await?);
        let calls = Arc::clone(&link.platform);
        let mut reconciler = Reconciler::new(Arc::clone(journal), calls, link.reach);
        let checked = reconciler.check(self.repair, &caller.origin()).await?;
        store.at_end(checked).await
    }
}

/// A platform, and the directory that is provisioned, where it is one.
type Opened = (Arc<dyn Platform>, Option<Arc<Directory>>);

async fn open(store: &Store, choice: &PlatformChoice) -> Result<Opened, Error> {
    let settings = store.settings();
    Ok(match (choice, &settings.url) {
        (PlatformChoice::Webhook(provider), _) => {
            let registry = Arc::clone(store.registry().await?);
            (Arc::new(webhook(provider, store.programme(), registry)?), None)
        }
        (PlatformChoice::Directory, StoreUrl::Postgres(_)) => {
            let directory = Arc::new(Directory::connect(settings.connect_options()?).await?);
            (Arc::<Directory>::clone(&directory), Some(directory))
        }
        (PlatformChoice::Directory, StoreUrl::Folder(_)) => {
            let directory = Arc::new(Directory::open(&settings.home()?.directory()).await?);
            (Arc::<Directory>::clone(&directory), Some(directory))
        }
    })
}
