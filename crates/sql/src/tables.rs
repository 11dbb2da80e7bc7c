//! Tables in a file or on a server behind one interface: read by statements, written in
//! transactions.
//!
//! Invariant: a transaction that is dropped half-way, by an error or because its caller is gone,
//! leaves nothing behind: its connection is closed.

use std::path::Path;

use sqlx::SqliteConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::MutexGuard;

use crate::connections::{Lent, within};
use crate::server::ANSWER;
use crate::{
    Database, Error, Format, Param, Reader, Row, Schema, Server, Statement, StoreName, Writer,
};

/// Tables in a file or on a server.
#[derive(Debug)]
pub struct Tables(In);

#[derive(Debug)]
enum In {
    File(Database),
    Server { server: Server, schema: &'static str },
}

/// A transaction; nothing of it remains unless it is committed.
#[derive(Debug)]
pub struct Transaction<'a> {
    tables: &'a Tables,
    by: By<'a>,
}

#[derive(Debug)]
enum By<'a> {
    File(Turn<'a>),
    Server(Lent<'a>),
}

/// The writing connection of a file, in the middle of a transaction. Dropped there, the connection
/// is closed, and with it go its lock and what it did not commit.
#[derive(Debug)]
struct Turn<'a> {
    writer: MutexGuard<'a, Option<SqliteConnection>>,
    committed: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.committed {
            *self.writer = None;
        }
    }
}

impl Tables {
    /// Opens the tables in a file, which is made where there is none.
    pub async fn open(path: &Path, format: &Format) -> Result<Self, Error> {
        Ok(Self(In::File(Database::open(path, format).await?)))
    }

    /// Opens the tables in an existing file for reading; writing to them is an error.
    pub async fn open_read_only(path: &Path, format: &Format) -> Result<Self, Error> {
        Ok(Self(In::File(Database::open_read_only(path, format).await?)))
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
            In::File(database) => database.reader(),
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
            In::File(database) => {
                let mut turn = Turn { writer: database.turn().await?, committed: false };
                let begun = execute_in(turn.writer.as_mut(), "BEGIN IMMEDIATE").await;
                begun.map_err(|error| database.error(error))?;
                By::File(turn)
            }
            In::Server { server, .. } => {
                let begun = async {
                    let mut lent = server.connections.lend().await?;
                    let begin = sqlx::raw_sql("BEGIN").execute(&mut lent.connection);
                    within(ANSWER, begin).await?;
                    Ok(lent)
                };
                By::Server(begun.await.map_err(|error| server.name.error(error))?)
            }
        };
        Ok(Transaction { tables: self, by })
    }

    /// Rewrites the tables without the rows that were deleted, so that no byte holds a trace of
    /// them. `tables` are their names on a server; a file is rewritten as a whole.
    pub async fn vacuum(&self, tables: &[&str]) -> Result<(), Error> {
        match &self.0 {
            In::File(database) => database.vacuum().await,
            In::Server { server, schema } => server.vacuum(schema, tables).await,
        }
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Error> {
        match self.0 {
            In::File(database) => database.close().await,
            In::Server { server, .. } => {
                server.close().await;
                Ok(())
            }
        }
    }
}

impl Transaction<'_> {
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
    pub async fn commit(self) -> Result<(), Error> {
        let Self { tables, by } = self;
        let committed = match by {
            By::File(mut turn) => {
                let committed = execute_in(turn.writer.as_mut(), "COMMIT").await;
                turn.committed = committed.is_ok();
                committed
            }
            By::Server(mut lent) => {
                let commit = sqlx::raw_sql("COMMIT").execute(&mut lent.connection);
                within(ANSWER, commit).await.map(|_| lent.give_back())
            }
        };
        committed.map_err(|error| tables.name().error(error))
    }

    fn writer(&mut self) -> Result<(&StoreName, Writer<'_>), Error> {
        let name = self.tables.name();
        let writer = match &mut self.by {
            By::File(turn) => {
                let closed = || name.error(sqlx::Error::PoolClosed);
                Writer::Sqlite(turn.writer.as_mut().ok_or_else(closed)?)
            }
            By::Server(lent) => Writer::Postgres(&mut lent.connection),
        };
        Ok((name, writer))
    }
}

async fn execute_in(
    writer: Option<&mut SqliteConnection>,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    let writer = writer.ok_or(sqlx::Error::PoolClosed)?;
    sqlx::raw_sql(statement).execute(writer).await.map(|_| ())
}
