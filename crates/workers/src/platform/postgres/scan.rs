use roaring::RoaringBitmap;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::super::part::Part;
use super::fault::Problem;

/// Which mailboxes exist, and for which of those each of the conditions holds, from the part's first to
/// its last number; others than its own may be among them.
pub(super) async fn scan(
    part: &Part,
    connection: &mut PgConnection,
    conditions: &[String],
) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
    let mut sql = "SELECT array_agg(number)".to_owned();
    for condition in conditions {
        sql.push_str(", array_agg(number) FILTER (WHERE ");
        sql.push_str(condition);
        sql.push(')');
    }
    sql.push_str(" FROM directory.armed WHERE number ");
    sql.push_str(if part.is_listed() { "= ANY($1)" } else { "BETWEEN $1 AND $2" });
    let scan = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let scan = if part.is_listed() {
        scan.bind(numbers(&part.mailboxes))
    } else {
        scan.bind(i64::from(part.first)).bind(i64::from(part.last))
    };
    let row = scan.fetch_one(connection).await?;
    let sets = (1..=conditions.len()).map(|column| set(&row, column)).collect::<Result<_, _>>()?;
    Ok((set(&row, 0)?, sets))
}

/// As `PostgreSQL` has them.
pub(super) fn numbers(mailboxes: &RoaringBitmap) -> Vec<i64> {
    mailboxes.iter().map(i64::from).collect()
}

/// The numbers that `array_agg` put into a column; NULL is the empty set.
pub(super) fn set(row: &PgRow, column: usize) -> Result<RoaringBitmap, Problem> {
    let numbers: Vec<i64> = row.try_get::<Option<_>, _>(column)?.unwrap_or_default();
    let strange = |_| Problem::Content("holds a mailbox number that is none".to_owned());
    let mut numbers =
        numbers.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>().map_err(strange)?;
    // Nothing promises the order of the key.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    Ok(RoaringBitmap::from_sorted_iter(numbers.iter().copied())
        .unwrap_or_else(|_| numbers.iter().collect()))
}
