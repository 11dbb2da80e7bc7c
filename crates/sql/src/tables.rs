//! Tables in either place, behind one face: read by statements, written in transactions.
//!
//! Invariant: a transaction that is dropped half-way, whether by an error or because nobody waits for it any
//! more, leaves nothing behind, and the next one begins as if it had not been.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Postgres, SqliteConnection, Transaction};
use tokio::sync::MutexGuard;

use crate::{
    Database, Fault, Format, Given, Place, Reader, Schema, Server, Shape, Statement, Writer,
};

/// Tables in a file or on a server.
#[derive(Debug)]
pub struct Tables(In);

#[derive(Debug)]
enum In {
    File(Database),
    Server { server: Server, schema: &'static str },
}

/// A transaction. What is not committed has not happened.
#[derive(Debug)]
pub struct Writing<'a> {
    tables: &'a Tables,
    by: By<'a>,
}

#[derive(Debug)]
enum By<'a> {
    File(Turn<'a>),
    Server(Transaction<'static, Postgres>),
}

/// The connection that writes to a file, in the middle of a transaction. Dropped there, the connection is closed,
/// and with it goes what it had not committed, and its lock.
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
    /// Those in a file, which is made where there is none.
    pub async fn open(path: &Path, format: &Format) -> Result<Self, Fault> {
        Ok(Self(In::File(Database::open(path, format).await?)))
    }

    /// Those in an existing file; what would write to them is an error.
    pub async fn open_read_only(path: &Path, format: &Format) -> Result<Self, Fault> {
        Ok(Self(In::File(Database::open_read_only(path, format).await?)))
    }

    /// Those of a schema that [`Schema::migrate`] has made.
    pub async fn connect(options: PgConnectOptions, schema: &Schema) -> Result<Self, Fault> {
        let server = Server::connect(options, schema).await?;
        Ok(Self(In::Server { server, schema: schema.name }))
    }

    /// Where they are.
    pub fn place(&self) -> &Place {
        self.reader().1
    }

    fn reader(&self) -> (Reader<'_>, &Place) {
        match &self.0 {
            In::File(database) => database.reader(),
            In::Server { server, .. } => server.reader(),
        }
    }

    /// All rows of a statement, each read into what it stands for; one that can't be read is damage.
    pub async fn all<T: Shape, R>(
        &self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
        read: impl Fn(T) -> Result<R, String>,
    ) -> Result<Vec<R>, Fault> {
        let (reader, place) = self.reader();
        let rows = reader.rows(statement, given).await.map_err(|error| place.fault(error))?;
        let rows: Result<Vec<R>, String> = rows.into_iter().map(read).collect();
        rows.map_err(|problem| place.corrupt(problem))
    }

    /// Begins a transaction. In a file there is one at a time; on a server many, which the database keeps
    /// apart.
    pub async fn begin(&self) -> Result<Writing<'_>, Fault> {
        let by = match &self.0 {
            In::File(database) => {
                let mut turn = Turn { writer: database.turn().await?, committed: false };
                let writer = turn.writer.as_mut();
                let writer = writer.ok_or_else(|| database.fault(sqlx::Error::PoolClosed))?;
                say(writer, "BEGIN IMMEDIATE", &database.place).await?;
                By::File(turn)
            }
            In::Server { server, .. } => {
                let begun = server.readers.begin().await;
                By::Server(begun.map_err(|error| server.place.fault(error))?)
            }
        };
        Ok(Writing { tables: self, by })
    }

    /// Writes them anew without what was deleted, so that no byte holds a trace of it. `tables` are their names, on
    /// a server; a file is written anew as a whole.
    pub async fn scour(&self, tables: &[&str]) -> Result<(), Fault> {
        match &self.0 {
            In::File(database) => database.scour().await,
            In::Server { server, schema } => server.scour(schema, tables).await,
        }
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Fault> {
        match self.0 {
            In::File(database) => database.close().await,
            In::Server { server, .. } => {
                server.readers.close().await;
                Ok(())
            }
        }
    }
}

impl Writing<'_> {
    /// Runs a statement; returns how many rows it touched.
    pub async fn run(
        &mut self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<u64, Fault> {
        let (tables, mut writer) = self.writer()?;
        let done = writer.run(statement, given).await;
        done.map_err(|error| tables.place().fault(error))
    }

    /// All rows that a statement gives, what this transaction has written among them.
    pub async fn rows<T: Shape>(
        &mut self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<Vec<T>, Fault> {
        let (tables, mut writer) = self.writer()?;
        let rows = writer.rows(statement, given).await;
        rows.map_err(|error| tables.place().fault(error))
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), Fault> {
        let Self { tables, by } = self;
        match by {
            By::File(mut turn) => {
                let place = tables.place();
                let writer = turn.writer.as_mut();
                let writer = writer.ok_or_else(|| place.fault(sqlx::Error::PoolClosed))?;
                say(writer, "COMMIT", place).await?;
                turn.committed = true;
                Ok(())
            }
            By::Server(transaction) => {
                transaction.commit().await.map_err(|error| tables.place().fault(error))
            }
        }
    }

    fn writer(&mut self) -> Result<(&Tables, Writer<'_>), Fault> {
        let tables = self.tables;
        let writer = match &mut self.by {
            By::File(turn) => {
                let closed = || tables.place().fault(sqlx::Error::PoolClosed);
                Writer::Sqlite(turn.writer.as_mut().ok_or_else(closed)?)
            }
            By::Server(transaction) => Writer::Postgres(&mut *transaction),
        };
        Ok((tables, writer))
    }
}

async fn say(
    writer: &mut SqliteConnection,
    statement: &'static str,
    place: &Place,
) -> Result<(), Fault> {
    let done = sqlx::raw_sql(statement).execute(writer).await;
    done.map(|_| ()).map_err(|error| place.fault(error))
}
