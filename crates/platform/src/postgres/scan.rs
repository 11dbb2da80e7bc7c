use roaring::RoaringBitmap;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::super::counted::Counted;
use super::super::part::Part;
use super::fault::Problem;

/// The existing mailboxes from the part's first to its last number, and those of them for which
/// each condition holds; numbers outside the part may be among them.
pub(super) async fn scan(
    part: &Part,
    connection: &mut PgConnection,
    conditions: &[String],
) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
    let columns = Counted::columns(conditions);
    let row = select(part, connection, &columns).await?;
    // Never negative: a count.
    let count = |place| row.try_get(place).map(|count: i64| u64::try_from(count).unwrap_or(0));
    let counts = (0..columns.len()).map(count).collect::<Result<Vec<_>, _>>()?;
    let counted = Counted::of(part, conditions, &counts);
    let columns = counted.lists("array_agg(number)");
    let mut lists = Vec::new();
    if !columns.is_empty() {
        let row = select(part, connection, &columns).await?;
        for place in 0..columns.len() {
            lists.push(set(&row, place)?);
        }
    }
    Ok(counted.sets(lists))
}

async fn select(
    part: &Part,
    connection: &mut PgConnection,
    columns: &[String],
) -> Result<PgRow, Problem> {
    let range = if part.is_listed() { "= ANY($1)" } else { "BETWEEN $1 AND $2" };
    let sql = format!("SELECT {} FROM directory.armed WHERE number {range}", columns.join(", "));
    let select = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let select = if part.is_listed() {
        select.bind(numbers(&part.mailboxes))
    } else {
        select.bind(i64::from(part.first)).bind(i64::from(part.last))
    };
    Ok(select.fetch_one(connection).await?)
}

/// Numbers as integers of `PostgreSQL`.
pub(super) fn numbers(mailboxes: &RoaringBitmap) -> Vec<i64> {
    mailboxes.iter().map(i64::from).collect()
}

/// The numbers in a column of `array_agg`; NULL is the empty set.
pub(super) fn set(row: &PgRow, column: usize) -> Result<RoaringBitmap, Problem> {
    let numbers: Vec<i64> = row.try_get::<Option<_>, _>(column)?.unwrap_or_default();
    let strange = |_| Problem::Content("holds a mailbox number that is none".to_owned());
    let mut numbers =
        numbers.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>().map_err(strange)?;
    // Nothing guarantees key order.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    Ok(RoaringBitmap::from_sorted_iter(numbers.iter().copied())
        .unwrap_or_else(|_| numbers.iter().collect()))
}
