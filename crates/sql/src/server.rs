//! A database of ours on a `PostgreSQL` server.
//!
//! Deliberately absent: connection poolers that share a session between transactions; a lock may be
//! the session's.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::connections::{Connections, session, within};
use crate::statement::Reader;
use crate::{Error, Schema, StoreName};

const READERS: usize = 4;
/// The longest wait for the answer to a statement: an index over millions of rows takes its time.
pub const ANSWER: Duration = Duration::from_mins(5);

/// A database whose schema is the one that this program knows.
#[derive(Debug)]
pub struct Server {
    /// Its name.
    pub name: StoreName,
    pub(crate) connections: Connections,
}

impl Server {
    /// Connects to a database that [`Schema::migrate`] has made ready.
    pub async fn connect(options: PgConnectOptions, schema: &Schema) -> Result<Self, Error> {
        let name = StoreName::server(&options);
        let options = session(options).options([("search_path", schema.name)]);
        let server = Self { name, connections: Connections::new(options, READERS, ANSWER) };
        let lent = server.connections.lend().await;
        let mut lent = lent.map_err(|error| server.name.error(error))?;
        schema.check(&mut lent.connection, &server.name).await?;
        lent.give_back();
        Ok(server)
    }

    /// Its reading side.
    pub fn reader(&self) -> (Reader<'_>, &StoreName) {
        (Reader::Postgres(&self.connections), &self.name)
    }

    /// Rewrites tables of a schema without the rows that were deleted. Only their owner can: for
    /// another user the server does nothing and reports no error.
    pub async fn vacuum(&self, schema: &str, tables: &[&str]) -> Result<(), Error> {
        const OWNED: &str = "
            SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::regclass";
        let mut connection = self.connection().await?;
        for table in tables {
            let owned = sqlx::query_scalar(OWNED).bind(format!("{schema}.{table}"));
            let owned = within(ANSWER, owned.fetch_one(&mut connection)).await;
            if !owned.map_err(|error| self.name.error(error))? {
                return Err(self.name.rejected(format!(
                    "only the owner of {schema}.{table} can rewrite it; run this as the user that \
                     runs `tramonto store migrate`"
                )));
            }
            let statement = AssertSqlSafe(format!("VACUUM (FULL) {schema}.{table}"));
            let done = within(ANSWER, sqlx::raw_sql(statement).execute(&mut connection)).await;
            done.map_err(|error| self.name.error(error))?;
        }
        Ok(())
    }

    /// A connection that the caller keeps; dropping it rolls back what was not committed.
    pub async fn connection(&self) -> Result<PgConnection, Error> {
        self.connections.open().await.map_err(|error| self.name.error(error))
    }

    /// Closes its connections.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}
