use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::super::part::Part;
use super::fault::Problem;
use super::numbers;

impl Part {
    /// Which mailboxes exist, and for which of those each of the conditions holds, from the part's first
    /// to its last number; others than its own may be among them.
    pub(super) async fn scan(
        &self,
        connection: &mut SqliteConnection,
        conditions: &[String],
    ) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
        let mut sql = "SELECT group_concat(number)".to_owned();
        for condition in conditions {
            sql.push_str(", group_concat(number) FILTER (WHERE ");
            sql.push_str(condition);
            sql.push(')');
        }
        sql.push_str(" FROM armed WHERE number ");
        sql.push_str(if self.is_listed() {
            "IN (SELECT value FROM json_each(?))"
        } else {
            "BETWEEN ? AND ?"
        });
        let scan = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let scan = if self.is_listed() {
            scan.bind(numbers::json(&self.mailboxes))
        } else {
            scan.bind(self.first).bind(self.last)
        };
        let row = scan.fetch_one(connection).await?;
        let set = |column: usize| numbers::parse(row.try_get(column)?);
        let sets = (1..=conditions.len()).map(set).collect::<Result<_, _>>()?;
        Ok((set(0)?, sets))
    }
}
