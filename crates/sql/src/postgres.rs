//! A schema of ours in a `PostgreSQL` database: connecting to it, and bringing its tables up to date.
//!
//! Invariants: connecting makes nothing, and a schema that is missing, older or newer is told with what to
//! do; every wait has a bound, so that a network that swallows what is sent ends in an error that may be
//! tried again. Deliberately absent: connection poolers that share a session between transactions; the
//! lock of an import is a session's.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, SqlSafeStr};

use crate::place::{Fault, Place};
use crate::statement::Reader;

const READERS: u32 = 4;
/// To get a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// For the answer to a statement: an index over millions of rows takes its time.
pub const ANSWER: Duration = Duration::from_mins(5);

/// The tables of one schema, as the steps that made them what they are.
pub struct Schema {
    /// Its name, in which its tables are.
    pub name: &'static str,
    /// What each step does, and its statements, which name the schema; its place in the list, from 1, is its version.
    pub steps: &'static [(&'static str, &'static str)],
}

/// A database, and the connections that read.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub place: Place,
    /// Connections that are shared.
    pub readers: PgPool,
    options: Box<PgConnectOptions>,
}

impl Server {
    /// Connects to a database whose schema is the one that this program knows.
    pub async fn connect(options: PgConnectOptions, schema: &Schema) -> Result<Self, Fault> {
        let place = Place::server(&options);
        // A peer that is gone without a word is noticed, and with it its lock and its transaction.
        let options = options
            .application_name("tramonto")
            .options([
                ("search_path", schema.name),
                ("tcp_keepalives_idle", "15"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT);
        let readers = pool.connect_lazy_with(options.clone());
        let server = Self { place, readers, options: Box::new(options) };
        let mut connection = server.connection().await?;
        schema.check(&mut connection, &server.place).await?;
        connection.close().await.map_err(|error| server.place.fault(error))?;
        Ok(server)
    }

    /// Its reading side.
    pub fn reader(&self) -> (Reader<'_>, &Place) {
        (Reader::Postgres(&self.readers), &self.place)
    }

    /// Writes tables of a schema anew without what was deleted. Only their owner can: another user would be told
    /// nothing, and nothing would be done.
    pub async fn scour(&self, schema: &str, tables: &[&str]) -> Result<(), Fault> {
        const OWNED: &str = "
            SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::regclass";
        let mut connection = self.connection().await?;
        for table in tables {
            let owned = sqlx::query_scalar(OWNED).bind(format!("{schema}.{table}"));
            let owned = bounded(ANSWER, owned.fetch_one(&mut connection)).await;
            if !owned.map_err(|error| self.place.fault(error))? {
                return Err(self.place.unusable(format!(
                    "only the owner of {schema}.{table} can write it anew; do it as the user that runs \
                     `tramonto store migrate`"
                )));
            }
            let statement = sqlx::AssertSqlSafe(format!("VACUUM (FULL) {schema}.{table}"));
            let done = bounded(ANSWER, sqlx::raw_sql(statement).execute(&mut connection)).await;
            done.map_err(|error| self.place.fault(error))?;
        }
        Ok(())
    }

    /// A connection of its own: whoever drops it takes back what it had not committed.
    pub async fn connection(&self) -> Result<PgConnection, Fault> {
        let connected = bounded(CONNECT, self.options.connect()).await;
        connected.map_err(|error| self.place.fault(error))
    }
}

/// Ends a wait that takes too long.
pub async fn bounded<T>(
    limit: Duration,
    doing: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, doing).await {
        Ok(done) => done,
        Err(late) => Err(sqlx::Error::Io(late.into())),
    }
}

impl Schema {
    /// Makes the schema what this program knows, and tells which steps that took; with `dry`, which it
    /// would take. Two that do this at once wait for each other.
    pub async fn migrate(
        &self,
        options: PgConnectOptions,
        dry: bool,
    ) -> Result<Vec<String>, Fault> {
        let place = Place::server(&options);
        let connected = bounded(CONNECT, options.disable_statement_logging().connect()).await;
        let mut connection = connected.map_err(|error| place.fault(error))?;
        let told = |error| self.told(error, &place);
        connection.lock().await.map_err(told)?;
        let done = self.version(&mut connection).await.map_err(|error| place.fault(error))?;
        let done = usize::try_from(done).unwrap_or(0);
        if done > self.steps.len() {
            return Err(self.newer(done, &place));
        }
        let missing =
            self.steps.iter().skip(done).map(|(what, _)| format!("{}: {what}", self.name));
        let missing = missing.collect();
        if !dry {
            self.migrator().run_direct(None, &mut connection, false).await.map_err(told)?;
        }
        connection.unlock().await.map_err(told)?;
        connection.close().await.map_err(|error| place.fault(error))?;
        Ok(missing)
    }

    fn table(&self) -> String {
        format!("{}._sqlx_migrations", self.name)
    }

    fn migrator(&self) -> Migrator {
        let step = |(version, (what, sql)): (i64, &(&'static str, &'static str))| {
            let what = Cow::Borrowed(*what);
            Migration::new(version, what, MigrationType::Simple, sql.into_sql_str(), false)
        };
        let mut migrator = Migrator::with_migrations((1..).zip(self.steps).map(step).collect());
        migrator.dangerous_set_table_name(self.table());
        migrator.create_schema(self.name);
        migrator
    }

    /// The last step that was taken; 0 where there is nothing yet.
    async fn version(&self, connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
        let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(self.table());
        if !bounded(CONNECT, exists.fetch_one(&mut *connection)).await? {
            return Ok(0);
        }
        let last = format!("SELECT coalesce(max(version), 0) FROM {} WHERE success", self.table());
        let last = sqlx::query_scalar(sqlx::AssertSqlSafe(last));
        bounded(CONNECT, last.fetch_one(connection)).await
    }

    async fn check(&self, connection: &mut PgConnection, place: &Place) -> Result<(), Fault> {
        let version = self.version(connection).await.map_err(|error| place.fault(error))?;
        let version = usize::try_from(version).unwrap_or(0);
        let (name, known) = (self.name, self.steps.len());
        match version {
            0 => Err(place.unusable(format!(
                "it has no schema {name} of ours yet; run `tramonto store migrate`"
            ))),
            _ if version > known => Err(self.newer(version, place)),
            _ if version < known => Err(place.unusable(format!(
                "its schema {name} has version {version} and this program needs version {known}; \
                 run `tramonto store migrate`"
            ))),
            _ => Ok(()),
        }
    }

    fn newer(&self, version: usize, place: &Place) -> Fault {
        let (name, known) = (self.name, self.steps.len());
        place.unusable(format!(
            "its schema {name} has version {version} and this program knows version {known}; use a \
             newer version of the program"
        ))
    }

    fn told(&self, error: MigrateError, place: &Place) -> Fault {
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
            return place.fault(error);
        }
        place.unusable(format!(
            "its schema {} was not made by this program ({error}); use another database",
            self.name
        ))
    }
}
