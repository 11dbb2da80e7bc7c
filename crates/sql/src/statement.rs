//! One way to say a statement to either database. Both take `$1` for a place and answer in rows of the
//! same shape, so most statements are written once; the few that can't be are written side by side.

use sqlx::postgres::PgRow;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteRow;
use sqlx::{
    FromRow, PgConnection, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    SqlitePool,
};
use uuid::Uuid;

use crate::postgres::{ANSWER, bounded};

/// A value given to a statement.
#[derive(Debug, Clone)]
pub enum Given {
    /// A whole number.
    Number(i64),
    /// One that may be missing.
    PerhapsNumber(Option<i64>),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
    /// One that may be missing.
    Perhaps(Option<String>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Id(Uuid),
    /// One that may be missing.
    PerhapsId(Option<Uuid>),
    /// In `PostgreSQL` an array, for `= ANY ($1)`; in `SQLite` JSON, for `IN (SELECT value FROM json_each($1))`.
    Numbers(Vec<i64>),
}

/// A row that both databases can give.
pub trait Shape:
    Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

impl<T> Shape for T where
    T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

/// A statement in the words of each database.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// For `SQLite`.
    pub sqlite: &'static str,
    /// For `PostgreSQL`.
    pub postgres: &'static str,
}

impl From<&'static str> for Statement {
    /// One that both understand.
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// Connections that read.
#[derive(Debug, Clone, Copy)]
pub enum Reader<'a> {
    /// To a file.
    Sqlite(&'a SqlitePool),
    /// To a server.
    Postgres(&'a PgPool),
}

impl Reader<'_> {
    /// All rows that a statement gives.
    pub async fn rows<T: Shape>(
        self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<Vec<T>, sqlx::Error> {
        let statement = statement.into();
        let said = match self {
            Self::Sqlite(_) => statement.sqlite,
            Self::Postgres(_) => statement.postgres,
        };
        self.all(said.into_sql_str(), given).await
    }

    /// All rows that a statement in the words of this very database gives.
    pub(crate) async fn all<T: Shape>(
        self,
        said: SqlStr,
        given: Vec<Given>,
    ) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => {
                let query = sqlx::query_as(said);
                given.into_iter().fold(query, as_sqlite).fetch_all(pool).await
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(said);
                let query = given.into_iter().fold(query, as_postgres);
                let mut connection = pool.acquire().await?;
                let rows = bounded(ANSWER, query.fetch_all(&mut *connection)).await;
                if matches!(rows, Err(sqlx::Error::Io(_))) {
                    // Not for anybody else: its answer may still come.
                    connection.close_on_drop();
                }
                rows
            }
        }
    }
}

/// A connection inside a transaction that writes.
#[derive(Debug)]
pub enum Writer<'a> {
    /// To a file.
    Sqlite(&'a mut SqliteConnection),
    /// To a server.
    Postgres(&'a mut PgConnection),
}

impl Writer<'_> {
    /// Runs a statement; returns how many rows it touched.
    pub async fn run(
        &mut self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<u64, sqlx::Error> {
        let statement = statement.into();
        match self {
            Self::Sqlite(connection) => {
                let query = given.into_iter().fold(sqlx::query(statement.sqlite), to_sqlite);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
            Self::Postgres(connection) => {
                let query = given.into_iter().fold(sqlx::query(statement.postgres), to_postgres);
                let done = bounded(ANSWER, query.execute(&mut **connection)).await?;
                Ok(done.rows_affected())
            }
        }
    }
}

impl Writer<'_> {
    /// All rows that a statement gives.
    pub async fn rows<T: Shape>(
        &mut self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<Vec<T>, sqlx::Error> {
        let statement = statement.into();
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_as(statement.sqlite);
                given.into_iter().fold(query, as_sqlite).fetch_all(&mut **connection).await
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_as(statement.postgres);
                let query = given.into_iter().fold(query, as_postgres);
                bounded(ANSWER, query.fetch_all(&mut **connection)).await
            }
        }
    }
}

/// Numbers as a JSON array.
pub fn json(numbers: impl IntoIterator<Item = i64>) -> String {
    let texts: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("[{}]", texts.join(","))
}

macro_rules! bind {
    ($query:expr, $given:expr, $numbers:expr) => {
        match $given {
            Given::Number(number) => $query.bind(number),
            Given::PerhapsNumber(number) => $query.bind(number),
            Given::Flag(flag) => $query.bind(flag),
            Given::Text(text) => $query.bind(text),
            Given::Perhaps(text) => $query.bind(text),
            Given::Bytes(bytes) => $query.bind(bytes),
            Given::Id(id) => $query.bind(id),
            Given::PerhapsId(id) => $query.bind(id),
            Given::Numbers(numbers) => $query.bind($numbers(numbers)),
        }
    };
}

type Sqlites = sqlx::sqlite::SqliteArguments;
type Postgreses = sqlx::postgres::PgArguments;

fn as_sqlite<T>(
    query: QueryAs<'static, Sqlite, T, Sqlites>,
    given: Given,
) -> QueryAs<'static, Sqlite, T, Sqlites> {
    bind!(query, given, json)
}

fn as_postgres<T>(
    query: QueryAs<'static, Postgres, T, Postgreses>,
    given: Given,
) -> QueryAs<'static, Postgres, T, Postgreses> {
    bind!(query, given, std::convert::identity::<Vec<i64>>)
}

fn to_sqlite(
    query: Query<'static, Sqlite, Sqlites>,
    given: Given,
) -> Query<'static, Sqlite, Sqlites> {
    bind!(query, given, json)
}

fn to_postgres(
    query: Query<'static, Postgres, Postgreses>,
    given: Given,
) -> Query<'static, Postgres, Postgreses> {
    bind!(query, given, std::convert::identity::<Vec<i64>>)
}
