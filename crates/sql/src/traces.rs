//! Looking for a text in every column of every table, whatever they are: for showing that nothing is left of it.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::postgres::{ANSWER, bounded};
use crate::{Fault, Place};

/// All tables of some schemas; those that are not there have none.
const TABLES: &str = "
    SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY ($1) ORDER BY 1";

/// In how many rows of each table of some schemas one of these texts stands: as text in whatever letters, within
/// bytes as it is given, all in small letters, or all in capitals. Tables without any are told too: they were looked at.
pub async fn traces(
    options: PgConnectOptions,
    schemas: &[&str],
    texts: &[String],
) -> Result<Vec<(String, u64)>, Fault> {
    let place = Place::server(&options);
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let found = look(&pool, schemas, texts).await;
    pool.close().await;
    found.map_err(|error| place.fault(error))
}

async fn look(
    pool: &PgPool,
    schemas: &[&str],
    texts: &[String],
) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let tables = sqlx::query_scalar(TABLES).bind(schemas).fetch_all(pool);
    let tables: Vec<String> = bounded(ANSWER, tables).await?;
    let mut found = Vec::with_capacity(tables.len());
    let written = |text: &String| {
        let (small, capital) = (text.to_lowercase(), text.to_uppercase());
        [text.clone(), hex(text), hex(&small), hex(&capital)]
    };
    let patterns: Vec<String> = texts.iter().flat_map(written).collect();
    for table in tables {
        let count = sqlx::AssertSqlSafe(format!(
            "SELECT count(*) FROM {table} AS here WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS text
             WHERE position(lower(text) IN lower(here::text)) > 0)"
        ));
        let count = sqlx::query_scalar(count).bind(&patterns).fetch_one(pool);
        let count: i64 = bounded(ANSWER, count).await?;
        found.push((table, u64::try_from(count).unwrap_or(0)));
    }
    Ok(found)
}

/// As bytes are shown.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
