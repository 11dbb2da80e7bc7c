//! Scanning every column of every table for search terms, to show that an erasure left no residue.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::connections::{close, connect, within};
use crate::server::ANSWER;
use crate::{Error, StoreName};

/// All tables of some schemas; a schema that does not exist has none.
const TABLES: &str = "
    SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY ($1) ORDER BY 1";

/// Counts the rows of each table of some schemas that hold a search term: as text in any case, or
/// within bytes as given, in lower case or in upper case. Tables without a match are listed with 0.
pub async fn residue(
    options: PgConnectOptions,
    schemas: &[&str],
    terms: &[String],
) -> Result<Vec<(String, u64)>, Error> {
    let name = StoreName::server(&options);
    let found = async {
        let mut connection = connect(&options).await?;
        let found = scan(&mut connection, schemas, terms).await?;
        close(connection).await;
        Ok(found)
    };
    found.await.map_err(|error| name.error(error))
}

async fn scan(
    connection: &mut PgConnection,
    schemas: &[&str],
    terms: &[String],
) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let tables = sqlx::query_scalar(TABLES).bind(schemas).fetch_all(&mut *connection);
    let tables: Vec<String> = within(ANSWER, tables).await?;
    let mut found = Vec::with_capacity(tables.len());
    let forms = |term: &String| {
        let (lower, upper) = (term.to_lowercase(), term.to_uppercase());
        [term.clone(), hex(term), hex(&lower), hex(&upper)]
    };
    let patterns: Vec<String> = terms.iter().flat_map(forms).collect();
    for table in tables {
        let count = AssertSqlSafe(format!(
            "SELECT count(*) FROM {table} AS here WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) \
             AS term
             WHERE position(lower(term) IN lower(here::text)) > 0)"
        ));
        let count = sqlx::query_scalar(count).bind(&patterns).fetch_one(&mut *connection);
        let count: i64 = within(ANSWER, count).await?;
        found.push((table, u64::try_from(count).unwrap_or(0)));
    }
    Ok(found)
}

/// Bytes as the database prints them.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
