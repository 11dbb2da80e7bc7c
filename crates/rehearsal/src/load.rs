//! A registry file in a new store, loaded as an operator would.

use std::path::Path;
use std::sync::Arc;

use domain::Plan;
use engine::actions::Caller;
use engine::actions::registrations::ImportRegistry;
use engine::store::Store;
use engine::{Error, Home, Reason};
use registry::{Encoding, Progress, Source, Summary, rejects_of};

use crate::VirtualClock;

/// Creates the store where it is missing, adopts the plan, and imports the registry file.
pub async fn load(
    home: &Home,
    clock: &Arc<VirtualClock>,
    plan: &Plan,
    registry: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Summary, Error> {
    let store = Store::open_to_rehearse(home, plan, Arc::<VirtualClock>::clone(clock)).await?;
    let action = ImportRegistry {
        source: Source::File { path: registry.to_owned(), control: None },
        rejects: rejects_of(registry),
        encoding: Encoding::Utf8,
        ignore_extra: false,
        progress,
    };
    let reason = "rehearsal".parse::<Reason>().map_err(Error::Invalid)?;
    let done = Box::pin(store.run(action, &Caller::new("tramonto", Some(reason)))).await?;
    store.close().await?;
    Ok(done.result)
}
