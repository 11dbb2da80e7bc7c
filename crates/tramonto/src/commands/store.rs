//! `tramonto store`: the tables of a store, and the projections of its log.

use engine::actions::migrate::migrate;
use engine::actions::projections;
use engine::store::Store;
use views::Projection;

use super::act::{query, show};
use crate::Error;
use crate::cli::{Global, StoreCommand};
use crate::output::progress::Reported;
use crate::output::text::{count, table};

pub(super) async fn execute(command: StoreCommand, global: &Global) -> Result<(), Error> {
    match command {
        StoreCommand::Migrate { dry_run } => {
            let migrations = migrate(&global.settings()?, dry_run).await?;
            show(&migrations, |migrations| format!("{migrations}\n"), global)
        }
        StoreCommand::Status => status(global).await,
        StoreCommand::Rebuild => rebuild(global).await,
    }
}

async fn status(global: &Global) -> Result<(), Error> {
    let projections = async |store: &Store| store.projections(store.now().await?).await;
    let statuses = query(global, projections).await?;
    let row = |status: &Projection| {
        if status.damaged {
            let [name, none] = [status.name, "-"].map(str::to_owned);
            let state = "damaged: run `tramonto store rebuild`".to_owned();
            return vec![name, none.clone(), count(status.head), none.clone(), none, state];
        }
        let state = if status.lag_events == 0 { "up to date" } else { "behind" };
        vec![
            status.name.to_owned(),
            count(status.checkpoint),
            count(status.head),
            count(status.lag_events),
            format!("{} s", count(status.lag_seconds)),
            state.to_owned(),
        ]
    };
    let header = "projection | >read to | >log ends at | >behind | >for | state";
    show(&statuses, |statuses| table(header, statuses.iter().map(row)), global)
}

async fn rebuild(global: &Global) -> Result<(), Error> {
    let mut bar = Reported::new("rebuild", "events", global.json);
    let mut progress = |read, all| bar.report(read, all);
    let rebuilt = projections::rebuild(&global.settings()?, &mut progress).await;
    drop(bar);
    show(&rebuilt?, |rebuilt| format!("{rebuilt}\n"), global)
}
