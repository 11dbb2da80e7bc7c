use roaring::RoaringBitmap;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::super::counted::{dense, found};
use super::super::part::Part;
use super::fault::Problem;

/// Which mailboxes exist, and for which of those each of the conditions holds, from the part's first to
/// its last number; others than its own may be among them.
pub(super) async fn scan(
    part: &Part,
    connection: &mut PgConnection,
    conditions: &[String],
) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
    let filter = |condition: &String| format!("count(*) FILTER (WHERE {condition})");
    let counts: Vec<String> =
        std::iter::once("count(*)".to_owned()).chain(conditions.iter().map(filter)).collect();
    let row = select(part, connection, &counts).await?;
    let count = |place: usize| -> Result<u64, Problem> {
        // Never negative: a count.
        Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    let all = count(0)?;
    let dense = dense(part, all);
    let ways = (1..=conditions.len()).map(|place| Ok(found(count(place)?, all)));
    let ways = ways.collect::<Result<Vec<_>, Problem>>()?;
    let mut lists = Vec::new();
    if dense.is_none() {
        lists.push("array_agg(number)".to_owned());
    }
    let listed = ways.iter().zip(conditions).filter_map(|(way, of)| way.listed(of));
    lists.extend(listed.map(|of| format!("array_agg(number) FILTER (WHERE {of})")));
    let mut sets = Vec::new();
    if !lists.is_empty() {
        let row = select(part, connection, &lists).await?;
        for place in 0..lists.len() {
            sets.push(set(&row, place)?);
        }
    }
    let mut sets = sets.into_iter();
    let existing = dense.or_else(|| sets.next()).unwrap_or_default();
    let sets = ways.into_iter().zip(conditions).map(|(way, of)| {
        let listed = way.listed(of).and_then(|_| sets.next());
        way.set(&existing, listed)
    });
    let sets = sets.collect();
    Ok((existing, sets))
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
