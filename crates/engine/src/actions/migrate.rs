//! The tables of a shared store.

use eventstore::DatabaseStore;
use platform::{Directory, Mode};
use projections::Table;
use registry::Registry;
use views::Migrations;

use crate::store::StoreSettings;
use crate::{Error, StoreUrl};

/// Makes the tables of a shared store, or brings them up to date; a dry run only lists the steps.
pub async fn migrate(settings: &StoreSettings, dry_run: bool) -> Result<Migrations, Error> {
    if let StoreUrl::Folder(_) = &settings.url {
        return Err(Error::Invalid(format!(
            "{} is a folder and needs no migration; name a database with --store \
             postgres://USER@HOST/NAME",
            settings.url
        )));
    }
    let options = settings.connect_options()?;
    let mut steps = DatabaseStore::migrate(options.clone(), dry_run).await?;
    steps.extend(Registry::migrate(options.clone(), dry_run).await?);
    steps.extend(vouchers::SCHEMA.migrate(options.clone(), dry_run).await?);
    steps.extend(Table::migrate(options.clone(), dry_run).await?);
    steps.extend(intake::Store::migrate(options.clone(), dry_run).await?);
    let mut migrations: Vec<String> = steps.iter().map(ToString::to_string).collect();
    let of_directory = Directory::pending(options.clone()).await?;
    migrations.extend(of_directory.into_iter().map(|name| format!("directory: {name}")));
    if !dry_run {
        Directory::migrate(options, Mode::Production).await?;
    }
    Ok(Migrations { dry_run, migrations })
}
