//! A table or view of somebody else's, in a `SQLite` file or a `PostgreSQL` database, for reading alone.
//!
//! Invariants: nothing of it is ever changed, which the database itself is told; the table's name, which an
//! operator gives, is checked and quoted before it stands in a statement.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, SqlSafeStr, SqlitePool};

use crate::place::{Fault, Place};
use crate::postgres::CONNECT;
use crate::sqlite::foreign_readers;
use crate::statement::{Given, Reader, Shape, Statement};

/// Where the name of the table belongs in a statement.
const TABLE: &str = "{table}";
/// The longest name that `PostgreSQL` keeps whole.
const LONGEST: usize = 63;
const READERS: u32 = 2;

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
        let names = |name: &str| {
            let plain = |each: char| each.is_ascii_alphanumeric() || each == '_';
            let begins =
                name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            begins && name.len() <= LONGEST && name.chars().all(plain)
        };
        if !schema.into_iter().chain([table]).all(names) {
            return Err(format!(
                "{text:?} names no table; write TABLE or SCHEMA.TABLE, in letters, digits and _"
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

/// Somebody else's table.
#[derive(Debug)]
pub struct Foreign {
    place: Place,
    table: TableName,
    pool: Pool,
}

#[derive(Debug)]
enum Pool {
    File(SqlitePool),
    Server(PgPool),
}

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in the database's words, e.g. `timestamp with time zone`; in `SQLite` what was declared.
    pub kind: String,
}

impl Foreign {
    /// One in an existing `SQLite` file.
    pub async fn open(path: &Path, table: TableName) -> Result<Self, Fault> {
        let place = Place::file(path);
        if table.schema.is_some() {
            return Err(place.unusable("tables of a file are in no schema; name the table alone"));
        }
        let pool = Pool::File(foreign_readers(path, &place).await?);
        Ok(Self { place, table, pool })
    }

    /// One in a `PostgreSQL` database, which is connected to once something is asked.
    pub fn connect(options: PgConnectOptions, table: TableName) -> Self {
        let place = Place::server(&options);
        let options = options
            .application_name("tramonto")
            .options([("default_transaction_read_only", "on")])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT);
        let pool = Pool::Server(pool.connect_lazy_with(options));
        Self { place, table, pool }
    }

    /// Where it is, without user and password.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its name.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Its columns; none where there is no such table.
    pub async fn columns(&self) -> Result<Vec<Column>, Fault> {
        const COLUMNS: Statement = Statement {
            sqlite: "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
            postgres: "
                SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        };
        let name = match self.pool {
            Pool::File(_) => self.table.table.clone(),
            Pool::Server(_) => self.table.quoted(),
        };
        let columns: Vec<(String, String)> = self.rows(COLUMNS, vec![Given::Text(name)]).await?;
        Ok(columns.into_iter().map(|(name, kind)| Column { name, kind }).collect())
    }

    /// All rows that a statement gives, in which `{table}` stands for the table.
    pub async fn rows<T: Shape>(
        &self,
        statement: impl Into<Statement>,
        given: Vec<Given>,
    ) -> Result<Vec<T>, Fault> {
        let statement = statement.into();
        let (reader, said) = match &self.pool {
            Pool::File(pool) => (Reader::Sqlite(pool), statement.sqlite),
            Pool::Server(pool) => (Reader::Postgres(pool), statement.postgres),
        };
        // Nothing but the checked and quoted name is added to what is written in the program.
        let said = AssertSqlSafe(said.replace(TABLE, &self.table.quoted())).into_sql_str();
        reader.all(said, given).await.map_err(|error| self.fault(error))
    }

    /// Closes all connections.
    pub async fn close(self) {
        match self.pool {
            Pool::File(pool) => pool.close().await,
            Pool::Server(pool) => pool.close().await,
        }
    }

    /// What a failure means: the advice about tables of ours would lead astray.
    fn fault(&self, error: sqlx::Error) -> Fault {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            Some("42501") => self.place.unusable(format!(
                "its user may not read {}; grant it USAGE on the schema and SELECT on the table",
                self.table
            )),
            Some("3F000" | "42P01" | "42703") => self
                .place
                .unusable(format!("{} or a column of it is gone; make it again", self.table)),
            _ => self.place.fault(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
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
