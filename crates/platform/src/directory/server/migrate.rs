//! Creates a directory, and checks whether an existing one can be used.
//!
//! Invariant: all under one advisory lock and in one transaction, so two concurrent starts create
//! one directory, and a killed one leaves none.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::super::Directory;
use super::super::name::{Name, Problem};
use super::{Server, Waits, schema};
use crate::{Cause, Error, Mode};

/// The advisory lock held while tables are created or changed: `TrMd` in ASCII.
const LOCK: i64 = 0x5472_4d64;

/// A directory that was found.
pub(super) struct Found {
    pub(super) version: i32,
    pub(super) identity: Uuid,
    pub(super) mode: Mode,
}

impl Directory {
    /// Creates an empty directory on a server. The database must exist, without a schema
    /// `directory`.
    pub async fn create_schema(options: PgConnectOptions, mode: Mode) -> Result<Self, Error> {
        with(&options, async |connection| {
            let mut transaction = locked(connection).await?;
            if found(&mut transaction).await?.is_some() {
                return Err(Problem::Refused("exists already; open it instead".to_owned()));
            }
            make(&mut transaction, mode).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        Self::connect(options).await
    }

    /// Creates the directory on a server, or migrates an older one to the newest version.
    /// Idempotent; several processes may run it at once.
    pub async fn migrate(options: PgConnectOptions, mode: Mode) -> Result<(), Error> {
        with(&options, async |connection| {
            let mut transaction = locked(connection).await?;
            match found(&mut transaction).await? {
                None => make(&mut transaction, mode).await?,
                Some(found) => {
                    found.is_known()?;
                    if found.mode != mode {
                        return Err(Problem::Refused(format!(
                            "was made for {}; give the address of one that was made for {}",
                            name(found.mode),
                            name(mode)
                        )));
                    }
                    if found.is_older() {
                        sqlx::raw_sql(AssertSqlSafe(schema::upgrade()))
                            .execute(&mut *transaction)
                            .await?;
                    }
                }
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// The steps that [`Self::migrate`] would take, a sentence for each; nothing is changed.
    pub async fn pending(options: PgConnectOptions) -> Result<Vec<String>, Error> {
        with(&options, async |connection| match found(connection).await? {
            None => Ok(vec!["create the schema directory with its tables, empty".to_owned()]),
            Some(found) => {
                found.is_known()?;
                let step = format!(
                    "bring the tables of the schema directory from version {} to {}",
                    found.version,
                    schema::VERSION
                );
                Ok(found.is_older().then_some(step).into_iter().collect())
            }
        })
        .await
    }
}

/// The existing directory, if this program can use it.
pub(super) async fn current(server: &Server, name: &Name) -> Result<Found, Error> {
    let found = server.call(async |connection| found(connection).await).await;
    let Some(found) = found.map_err(|problem| problem.at(name))? else {
        return Err(name.unavailable(
            Cause::GONE,
            "is missing; run `tramonto store migrate`, or restore it from its backup",
        ));
    };
    found.is_known().map_err(|problem| problem.at(name))?;
    if found.is_older() {
        return Err(name.unavailable(
            Cause::UNAVAILABLE,
            "has tables of an older version of this program; run `tramonto store migrate`",
        ));
    }
    Ok(found)
}

impl Found {
    fn is_older(&self) -> bool {
        self.version < schema::VERSION
    }

    fn is_known(&self) -> Result<(), Problem> {
        if self.version <= schema::VERSION {
            return Ok(());
        }
        Err(Problem::Refused(format!(
            "has tables of version {}, made by a newer version of this program, which supports {} \
             at most; use that version",
            self.version,
            schema::VERSION
        )))
    }
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Production => "production",
        Mode::Rehearsal => "rehearsals",
    }
}

async fn with<T>(
    options: &PgConnectOptions,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Problem>,
) -> Result<T, Error> {
    let (name, server) = (Name::server(options), Server::new(options.clone(), Waits::default()));
    let done = server.call(work).await.map_err(|problem| problem.at(&name));
    server.close(&name).await;
    done
}

async fn locked(
    connection: &mut PgConnection,
) -> Result<sqlx::Transaction<'_, sqlx::Postgres>, Problem> {
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    Ok(transaction)
}

async fn found(connection: &mut PgConnection) -> Result<Option<Found>, Problem> {
    let (schema, table): (bool, bool) = sqlx::query_as(
        "SELECT to_regnamespace('directory') IS NOT NULL,
                to_regclass('directory.directory') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !table {
        if schema {
            return Err(Problem::Refused(
                "has a schema directory that is not a mail directory; give another database"
                    .to_owned(),
            ));
        }
        return Ok(None);
    }
    let (version, identity, rehearsal): (i32, Uuid, bool) =
        sqlx::query_as("SELECT version, identity, rehearsal FROM directory.directory")
            .fetch_one(connection)
            .await?;
    let mode = if rehearsal { Mode::Rehearsal } else { Mode::Production };
    Ok(Some(Found { version, identity, mode }))
}

async fn make(connection: &mut PgConnection, mode: Mode) -> Result<(), Problem> {
    sqlx::raw_sql(AssertSqlSafe(schema::statements(mode))).execute(connection).await?;
    Ok(())
}
