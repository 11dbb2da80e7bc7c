use domain::MailboxSet;
use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::fault::Problem;
use super::numbers;

/// Rows that a range scan passes cost this many times less than rows that are looked up one by one.
const SCAN_IS_CHEAPER_BY: u64 = 8;

/// The mailboxes of a call whose numbers share their upper 16 bits: one container of the set, and a
/// few hundred kilobytes of text at most.
pub(super) struct Part {
    pub(super) mailboxes: RoaringBitmap,
    first: u32,
    last: u32,
}

/// The parts of a set, in ascending order.
pub(super) fn parts(mailboxes: &MailboxSet) -> impl Iterator<Item = Part> {
    let mut next = mailboxes.min();
    std::iter::from_fn(move || {
        let from = next?;
        let upto = from | 0xffff;
        let numbers = mailboxes.between(from, upto).into_inner();
        let (first, last) = (numbers.min()?, numbers.max()?);
        next = upto.checked_add(1).and_then(|above| mailboxes.range(above..).next());
        Some(Part { mailboxes: numbers, first, last })
    })
}

impl Part {
    /// Is it so thinly spread that its numbers are better looked up than scanned past?
    pub(super) fn is_listed(&self) -> bool {
        let span = u64::from(self.last - self.first) + 1;
        self.mailboxes.len() * SCAN_IS_CHEAPER_BY < span
    }

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
