//! `tramonto store migrate`: the tables of a shared store.

use engine::actions::migrate::migrate;

use crate::Error;
use crate::cli::Global;
use crate::output::Output;

pub(super) async fn execute(dry_run: bool, global: &Global) -> Result<(), Error> {
    let migrations = migrate(&global.settings()?, dry_run).await?;
    let mut out = Output::open();
    if global.json { out.document(&migrations) } else { out.line(migrations.to_string()) }
}
