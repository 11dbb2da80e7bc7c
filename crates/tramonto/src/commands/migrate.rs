//! `tramonto store migrate`: the tables of a shared store.

use engine::actions::migrate::migrate;

use super::act::show;
use crate::Error;
use crate::cli::Global;

pub(super) async fn execute(dry_run: bool, global: &Global) -> Result<(), Error> {
    let migrations = migrate(&global.settings()?, dry_run).await?;
    show(&migrations, |migrations| format!("{migrations}\n"), global)
}
