//! The import lock, and the connection by which an import writes.
//!
//! Invariant: in `PostgreSQL` the lock belongs to the connection that writes, so an import that
//! lost it can write nothing more, and one that is dropped, or whose process dies, leaves neither a
//! lock nor half a batch behind. In a file, one process has one import; other processes are
//! excluded by the engine's lock.

use sql::{ANSWER, Database, Failure, Param, Server, Statement, StoreName, Writer, within};
use sqlx::{Connection, PgConnection};
use tokio::sync::MutexGuard;

use super::schema::INDEXES;
use super::{Backend, Error, Registry, Write, erase, outbox};

/// "TRMI": the number of the advisory lock in `PostgreSQL`.
const LOCK: i64 = 0x5452_4D49;

/// The import lock.
pub(crate) struct Importing<'a> {
    pub(crate) registry: &'a Registry,
    connection: Connected<'a>,
}

enum Connected<'a> {
    File { database: &'a Database, _turn: MutexGuard<'a, ()> },
    Server(&'a Server, PgConnection),
}

impl Registry {
    /// Acquires the import lock. In a file it waits; in `PostgreSQL`, where the holder may be a
    /// process on another machine, it fails after two seconds: as long as the connection of a
    /// killed import may linger.
    pub(crate) async fn importing(&self) -> Result<Importing<'_>, Error> {
        let connection = match &self.backend {
            Backend::File(database) => Connected::File { database, _turn: self.turn.lock().await },
            Backend::Server(server) => {
                let mut connection = server.connection().await?;
                if !lock(&mut connection, &server.name).await? {
                    return Err(Error::Importing { place: server.name.to_string() });
                }
                Connected::Server(server, connection)
            }
        };
        Ok(Importing { registry: self, connection })
    }
}

/// Waits at most two seconds for the lock; false if it is held by another.
async fn lock(connection: &mut PgConnection, name: &StoreName) -> Result<bool, sql::Error> {
    let asked = async {
        let mut transaction = connection.begin().await?;
        sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK);
        lock.execute(&mut *transaction).await?;
        transaction.commit().await
    };
    match within(ANSWER, asked).await {
        Ok(()) => Ok(true),
        Err(error) if Failure::of(&error) == Failure::Busy => Ok(false),
        Err(error) => Err(name.error(error)),
    }
}

impl Importing<'_> {
    /// Writes everything or nothing.
    pub(crate) async fn write(&mut self, write: Write<'_>) -> Result<(), Error> {
        self.whole(&Piece::Import(write)).await.map(|_| ())
    }

    /// Erases all of them or none; returns how many rows there were.
    pub(super) async fn erase(&mut self, numbers: &[u32]) -> Result<u64, Error> {
        self.whole(&Piece::Erasure(numbers)).await
    }

    async fn whole(&mut self, piece: &Piece<'_>) -> Result<u64, Error> {
        let (name, done) = match &mut self.connection {
            Connected::File { database, .. } => (&database.name, in_file(database, piece).await),
            Connected::Server(server, connection) => {
                (&server.name, in_postgres(connection, piece).await)
            }
        };
        done.map_err(|error| name.error(error).into())
    }

    /// Removes events from the outbox up to this one, which are now in the log.
    pub(crate) async fn announced(&mut self, place: i64) -> Result<(), Error> {
        self.run(outbox::REMOVE.into(), vec![Param::Number(place)]).await
    }

    /// Creates the missing indexes.
    pub(crate) async fn index(&mut self) -> Result<(), Error> {
        for index in INDEXES {
            self.run(index.into(), Vec::new()).await?;
        }
        Ok(())
    }

    async fn run(&mut self, statement: Statement, given: Vec<Param>) -> Result<(), Error> {
        let (name, done) = match &mut self.connection {
            Connected::File { database, .. } => {
                let mut writer = database.writer.lock().await;
                let done = match writer.as_mut() {
                    Some(writer) => Writer::Sqlite(writer).run(statement, given).await,
                    None => Err(sqlx::Error::PoolClosed),
                };
                (&database.name, done)
            }
            Connected::Server(server, connection) => {
                (&server.name, Writer::Postgres(connection).run(statement, given).await)
            }
        };
        done.map(|_| ()).map_err(|error| name.error(error).into())
    }
}

/// The content of one transaction.
enum Piece<'a> {
    Import(Write<'a>),
    Erasure(&'a [u32]),
}

impl Piece<'_> {
    async fn run(&self, writer: &mut Writer<'_>) -> Result<u64, sqlx::Error> {
        match self {
            Self::Import(write) => write.run(writer).await.map(|()| 0),
            Self::Erasure(numbers) => erase::run(writer, numbers).await,
        }
    }
}

async fn in_file(database: &Database, piece: &Piece<'_>) -> Result<u64, sqlx::Error> {
    let mut writer = database.writer.lock().await;
    let writer = writer.as_mut().ok_or(sqlx::Error::PoolClosed)?;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let done = piece.run(&mut Writer::Sqlite(&mut transaction)).await?;
    transaction.commit().await.map(|()| done)
}

async fn in_postgres(connection: &mut PgConnection, piece: &Piece<'_>) -> Result<u64, sqlx::Error> {
    let mut transaction = within(ANSWER, connection.begin()).await?;
    let done = piece.run(&mut Writer::Postgres(&mut transaction)).await?;
    within(ANSWER, transaction.commit()).await.map(|()| done)
}
