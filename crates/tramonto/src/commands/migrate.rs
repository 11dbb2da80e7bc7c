//! `tramonto store migrate`: the tables of a shared store.

use eventstore::PostgresStore;
use platform::{Mode, PostgresDirectory};
use projections::PostgresTable;
use registry::Registry;
use serde_json::json;

use crate::cli::{Global, MigrateArgs};
use crate::log::postgres_options;
use crate::output::Output;
use crate::{Error, StorePlace};

pub(super) async fn execute(args: MigrateArgs, global: &Global) -> Result<(), Error> {
    let StorePlace::Postgres(url) = &global.store else {
        return Err(Error::Usage(format!(
            "{} is a folder and has its tables from the start; name a database with --store \
             postgres://USER@HOST/NAME",
            global.store
        )));
    };
    let options = postgres_options(global, url)?;
    let dry = args.dry_run;
    let mut steps = PostgresStore::migrate(options.clone(), dry).await?;
    steps.extend(Registry::migrate(options.clone(), dry).await?);
    steps.extend(vouchers::SCHEMA.migrate(options.clone(), dry).await?);
    steps.extend(PostgresTable::migrate(options.clone(), dry).await?);
    steps.extend(intake::Store::migrate(options.clone(), dry).await?);
    let mut done: Vec<String> = steps.iter().map(ToString::to_string).collect();
    let of_directory = PostgresDirectory::pending(options.clone()).await?;
    done.extend(of_directory.into_iter().map(|name| format!("directory: {name}")));
    if !args.dry_run {
        PostgresDirectory::migrate(options, Mode::Production).await?;
    }
    let mut out = Output::open();
    if global.json {
        return out.document(&json!({ "dry_run": args.dry_run, "migrations": done }));
    }
    if done.is_empty() {
        return out.line("nothing is to be done: the tables are those that this program knows");
    }
    for one in &done {
        out.line(format!("{} {one}", if args.dry_run { "would make" } else { "made" }))?;
    }
    Ok(())
}
