//! The tables of a schema, and how they grow: by numbered steps that are kept in the program.
//!
//! A store is never changed by being opened; only `tramonto store migrate` does that, in one transaction for
//! each step, under a lock, so that two at once do no harm. A program refuses tables that are older or
//! newer than it knows. Deliberately absent: going back.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, SqlSafeStr};

use super::connections::{self, STEP, within};
use super::fault::Place;
use crate::Error;

/// The longest that growing may take: building an index over a log of years is slow.
const LONGEST: Duration = Duration::from_hours(1);

/// One schema of the database and the steps that make its tables, oldest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema {
    /// Its name; its steps are recorded in its table `migration`.
    pub(crate) name: &'static str,
    /// Number, name and statements of each step. A step that was released is never changed.
    pub(crate) steps: &'static [(i64, &'static str, &'static str)],
}

/// One step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// What it is called.
    pub name: &'static str,
    /// Is it in the database, or would it be?
    pub state: MigrationState,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// It was there already.
    Before,
    /// It was made now.
    Now,
    /// It is not there yet: nothing was to be changed.
    Pending,
}

/// The tables of the log.
pub(crate) const LOG: Schema = Schema {
    name: "tramonto",
    steps: &[(1, "log", include_str!("../../migrations/0001_log.sql"))],
};

impl Schema {
    /// Brings the schema to the newest step, or only tells which steps are missing (`dry`). Steps that
    /// the database has and this program does not know are refused.
    pub(crate) async fn migrate(
        &self,
        options: PgConnectOptions,
        dry: bool,
    ) -> Result<Vec<Migration>, Error> {
        let place = Place::new(&options);
        let options = options.options([("lock_timeout", "60s")]).disable_statement_logging();
        let mut connection =
            connections::connect(&options).await.map_err(|error| place.fault(error))?;
        let before = self.known(&mut connection, &place).await?;
        let mut state = MigrationState::Pending;
        if !dry {
            let migrator = self.migrator();
            let run = migrator.run_direct(None, &mut connection, false);
            let run = tokio::time::timeout(LONGEST, run).await;
            run.unwrap_or_else(|_elapsed| Err(sqlx::Error::PoolTimedOut.into()))
                .map_err(|error| self.refused(error, &place))?;
            state = MigrationState::Now;
        }
        connections::close(connection).await;
        Ok(self.steps_with(|version| {
            if before.contains_key(&version) { MigrationState::Before } else { state }
        }))
    }

    /// Are the tables those that this program knows?
    pub(crate) async fn checked(
        &self,
        connection: &mut PgConnection,
        place: &Place,
    ) -> Result<(), Error> {
        let known = self.known(connection, place).await?;
        let missing =
            self.steps.iter().filter(|(version, ..)| !known.contains_key(version)).count();
        if known.is_empty() {
            return Err(place.unusable(format!(
                "the database has no schema {}; run `tramonto store migrate`",
                self.name
            )));
        }
        if missing > 0 {
            return Err(place.unusable(format!(
                "its schema {} is {missing} steps older than this program; run `tramonto store migrate`",
                self.name
            )));
        }
        Ok(())
    }

    /// The steps that the database has, by number; one that this program does not know is refused.
    async fn known(
        &self,
        connection: &mut PgConnection,
        place: &Place,
    ) -> Result<HashMap<i64, Vec<u8>>, Error> {
        let found = self.recorded(connection).await.map_err(|error| place.fault(error))?;
        for (version, checksum) in &found {
            let step = self.migrator();
            let Some(step) = step.iter().find(|step| step.version == *version) else {
                return Err(self.newer(*version, place));
            };
            if step.checksum.as_ref() != checksum {
                return Err(self.changed(*version, place));
            }
        }
        Ok(found)
    }

    async fn recorded(
        &self,
        connection: &mut PgConnection,
    ) -> Result<HashMap<i64, Vec<u8>>, sqlx::Error> {
        let table = format!("{}.migration", self.name);
        let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(&table)
            .fetch_one(&mut *connection);
        if !within(STEP, exists).await? {
            return Ok(HashMap::new());
        }
        let text = AssertSqlSafe(format!("SELECT version, checksum FROM {table} WHERE success"));
        let found = sqlx::query_as(text).fetch_all(connection);
        Ok(within(STEP, found).await?.into_iter().collect())
    }

    fn migrator(&self) -> Migrator {
        let steps = self.steps.iter().map(|(version, name, statements)| {
            let kind = MigrationType::Simple;
            let statements = statements.into_sql_str();
            sqlx::migrate::Migration::new(*version, (*name).into(), kind, statements, false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(format!("{}.migration", self.name));
        migrator.create_schema(self.name);
        migrator
    }

    fn steps_with(&self, state: impl Fn(i64) -> MigrationState) -> Vec<Migration> {
        let steps = self.steps.iter();
        steps
            .map(|(version, name, _)| Migration { version: *version, name, state: state(*version) })
            .collect()
    }

    fn refused(&self, error: MigrateError, place: &Place) -> Error {
        if let MigrateError::VersionMissing(version) = error {
            return self.newer(version, place);
        }
        if let MigrateError::VersionMismatch(version) = error {
            return self.changed(version, place);
        }
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
            return place.fault(error);
        }
        place.unusable(format!("{error}; restore the database from a backup"))
    }

    fn newer(&self, version: i64, place: &Place) -> Error {
        place.unusable(format!(
            "its schema {} has step {version}, which this program does not know; use the program \
             that made it, or a newer one",
            self.name
        ))
    }

    fn changed(&self, version: i64, place: &Place) -> Error {
        place.unusable(format!(
            "step {version} of its schema {} is not the one of this program; use the program that \
             made it",
            self.name
        ))
    }
}
