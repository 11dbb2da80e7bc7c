//! One way to pass a statement to either database. Both take `$1` for a parameter and answer in
//! rows of the same shape, so most statements are written once; the few that cannot be are written
//! side by side.

use futures::future::{BoxFuture, FutureExt};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    AssertSqlSafe, FromRow, PgConnection, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    SqlitePool,
};
use uuid::Uuid;

use crate::connections::{Connections, rows_within, within};
use crate::failure::ends_the_session;
use crate::server::ANSWER;

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub enum Param {
    /// A whole number.
    Number(i64),
    /// A value that may be NULL.
    OptionalNumber(Option<i64>),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
    /// A value that may be NULL.
    OptionalText(Option<String>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Id(Uuid),
    /// In `PostgreSQL` an array, for `= ANY ($1)`; in `SQLite` JSON, for
    /// `IN (SELECT value FROM json_each($1))`.
    Numbers(Vec<i64>),
}

macro_rules! from {
    ($($type:ty => $param:ident),+ $(,)?) => {$(
        impl From<$type> for Param {
            fn from(value: $type) -> Self {
                Self::$param(value.into())
            }
        }
    )+};
}

from! {
    i64 => Number, u32 => Number, Option<i64> => OptionalNumber, bool => Flag,
    &str => Text, String => Text, Option<String> => OptionalText,
    &[u8] => Bytes, Vec<u8> => Bytes, [u8; 32] => Bytes, Vec<i64> => Numbers,
    Uuid => Id,
}

impl From<Option<u32>> for Param {
    fn from(value: Option<u32>) -> Self {
        Self::OptionalNumber(value.map(i64::from))
    }
}

impl From<Option<&str>> for Param {
    fn from(value: Option<&str>) -> Self {
        Self::OptionalText(value.map(str::to_owned))
    }
}

/// The parameters of a statement, each converted to a [`Param`].
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::Param::from($value)),*] };
}

/// A statement in which each piece ends in a column that is one of the numbers in `$1`, e.g.
/// `among!("DELETE FROM letter WHERE mailbox")`.
#[macro_export]
macro_rules! among {
    ($($piece:literal),+) => {
        $crate::Statement {
            sqlite: concat!($($piece, " IN (SELECT value FROM json_each($1))"),+),
            postgres: concat!($($piece, " = ANY ($1)"),+),
        }
    };
}

/// Numbers in one statement.
const PAGE: usize = 8_192;

impl Param {
    /// Any count of numbers, in pages of one statement each; none for no number.
    pub fn pages(numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = Self> {
        let mut rest = numbers.into_iter();
        std::iter::from_fn(move || {
            let page: Vec<i64> = rest.by_ref().take(PAGE).map(i64::from).collect();
            (!page.is_empty()).then_some(Self::Numbers(page))
        })
    }
}

/// A row that can be read from either database.
pub trait Row: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl<T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>> Row for T {}

/// A statement in each database's dialect.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// For `SQLite`.
    pub sqlite: &'static str,
    /// For `PostgreSQL`.
    pub postgres: &'static str,
}

impl From<&'static str> for Statement {
    /// A statement that both understand.
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
    Postgres(&'a Connections),
}

impl<'a> Reader<'a> {
    /// All rows of a statement.
    pub async fn rows<T: Row>(
        self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        let statement = statement.into();
        let text = match self {
            Self::Sqlite(_) => statement.sqlite,
            Self::Postgres(_) => statement.postgres,
        };
        self.all(text.into_sql_str(), params).await
    }

    /// All rows of a statement in this database's own dialect.
    pub(crate) async fn all<T: Row>(
        self,
        text: SqlStr,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        self.fetch(text, params).await?.read()
    }

    fn fetch(self, text: SqlStr, params: Vec<Param>) -> BoxFuture<'a, Result<Rows, sqlx::Error>> {
        let fetching = async move {
            match self {
                Self::Sqlite(pool) => {
                    to_sqlite(text, params).fetch_all(pool).await.map(Rows::Sqlite)
                }
                Self::Postgres(connections) => {
                    let query = to_postgres(text, params);
                    let mut lent = connections.lend().await?;
                    let answer = query.fetch(&mut lent.connection);
                    let rows = rows_within(connections.answer, answer).await;
                    if !rows.as_ref().is_err_and(ends_the_session) {
                        lent.give_back();
                    }
                    rows.map(Rows::Postgres)
                }
            }
        };
        fetching.boxed()
    }
}

/// The rows of an answer. They are fetched by code that does not depend on what they are read as,
/// so that it is compiled once.
enum Rows {
    Sqlite(Vec<SqliteRow>),
    Postgres(Vec<PgRow>),
}

impl Rows {
    fn read<T: Row>(&self) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite(rows) => rows.iter().map(T::from_row).collect(),
            Self::Postgres(rows) => rows.iter().map(T::from_row).collect(),
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
        params: Vec<Param>,
    ) -> Result<u64, sqlx::Error> {
        let text = self.text(statement.into()).into_sql_str();
        self.execute(text, params, true).await
    }

    /// All rows of a statement.
    pub async fn rows<T: Row>(
        &mut self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        let text = self.text(statement.into()).into_sql_str();
        self.fetch(text, params, true).await?.read()
    }

    /// Runs a statement that was composed in this database's dialect. It is not kept prepared.
    pub async fn run_composed(
        &mut self,
        text: String,
        params: Vec<Param>,
    ) -> Result<u64, sqlx::Error> {
        self.execute(AssertSqlSafe(text).into_sql_str(), params, false).await
    }

    /// All rows of a statement that was composed in this database's dialect. It is not kept
    /// prepared.
    pub async fn rows_composed<T: Row>(
        &mut self,
        text: String,
        params: Vec<Param>,
    ) -> Result<Vec<T>, sqlx::Error> {
        self.fetch(AssertSqlSafe(text).into_sql_str(), params, false).await?.read()
    }

    fn text(&self, statement: Statement) -> &'static str {
        match self {
            Self::Sqlite(_) => statement.sqlite,
            Self::Postgres(_) => statement.postgres,
        }
    }

    fn execute(
        &mut self,
        text: SqlStr,
        params: Vec<Param>,
        kept: bool,
    ) -> BoxFuture<'_, Result<u64, sqlx::Error>> {
        let executing = async move {
            match self {
                Self::Sqlite(connection) => {
                    let query = to_sqlite(text, params).persistent(kept);
                    Ok(query.execute(&mut **connection).await?.rows_affected())
                }
                Self::Postgres(connection) => {
                    let query = to_postgres(text, params).persistent(kept);
                    let done = within(ANSWER, query.execute(&mut **connection)).await?;
                    Ok(done.rows_affected())
                }
            }
        };
        executing.boxed()
    }

    fn fetch(
        &mut self,
        text: SqlStr,
        params: Vec<Param>,
        kept: bool,
    ) -> BoxFuture<'_, Result<Rows, sqlx::Error>> {
        let fetching = async move {
            match self {
                Self::Sqlite(connection) => {
                    let query = to_sqlite(text, params).persistent(kept);
                    query.fetch_all(&mut **connection).await.map(Rows::Sqlite)
                }
                Self::Postgres(connection) => {
                    let query = to_postgres(text, params).persistent(kept);
                    within(ANSWER, query.fetch_all(&mut **connection)).await.map(Rows::Postgres)
                }
            }
        };
        fetching.boxed()
    }
}

/// Numbers as a JSON array.
pub fn json(numbers: impl IntoIterator<Item = i64>) -> String {
    let texts: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("[{}]", texts.join(","))
}

macro_rules! bind {
    ($query:expr, $params:expr, $numbers:expr) => {
        match $params {
            Param::Number(number) => $query.bind(number),
            Param::OptionalNumber(number) => $query.bind(number),
            Param::Flag(flag) => $query.bind(flag),
            Param::Text(text) => $query.bind(text),
            Param::OptionalText(text) => $query.bind(text),
            Param::Bytes(bytes) => $query.bind(bytes),
            Param::Id(id) => $query.bind(id),
            Param::Numbers(numbers) => $query.bind($numbers(numbers)),
        }
    };
}

fn to_sqlite(text: SqlStr, params: Vec<Param>) -> Query<'static, Sqlite, SqliteArguments> {
    params.into_iter().fold(sqlx::query(text), |query, param| bind!(query, param, json))
}

fn to_postgres(text: SqlStr, params: Vec<Param>) -> Query<'static, Postgres, PgArguments> {
    let array = std::convert::identity::<Vec<i64>>;
    params.into_iter().fold(sqlx::query(text), |query, param| bind!(query, param, array))
}
