//! `tramonto store status` and `store rebuild`: the projections of the log.

use engine::actions::projections;
use engine::store::Store;
use views::Projection;

use super::act::{query, show};
use crate::Error;
use crate::cli::Global;
use crate::output::progress::Reported;
use crate::output::text::{count, table};

pub(super) async fn status(global: &Global) -> Result<(), Error> {
    let projections = async |store: &Store| store.projections(store.now().await?).await;
    let statuses = query(global, projections).await?;
    let row = |status: &Projection| {
        vec![
            status.name.to_owned(),
            count(status.checkpoint),
            count(status.head),
            count(status.lag_events),
            format!("{} s", count(status.lag_seconds)),
        ]
    };
    let header = "projection | >read to | >log ends at | >behind | >for";
    show(&statuses, |statuses| table(header, statuses.iter().map(row)), global)
}

pub(super) async fn rebuild(global: &Global) -> Result<(), Error> {
    let mut bar = Reported::new("rebuild", "events", global.json);
    let mut progress = |read, all| bar.report(read, all);
    let rebuilt = projections::rebuild(&global.settings()?, &mut progress).await;
    drop(bar);
    show(&rebuilt?, |rebuilt| format!("{rebuilt}\n"), global)
}
