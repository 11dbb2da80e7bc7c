use roaring::RoaringBitmap;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::super::counted::{dense, found};
use super::super::part::Part;
use super::fault::Problem;
use super::numbers;

impl Part {
    /// Which mailboxes exist, and for which of those each of the conditions holds, from the part's first
    /// to its last number; others than its own may be among them. Within one transaction.
    pub(super) async fn scan(
        &self,
        connection: &mut SqliteConnection,
        conditions: &[String],
    ) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
        let filter = |condition: &String| format!("count(*) FILTER (WHERE {condition})");
        let counts: Vec<String> =
            std::iter::once("count(*)".to_owned()).chain(conditions.iter().map(filter)).collect();
        let row = self.select(connection, &counts).await?;
        let count = |place: usize| -> Result<u64, Problem> {
            // Never negative: a count.
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
        };
        let all = count(0)?;
        let dense = dense(self, all);
        let ways = (1..=conditions.len()).map(|place| Ok(found(count(place)?, all)));
        let ways = ways.collect::<Result<Vec<_>, Problem>>()?;
        let mut lists = Vec::new();
        if dense.is_none() {
            lists.push("group_concat(number)".to_owned());
        }
        let listed = ways.iter().zip(conditions).filter_map(|(way, of)| way.listed(of));
        lists.extend(listed.map(|of| format!("group_concat(number) FILTER (WHERE {of})")));
        let mut sets = Vec::new();
        if !lists.is_empty() {
            let row = self.select(connection, &lists).await?;
            for place in 0..lists.len() {
                sets.push(numbers::parse(row.try_get(place)?)?);
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
        &self,
        connection: &mut SqliteConnection,
        columns: &[String],
    ) -> Result<SqliteRow, Problem> {
        let range = if self.is_listed() {
            "IN (SELECT value FROM json_each(?))"
        } else {
            "BETWEEN ? AND ?"
        };
        let sql = format!("SELECT {} FROM armed WHERE number {range}", columns.join(", "));
        let select = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let select = if self.is_listed() {
            select.bind(numbers::json(&self.mailboxes))
        } else {
            select.bind(self.first).bind(self.last)
        };
        Ok(select.fetch_one(connection).await?)
    }
}
