use roaring::RoaringBitmap;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::super::counted::Counted;
use super::super::part::Part;
use super::fault::Problem;
use super::numbers;

impl Part {
    /// The existing mailboxes from the part's first to its last number, and those of them for which
    /// each condition holds; numbers outside the part may be among them. Within one transaction.
    pub(super) async fn scan(
        &self,
        connection: &mut SqliteConnection,
        conditions: &[String],
    ) -> Result<(RoaringBitmap, Vec<RoaringBitmap>), Problem> {
        let columns = Counted::columns(conditions);
        let row = self.select(connection, &columns).await?;
        // Never negative: a count.
        let count = |place| row.try_get(place).map(|count: i64| u64::try_from(count).unwrap_or(0));
        let counts = (0..columns.len()).map(count).collect::<Result<Vec<_>, _>>()?;
        let counted = Counted::of(self, conditions, &counts);
        let columns = counted.lists("group_concat(number)");
        let mut lists = Vec::new();
        if !columns.is_empty() {
            let row = self.select(connection, &columns).await?;
            for place in 0..columns.len() {
                lists.push(numbers::parse(row.try_get(place)?)?);
            }
        }
        Ok(counted.sets(lists))
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
