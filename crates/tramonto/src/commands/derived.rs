//! `tramonto store status` and `store rebuild`: the projections of the log.

use std::sync::Arc;

use eventstore::{Clock, EventStore, SqliteStore};
use projections::{PostgresTable, Projections, Status};

use super::reading::Reading;
use crate::cli::Global;
use crate::embedded::Store;
use crate::log::{Log, postgres_options};
use crate::output::Output;
use crate::output::text::{count, table};
use crate::{Error, RealClock, StorePlace};

pub(super) async fn status(global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let statuses = reading.followed(now).await?;
    let mut out = Output::open();
    if global.json {
        return out.document(&statuses);
    }
    let row = |status: &Status| {
        vec![
            status.name.to_owned(),
            count(status.checkpoint),
            count(status.head),
            count(status.lag_events),
            format!("{} s", count(status.lag_seconds)),
        ]
    };
    let header = ["projection", "read to", "log ends at", "behind", "for"];
    out.text(table(&header, &[1, 2, 3, 4], statuses.iter().map(row).collect()))
}

pub(super) async fn rebuild(global: &Global) -> Result<(), Error> {
    if let StorePlace::Postgres(url) = &global.store {
        return rebuild_shared(global, url).await;
    }
    let home = global.home()?;
    home.expect_store()?;
    let _lock = home.lock()?;
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let log = SqliteStore::open_read_only(&home.log(), Arc::clone(&clock)).await?;
    let Some(programme) = Store::programme(&log).await? else {
        return Err(Error::Usage("the log has no plan yet; there is nothing to derive".to_owned()));
    };
    let store: Arc<dyn EventStore> = Arc::new(log);
    let rebuilt = Projections::rebuild(home.folder(), programme, store, clock.now()).await?;
    let mut out = Output::open();
    if global.json {
        return out.document(&rebuilt);
    }
    let compared = match &rebuilt.before {
        Some(before) if *before == rebuilt.after => "equal to what was there",
        Some(_) => "NOT equal to what was there, which was wrong",
        None => "what was there could not be read",
    };
    out.line(format!("derived anew from {} events: {compared}", count(rebuilt.events)))
}

/// The table of a shared store. Services may run: the one that keeps it goes on after the last row.
async fn rebuild_shared(global: &Global, url: &url::Url) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let log = Log::open_to_look(global, Arc::clone(&clock)).await?;
    let Some(programme) = Store::programme(&*log.port()).await? else {
        return Err(Error::Usage("the log has no plan yet; there is nothing to derive".to_owned()));
    };
    let options = postgres_options(global, url)?;
    let owner = format!("rebuild-{}", uuid::Uuid::now_v7());
    let table = PostgresTable::connect(options, programme, log.port(), owner).await?;
    let before = table.digest().await?;
    table.rebuild(clock.now()).await?;
    let equal = before == table.digest().await?;
    let mut out = Output::open();
    if global.json {
        return out.document(&serde_json::json!({ "equal": equal }));
    }
    let compared = if equal { "equal to what was there" } else { "NOT equal to what was there" };
    out.line(format!("derived anew: {compared}"))
}
