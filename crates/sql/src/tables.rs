//! Tables in a file or on a server behind one interface: read by statements, written in
//! transactions.
//!
//! Invariants: a transaction that is dropped half-way, by an error or because its caller is gone,
//! leaves nothing behind: its connection is closed. An exclusive writer on a server locks with the
//! connection that writes, so one that lost the lock can write nothing more.

use std::path::Path;

use futures::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use crate::connections::{Lent, within};
use crate::server::ANSWER;
use crate::{
    Database, Error, Failure, Format, Param, Reader, Row, Schema, Server, Statement, StoreName,
    Writer,
};

/// Tables in a file or on a server.
#[derive(Debug)]
pub struct Tables(In);

#[derive(Debug)]
enum In {
    File { database: Database, exclusive: Mutex<()> },
    Server { server: Server, schema: &'static str },
}

/// Tables that have one writer, until this is dropped.
#[derive(Debug)]
pub struct Exclusive<'a> {
    tables: &'a Tables,
    by: Holder<'a>,
}

#[derive(Debug)]
enum Holder<'a> {
    File {
        _turn: MutexGuard<'a, ()>,
    },
    /// Closed by a transaction that was not committed, which releases the lock.
    Server(Option<PgConnection>),
}

/// A transaction; nothing of it remains unless it is committed.
#[derive(Debug)]
pub struct Transaction<'a> {
    tables: &'a Tables,
    by: By<'a>,
    committed: bool,
}

#[derive(Debug)]
enum By<'a> {
    File(MutexGuard<'a, Option<SqliteConnection>>),
    Server(Option<Lent<'a>>),
    Exclusive(&'a mut Option<PgConnection>),
}

impl Drop for Transaction<'_> {
    /// Closes a connection in the middle of a transaction, and with it its lock and what it did not
    /// commit. One that was lent is closed by not being given back.
    fn drop(&mut self) {
        match &mut self.by {
            By::File(writer) if !self.committed => **writer = None,
            By::Exclusive(connection) if !self.committed => **connection = None,
            By::File(_) | By::Exclusive(_) | By::Server(_) => {}
        }
    }
}

impl Tables {
    /// Opens the tables in a file, which is made where there is none.
    pub async fn open(path: &Path, format: &Format) -> Result<Self, Error> {
        Ok(Self::file(Database::open(path, format).await?))
    }

    /// Opens the tables in an existing file for reading; writing to them is an error.
    pub async fn open_read_only(path: &Path, format: &Format) -> Result<Self, Error> {
        Ok(Self::file(Database::open_read_only(path, format).await?))
    }

    fn file(database: Database) -> Self {
        Self(In::File { database, exclusive: Mutex::default() })
    }

    /// Connects to the tables of a schema that [`Schema::migrate`] has made.
    pub async fn connect(options: PgConnectOptions, schema: &Schema) -> Result<Self, Error> {
        let server = Server::connect(options, schema).await?;
        Ok(Self(In::Server { server, schema: schema.name }))
    }

    /// The name of the store.
    pub fn name(&self) -> &StoreName {
        self.reader().1
    }

    fn reader(&self) -> (Reader<'_>, &StoreName) {
        match &self.0 {
            In::File { database, .. } => database.reader(),
            In::Server { server, .. } => server.reader(),
        }
    }

    /// Runs one statement in a transaction of its own; returns how many rows it touched.
    pub async fn run(
        &self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<u64, Error> {
        let mut transaction = self.begin().await?;
        let touched = transaction.run(statement, params).await?;
        transaction.commit().await?;
        Ok(touched)
    }

    /// All rows of a statement, each parsed; a row that cannot be parsed is damage.
    pub async fn all<T: Row, R>(
        &self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
        parse: impl Fn(T) -> Result<R, String>,
    ) -> Result<Vec<R>, Error> {
        let (reader, name) = self.reader();
        let rows = reader.rows(statement, params).await.map_err(|error| name.error(error))?;
        let rows: Result<Vec<R>, String> = rows.into_iter().map(parse).collect();
        rows.map_err(|problem| name.corrupt(problem))
    }

    /// Begins a transaction. A file has one at a time; a server any number, which it keeps apart.
    pub async fn begin(&self) -> Result<Transaction<'_>, Error> {
        let by = match &self.0 {
            In::File { database, .. } => By::File(database.turn().await?),
            In::Server { server, .. } => {
                let lent = server.connections.lend().await;
                By::Server(Some(lent.map_err(|error| server.name.error(error))?))
            }
        };
        Transaction { tables: self, by, committed: false }.begun().await
    }

    /// Acquires the tables for one writer, on a server by the advisory lock of that number; `None`
    /// if another writer has them. In a file it waits, and other processes are not excluded; on a
    /// server it waits two seconds, as long as the connection of a killed process may linger.
    pub async fn exclusive(&self, lock: i64) -> Result<Option<Exclusive<'_>>, Error> {
        let by = match &self.0 {
            In::File { exclusive, .. } => Holder::File { _turn: exclusive.lock().await },
            In::Server { server, .. } => {
                let mut connection = server.connection().await?;
                match lock_for(&mut connection, lock).await {
                    Ok(()) => Holder::Server(Some(connection)),
                    Err(error) if Failure::of(&error) == Failure::Busy => return Ok(None),
                    Err(error) => return Err(server.name.error(error)),
                }
            }
        };
        Ok(Some(Exclusive { tables: self, by }))
    }

    /// Rewrites the tables without the rows that were deleted, so that no byte holds a trace of
    /// them. `tables` are their names on a server; a file is rewritten as a whole.
    pub async fn vacuum(&self, tables: &[&str]) -> Result<(), Error> {
        match &self.0 {
            In::File { database, .. } => database.vacuum().await,
            In::Server { server, schema } => server.vacuum(schema, tables).await,
        }
    }

    /// Closes the file, or the connections; later calls are errors.
    pub async fn close(&self) -> Result<(), Error> {
        match &self.0 {
            In::File { database, .. } => database.close().await,
            In::Server { server, .. } => {
                server.close().await;
                Ok(())
            }
        }
    }
}

impl Exclusive<'_> {
    /// Begins a transaction. After one that was not committed, a server's tables are closed.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        let Holder::Server(held) = &mut self.by else { return self.tables.begin().await };
        let by = By::Exclusive(held);
        Transaction { tables: self.tables, by, committed: false }.begun().await
    }
}

impl Transaction<'_> {
    /// Begins it. Dropped meanwhile, it closes the connection too.
    async fn begun(mut self) -> Result<Self, Error> {
        let statement = if matches!(self.by, By::File(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let begun = execute(self.by.writer(), statement).await;
        begun.map_err(|error| self.tables.name().error(error))?;
        Ok(self)
    }

    /// Runs a statement; returns how many rows it touched.
    pub async fn run(
        &mut self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<u64, Error> {
        let (name, mut writer) = self.writer()?;
        writer.run(statement, params).await.map_err(|error| name.error(error))
    }

    /// All rows of a statement; it sees what this transaction wrote.
    pub async fn rows<T: Row>(
        &mut self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Error> {
        let (name, mut writer) = self.writer()?;
        writer.rows(statement, params).await.map_err(|error| name.error(error))
    }

    /// Commits it.
    pub async fn commit(mut self) -> Result<(), Error> {
        let committed = execute(self.by.writer(), "COMMIT").await;
        committed.map_err(|error| self.tables.name().error(error))?;
        self.committed = true;
        if let By::Server(lent) = &mut self.by
            && let Some(lent) = lent.take()
        {
            lent.give_back();
        }
        Ok(())
    }

    /// The connection, for statements that [`Transaction::run`] does not know.
    pub fn writer(&mut self) -> Result<(&StoreName, Writer<'_>), Error> {
        let name = self.tables.name();
        let writer = self.by.writer().ok_or_else(|| name.error(sqlx::Error::PoolClosed))?;
        Ok((name, writer))
    }
}

impl By<'_> {
    /// The connection; `None` once it is closed.
    fn writer(&mut self) -> Option<Writer<'_>> {
        match self {
            Self::File(writer) => writer.as_mut().map(Writer::Sqlite),
            Self::Server(lent) => lent.as_mut().map(|lent| Writer::Postgres(&mut lent.connection)),
            Self::Exclusive(connection) => connection.as_mut().map(Writer::Postgres),
        }
    }
}

fn execute<'a>(
    writer: Option<Writer<'a>>,
    statement: &'static str,
) -> BoxFuture<'a, Result<(), sqlx::Error>> {
    Box::pin(async move {
        let statement = sqlx::raw_sql(statement);
        match writer.ok_or(sqlx::Error::PoolClosed)? {
            Writer::Sqlite(connection) => statement.execute(connection).await.map(|_| ()),
            Writer::Postgres(connection) => {
                within(ANSWER, statement.execute(connection)).await.map(|_| ())
            }
        }
    })
}

fn lock_for(connection: &mut PgConnection, lock: i64) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    let locking = async move {
        let mut transaction = connection.begin().await?;
        sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(lock);
        lock.execute(&mut *transaction).await?;
        transaction.commit().await
    };
    Box::pin(within(ANSWER, locking))
}
