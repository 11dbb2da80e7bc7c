//! `tramonto projections`: how far what is derived has come, and deriving it anew.

use std::sync::Arc;

use eventstore::{Clock, EventStore, SqliteStore};
use projections::{Projections, Status};

use super::reading::Reading;
use crate::cli::{Global, ProjectionsCommand};
use crate::engine::Store;
use crate::output::Output;
use crate::output::text::{count, table};
use crate::{Error, RealClock};

pub(super) async fn execute(command: ProjectionsCommand, global: &Global) -> Result<(), Error> {
    match command {
        ProjectionsCommand::Status => status(global).await,
        ProjectionsCommand::Rebuild => rebuild(global).await,
    }
}

async fn status(global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let log: Arc<dyn EventStore> = Arc::new(reading.log.clone());
    let folder = reading.home.folder();
    let projections = Projections::open(folder, reading.programme().clone(), log).await?;
    let statuses = projections.status(now).await?;
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

async fn rebuild(global: &Global) -> Result<(), Error> {
    let home = global.home();
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
