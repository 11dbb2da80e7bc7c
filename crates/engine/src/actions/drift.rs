//! Drift: comparing the platform with the log now.
//!
//! Deliberately absent: any change of the platform. What is found is recorded; the engine repairs
//! it.

use std::sync::Arc;

use domain::DriftChecked;
use eventstore::Origin;
use workers::Reconciler;

use super::{At, Convergent};
use crate::Error;
use crate::platform_choice::{PlatformChoice, PlatformLink, apply_rate_limits, open_platform};
use crate::store::Store;

/// Compares the platform with the log and records the differences.
pub struct CheckDrift<'a> {
    /// The platform.
    pub platform: &'a PlatformChoice,
    /// Whether the engine repairs what is found.
    pub repair: bool,
}

impl Convergent for CheckDrift<'_> {
    const DONE: &'static str = "drift-checked";
    type Result = DriftChecked;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<DriftChecked>, Error> {
        let (platform, pending) = open_platform(store, self.platform).await?;
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
        let link = PlatformLink::new(platform, pending, Some(PlatformLink::ARM_AHEAD));
        let journal = store.journal();
        apply_rate_limits(&link.pace, &*journal.state().await?);
        let calls = Arc::clone(&link.platform);
        let mut reconciler = Reconciler::new(Arc::clone(journal), calls, link.reach);
        let checked = reconciler.check(self.repair, by).await?;
        store.at_end(checked).await
    }
}
