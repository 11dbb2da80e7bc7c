//! The tables of one schema of a `PostgreSQL` database, and how they grow: by numbered steps that
//! are kept in the program.
//!
//! Invariants: connecting changes nothing; only `tramonto store migrate` does, in one transaction
//! for each step and under a lock, so that two at once do no harm. Tables that are missing, older,
//! newer or made by other steps are refused, with what to do. Deliberately absent: going back.

use std::fmt;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use sqlx::migrate::{Migrate, MigrateError, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, SqlSafeStr};

use crate::connections::{self, within};
use crate::{Error, StoreName};

/// The longest wait for one answer about steps.
const STEP: Duration = Duration::from_secs(10);
/// The longest migration: building an index over a log of years is slow.
const LONGEST: Duration = Duration::from_hours(1);

/// One schema and the steps that make its tables.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The schema's name; its steps are recorded in its table `migration`.
    pub name: &'static str,
    /// Name and statements of each step, which name the schema. A step's number is its place in the
    /// list, from 1. A step that was released is never changed.
    pub steps: &'static [(&'static str, &'static str)],
}

/// One step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The schema.
    pub schema: &'static str,
    /// The step's number.
    pub version: i64,
    /// The step's name.
    pub name: &'static str,
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.schema, self.version, self.name)
    }
}

/// The number and the checksum of a step that a database has.
type Recorded = (i64, Vec<u8>);

impl Schema {
    /// Brings the schema to its newest step and returns the steps that were missing; with `dry`, it
    /// only returns them.
    pub async fn migrate(
        &self,
        options: PgConnectOptions,
        dry: bool,
    ) -> Result<Vec<Migration>, Error> {
        let store = StoreName::server(&options);
        let options = options.options([("lock_timeout", "60s")]).disable_statement_logging();
        let connected = connections::connect(&options).await;
        let mut connection = connected.map_err(|error| store.error(error))?;
        // Held to the end of the session, so that of two at once the second finds the steps of the
        // first.
        connection.lock().await.map_err(|error| refused(error, &store))?;
        let missing = self.missing(&mut connection, &store).await?;
        if !dry {
            let migrator = self.migrator();
            let run = migrator.run_direct(None, &mut connection, false);
            let run = tokio::time::timeout(LONGEST, run).await;
            run.unwrap_or_else(|_elapsed| Err(sqlx::Error::PoolTimedOut.into()))
                .map_err(|error| refused(error, &store))?;
        }
        connections::close(connection).await;
        Ok(missing)
    }

    /// Refuses tables other than those of the newest step.
    pub async fn check(
        &self,
        connection: &mut PgConnection,
        store: &StoreName,
    ) -> Result<(), Error> {
        let (name, missing) = (self.name, self.missing(connection, store).await?.len());
        if missing == 0 {
            return Ok(());
        }
        Err(store.rejected(if missing == self.steps.len() {
            format!("the database has no schema {name}; run `tramonto store migrate`")
        } else {
            format!(
                "its schema {name} is {missing} steps older than this program; run `tramonto store \
                 migrate`"
            )
        }))
    }

    /// The steps that the database does not have; one that this program does not know is refused.
    async fn missing(
        &self,
        connection: &mut PgConnection,
        store: &StoreName,
    ) -> Result<Vec<Migration>, Error> {
        let recorded = self.recorded(connection).await.map_err(|error| store.error(error))?;
        let (name, migrator) = (self.name, self.migrator());
        for (version, checksum) in &recorded {
            let Some(step) = migrator.iter().find(|step| step.version == *version) else {
                return Err(store.rejected(format!(
                    "its schema {name} has step {version}, which this program does not know; use \
                     the program that made it, or a newer one"
                )));
            };
            if step.checksum.as_ref() != checksum {
                return Err(store.rejected(format!(
                    "step {version} of its schema {name} is not the one of this program; use the \
                     program that made it"
                )));
            }
        }
        let steps = (1..).zip(self.steps);
        let steps = steps.filter(|(version, _)| !recorded.iter().any(|(done, _)| done == version));
        Ok(steps
            .map(|(version, (name, _))| Migration { schema: self.name, version, name })
            .collect())
    }

    fn recorded<'a>(
        &'a self,
        connection: &'a mut PgConnection,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, sqlx::Error>> {
        let reading = async move {
            let table = format!("{}.migration", self.name);
            let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(&table);
            if !within(STEP, exists.fetch_one(&mut *connection)).await? {
                return Ok(Vec::new());
            }
            let text = format!("SELECT version, checksum FROM {table} WHERE success");
            within(STEP, sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection)).await
        };
        reading.boxed()
    }

    fn migrator(&self) -> Migrator {
        let steps = (1..).zip(self.steps).map(|(version, (name, statements))| {
            let kind = MigrationType::Simple;
            let statements = statements.into_sql_str();
            sqlx::migrate::Migration::new(version, (*name).into(), kind, statements, false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(format!("{}.migration", self.name));
        migrator.create_schema(self.name);
        migrator
    }
}

/// Why the library refused a migration; which steps are recorded was checked before.
fn refused(error: MigrateError, store: &StoreName) -> Error {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return store.error(error);
    }
    store.rejected(format!("{error}; restore the database from a backup"))
}
