//! `tramonto store status` and `store rebuild`: the projections of the log.

use engine::actions::projections;
use engine::store::Store;
use views::Projection;

use super::act::query;
use crate::Error;
use crate::cli::Global;
use crate::output::Output;
use crate::output::text::{count, table};

pub(super) async fn status(global: &Global) -> Result<(), Error> {
    let projections = async |store: &Store| store.projections(store.now().await?).await;
    let statuses = query(global, projections).await?;
    let mut out = Output::open();
    if global.json {
        return out.document(&statuses);
    }
    let row = |status: &Projection| {
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
    let rebuilt = projections::rebuild(&global.settings()?).await?;
    let mut out = Output::open();
    if global.json { out.document(&rebuilt) } else { out.line(rebuilt.to_string()) }
}
