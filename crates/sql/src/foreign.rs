//! A read-only table or view that another program owns, in a `SQLite` file or a `PostgreSQL`
//! database.
//!
//! Invariants: the connection is read-only for the database too; the table's name, which an
//! operator gives, is checked and quoted before it enters a statement.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr, SqlitePool};

use crate::connections::Connections;
use crate::failure::Failure;
use crate::file::{self, Contents};
use crate::server::ANSWER;
use crate::statement::{Param, Reader, Row, Statement};
use crate::{Error, StoreName};

/// Stands for the table's name in a statement.
const TABLE: &str = "{table}";
/// The longest name that `PostgreSQL` keeps whole.
const LONGEST: usize = 63;
const READERS: u8 = 2;

/// The name of a table or view, alone or in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    schema: Option<String>,
    table: String,
}

impl TableName {
    fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("\"{schema}\".\"{}\"", self.table),
            None => format!("\"{}\"", self.table),
        }
    }
}

impl FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (schema, table) = match text.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, text),
        };
        let valid = |name: &str| {
            let plain = |each: char| each.is_ascii_alphanumeric() || each == '_';
            let starts = name.starts_with(|first: char| plain(first) && !first.is_ascii_digit());
            starts && name.len() <= LONGEST && name.chars().all(plain)
        };
        if !schema.into_iter().chain([table]).all(valid) {
            return Err(format!(
                "{text:?} is not a table name; write TABLE or SCHEMA.TABLE in letters, digits and _"
            ));
        }
        Ok(Self { schema: schema.map(str::to_owned), table: table.to_owned() })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.table)
    }
}

/// A table that another program owns.
#[derive(Debug)]
pub struct ForeignTable {
    name: StoreName,
    table: TableName,
    pool: Pool,
}

#[derive(Debug)]
enum Pool {
    File(SqlitePool),
    Server(Connections),
}

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as the database names it, e.g. `timestamp with time zone`; in `SQLite` as declared.
    pub kind: String,
}

impl ForeignTable {
    /// Opens a table in an existing `SQLite` file, whose views may call no function with side
    /// effects.
    pub async fn open(path: &Path, table: TableName) -> Result<Self, Error> {
        let name = StoreName::file(path);
        if table.schema.is_some() {
            return Err(name.rejected("tables of a file have no schema; give the table name alone"));
        }
        if !matches!(Contents::of(path, &name)?, Contents::Database(_)) {
            return Err(name.rejected("there is no such file, or it is empty; check the path"));
        }
        let options = file::options(path).pragma("trusted_schema", "OFF");
        let pool = Pool::File(file::readers(options, READERS.into(), &name).await?);
        Ok(Self { name, table, pool })
    }

    /// A table in a `PostgreSQL` database, which is connected to on the first query.
    pub fn connect(options: PgConnectOptions, table: TableName) -> Self {
        let name = StoreName::server(&options);
        let options = options
            .application_name("tramonto")
            .options([("default_transaction_read_only", "on")])
            .disable_statement_logging();
        let pool = Pool::Server(Connections::new(options, READERS.into(), ANSWER));
        Self { name, table, pool }
    }

    /// The name of the store.
    pub fn name(&self) -> &StoreName {
        &self.name
    }

    /// The name of the table.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Its columns; none where there is no such table.
    pub async fn columns(&self) -> Result<Vec<Column>, Error> {
        const COLUMNS: Statement = Statement {
            sqlite: "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
            postgres: "
                SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY \
                attnum",
        };
        let name = match self.pool {
            Pool::File(_) => self.table.table.clone(),
            Pool::Server(_) => self.table.quoted(),
        };
        let columns: Vec<(String, String)> = self.rows(COLUMNS, vec![Param::Text(name)]).await?;
        Ok(columns.into_iter().map(|(name, kind)| Column { name, kind }).collect())
    }

    /// All rows of a statement in which `{table}` stands for the table.
    pub async fn rows<T: Row>(
        &self,
        statement: impl Into<Statement>,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Error> {
        let statement = statement.into();
        let (reader, text) = match &self.pool {
            Pool::File(pool) => (Reader::Sqlite(pool), statement.sqlite),
            Pool::Server(connections) => (Reader::Postgres(connections), statement.postgres),
        };
        // Only the checked and quoted name is added to what is written in the program.
        let text = AssertSqlSafe(text.replace(TABLE, &self.table.quoted())).into_sql_str();
        reader.all(text, params).await.map_err(|error| self.error(error))
    }

    /// Closes all connections.
    pub async fn close(self) {
        match self.pool {
            Pool::File(pool) => pool.close().await,
            Pool::Server(connections) => connections.close().await,
        }
    }

    /// What an error means: the advice about our own tables would mislead.
    fn error(&self, error: sqlx::Error) -> Error {
        let table = &self.table;
        let failure = Failure::of(&error);
        if failure == Failure::Permission {
            return self.name.rejected(format!(
                "this user may not read {table}; grant it USAGE on the schema and SELECT on the \
                 table"
            ));
        }
        if failure == Failure::NoTable {
            let problem = format!("{table} or one of its columns is missing; create it again");
            return self.name.rejected(problem);
        }
        self.name.error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_plain_name_is_rejected() {
        for good in ["log", "pec.log_2015", "_x"] {
            assert_eq!(good.parse::<TableName>().unwrap().to_string(), good);
        }
        let long = "x".repeat(64);
        for bad in ["", ".", "a.", ".a", "a.b.c", "a\"b", "a;b", "1a", "a b", "à", "a\0", &long] {
            assert!(bad.parse::<TableName>().is_err(), "{bad:?}");
        }
        let name: TableName = "pec.log".parse().unwrap();
        assert_eq!(name.quoted(), "\"pec\".\"log\"");
    }
}
