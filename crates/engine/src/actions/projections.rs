//! The read models of a store, derived again from the log.

use std::sync::Arc;

use eventstore::{Clock, DatabaseStore, EventStore};
use projections::{Projections, Table};
use views::Rebuilt;

use crate::store::{StoreSettings, programme_of};
use crate::{Error, RealClock, StoreUrl};

/// Derives the read models again and compares them with what was there. `progress` takes the number
/// of events that were read, of how many, where a folder is read.
pub async fn rebuild(
    settings: &StoreSettings,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Rebuilt, Error> {
    match &settings.url {
        StoreUrl::Folder(_) => rebuild_embedded(settings, progress).await,
        StoreUrl::Postgres(_) => rebuild_shared(settings).await,
    }
}

async fn rebuild_embedded(
    settings: &StoreSettings,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Rebuilt, Error> {
    let home = settings.home()?;
    home.expect_store()?;
    let _lock = home.lock()?;
    let log = DatabaseStore::open_read_only(&home.log()).await?;
    let programme = programme_of(&log).await?.ok_or_else(nothing_to_derive)?;
    let store: Arc<dyn EventStore> = Arc::new(log);
    let (folder, now) = (home.folder(), RealClock.now());
    let rebuilt = Projections::rebuild(folder, programme, store, now, progress).await?;
    let equal = rebuilt.before.as_ref().map(|before| *before == rebuilt.after);
    Ok(Rebuilt { equal, digests: Some(rebuilt) })
}

/// The table of a shared store. Services may run: the one that keeps it continues after the last
/// row.
async fn rebuild_shared(settings: &StoreSettings) -> Result<Rebuilt, Error> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let log = settings.open_log_to_read(Arc::clone(&clock)).await?;
    let programme = programme_of(&log).await?.ok_or_else(nothing_to_derive)?;
    let owner = format!("rebuild-{}", uuid::Uuid::now_v7());
    let options = settings.connect_options()?;
    let table = Table::connect(options, programme, Arc::new(log), owner).await?;
    let rebuilt = table.rebuild(clock.now()).await?;
    Ok(Rebuilt { equal: Some(rebuilt.equal), digests: None })
}

fn nothing_to_derive() -> Error {
    Error::NotFound("the log has no plan yet; there is nothing to derive".to_owned())
}
