//! The tables of a directory within one transaction, in either database.
//!
//! Statements name tables without a schema: a session on a server searches the schema `directory`.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sql::{Param, Writer, params};
use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::dialect::{Dialect, LIST};
use super::name::Problem;
use super::numbers;
use crate::counted::Counted;
use crate::part::Part;

/// The tables, within a transaction.
pub(super) struct Tables<'a>(pub(super) Writer<'a>);

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It reads one snapshot.
    Read,
    Write,
}

/// The columns of a row of any length.
pub(super) struct Values<T>(pub(super) Vec<T>);

impl<'r, R, T> FromRow<'r, R> for Values<T>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    T: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        (0..row.len()).map(|place| row.try_get(place)).collect::<Result<_, _>>().map(Self)
    }
}

impl Tables<'_> {
    pub(super) fn dialect(&self) -> Dialect {
        match self.0 {
            Writer::Sqlite(_) => Dialect::Sqlite,
            Writer::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; returns how many rows it touched.
    pub(super) async fn run(
        &mut self,
        statement: impl Into<String>,
        params: Vec<Param>,
    ) -> Result<u64, Problem> {
        Ok(self.0.run_composed(statement.into(), params).await?)
    }

    /// All rows of a statement.
    pub(super) async fn rows<T: sql::Row>(
        &mut self,
        statement: impl Into<String>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Problem> {
        Ok(self.0.rows_composed(statement.into(), params).await?)
    }

    /// The only row of a statement.
    pub(super) async fn row<T: sql::Row>(
        &mut self,
        statement: impl Into<String>,
        params: Vec<Param>,
    ) -> Result<T, Problem> {
        let row = self.rows(statement, params).await?.pop();
        row.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// The current instant of the directory.
    pub(super) async fn now(&mut self) -> Result<DateTime<Utc>, Problem> {
        let (micros,): (i64,) = self.row(self.dialect().select_now(), Vec::new()).await?;
        DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| Problem::Refused("has a clock that shows no instant".to_owned()))
    }

    /// The condition of the numbers from the part's first to its last, or of its own alone if it is
    /// sparse, with its parameters.
    pub(super) fn range(&self, part: &Part) -> (&'static str, Vec<Param>) {
        if part.is_listed() {
            return (self.dialect().listed(), vec![numbers::param(&part.mailboxes)]);
        }
        ("BETWEEN $1 AND $2", params![part.first, part.last])
    }

    /// The existing mailboxes from the part's first to its last number, and those of them for which
    /// each condition holds; numbers outside the part may be among them.
    pub(super) async fn scan(
        &mut self,
        part: &Part,
        conditions: &[String],
    ) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
        let counts = self.aggregate(part, &Counted::columns(conditions)).await?;
        let counted = Counted::of(part, conditions, &counts);
        let columns = counted.lists(LIST);
        if columns.is_empty() {
            return Ok(counted.sets(Vec::new()));
        }
        let texts: Vec<Option<String>> = self.aggregate(part, &columns).await?;
        let lists = texts.iter().map(|text| numbers::parse(text.as_deref()));
        Ok(counted.sets(lists.collect::<Result<_, _>>()?))
    }

    /// The values of these columns over the rows of a part.
    pub(super) async fn aggregate<T>(
        &mut self,
        part: &Part,
        columns: &[String],
    ) -> Result<Vec<T>, Problem>
    where
        Values<T>: sql::Row,
    {
        let (range, params) = self.range(part);
        let sql = format!("SELECT {} FROM armed WHERE number {range}", columns.join(", "));
        Ok(self.row::<Values<T>>(sql, params).await?.0)
    }
}
