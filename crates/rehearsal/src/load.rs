//! A registry file in a new store, loaded as an operator would.

use std::path::Path;
use std::sync::Arc;

use domain::Plan;
use engine::embedded::Store;
use engine::{Error, Home};
use eventstore::{Clock, Origin};
use registry::{Encoding, ImportRequest, Progress, Source, Summary, rejects_of};

use crate::VirtualClock;

/// Creates the store where it is missing, adopts the plan, and imports the registry file.
pub async fn load(
    home: Home,
    clock: &Arc<VirtualClock>,
    plan: &Plan,
    registry: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Summary, Error> {
    let clock: Arc<dyn Clock> = Arc::<VirtualClock>::clone(clock);
    let store = Store::open(home, Arc::clone(&clock), true, &plan.programme).await?;
    let origin = Origin { reason: Some("rehearsal".to_owned()), ..Origin::part("tramonto") };
    let journal = store.adopt(plan, clock, &origin).await?;
    let request = ImportRequest {
        source: Source::File { path: registry.to_owned(), control: None },
        rejects: Some(rejects_of(registry)),
        encoding: Encoding::Utf8,
        ignore_extra: false,
        plan,
        now: journal.now(),
        actor: &origin.actor,
        reason: origin.reason.as_deref(),
        progress,
    };
    let summary = registry::import(&store.log, &store.registry, request).await?;
    drop(journal);
    store.close().await?;
    Ok(summary)
}
