//! `tramonto store migrate`: the tables of a shared store.

use eventstore::{MigrationState, PostgresStore};
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
    let mut done = Vec::new();
    for migration in PostgresStore::migrate(options.clone(), args.dry_run).await? {
        if migration.state != MigrationState::Before {
            done.push(format!("log: {} {}", migration.version, migration.name));
        }
    }
    let of_registry = Registry::migrate(options.clone(), args.dry_run).await?;
    done.extend(of_registry.into_iter().map(|name| format!("registry: {name}")));
    let of_vouchers = vouchers::SCHEMA.migrate(options.clone(), args.dry_run).await;
    done.extend(of_vouchers.map_err(vouchers::Error::from)?);
    let of_table = PostgresTable::migrate(options.clone(), args.dry_run).await?;
    done.extend(of_table.into_iter().map(|name| format!("projection: {name}")));
    let of_intake = intake::Store::migrate(options.clone(), args.dry_run).await?;
    done.extend(of_intake.into_iter().map(|name| format!("intake: {name}")));
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
