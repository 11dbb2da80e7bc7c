//! Lists the directory's content, whoever wrote it: mailboxes in pages, and future ends of rights.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Capabilities, MailboxSet};
use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::super::part::parts;
use super::super::{Ends, Known, columns, counted};
use super::clock;
use super::fault::Problem;
use super::scan::{numbers, set};

/// A page of its mailboxes, by the table of addresses: without an address there is no mailbox for a
/// mail server. A constraint rules out invalid numbers.
pub(super) async fn known(
    connection: &mut PgConnection,
    from: u32,
    limit: u32,
) -> Result<Known, Problem> {
    let sql = "WITH page AS (
                 SELECT number FROM directory.mailbox WHERE number >= $1
                 ORDER BY number LIMIT $2)
               SELECT count(*), coalesce(min(number), 0), coalesce(max(number), 0),
                 CASE WHEN count(*) <= max(number) - min(number)
                   THEN (SELECT array_agg(number) FROM page) END
               FROM page";
    let page = sqlx::query(sql).bind(i64::from(from)).bind(i64::from(limit)).persistent(false);
    let page = page.fetch_one(connection).await?;
    // A page is no longer than its limit, and the table has no other numbers.
    let number = |place: usize| -> Result<u32, Problem> {
        Ok(u32::try_from(page.try_get::<i64, _>(place)?).unwrap_or(u32::MAX))
    };
    let whole = counted::whole((number(0)?, number(1)?, number(2)?));
    let mailboxes = whole.map_or_else(|| set(&page, 3), Ok)?;
    Ok(Known { mailboxes: MailboxSet::from(mailboxes), numberless: 0 })
}

/// The future ends of rights, from one snapshot and at one instant.
pub(super) async fn ends(
    connection: &mut PgConnection,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Ends, Problem> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    let mut snapshot = connection.begin_with(begin).await?;
    let now = clock::literal(clock::now(&mut snapshot).await?);
    let mut ends: BTreeMap<_, RoaringBitmap> = BTreeMap::new();
    for part in parts(mailboxes) {
        let range = if part.is_listed() { "= ANY($1)" } else { "BETWEEN $1 AND $2" };
        let counts = columns::each(capabilities, ", ", |column| {
            format!("count(*) FILTER (WHERE {column} > {now} AND {column} < 'infinity')")
        });
        let sql = format!("SELECT {counts} FROM directory.armed WHERE number {range}");
        let count = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let count = if part.is_listed() {
            count.bind(numbers(&part.mailboxes))
        } else {
            count.bind(i64::from(part.first)).bind(i64::from(part.last))
        };
        let counts = count.fetch_one(&mut *snapshot).await?;
        let controlled = capabilities.iter().filter_map(|of| Some((of, columns::column(of)?)));
        for (place, (capability, column)) in controlled.enumerate() {
            if counts.try_get::<i64, _>(place)? == 0 {
                continue;
            }
            let sql = format!(
                "SELECT array_agg(number), {column} FROM directory.armed
                 WHERE number {range} AND {column} > {now} AND {column} < 'infinity' GROUP BY 2"
            );
            let select = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            let select = if part.is_listed() {
                select.bind(numbers(&part.mailboxes))
            } else {
                select.bind(i64::from(part.first)).bind(i64::from(part.last))
            };
            for row in select.fetch_all(&mut *snapshot).await? {
                let until: DateTime<Utc> = row.try_get(1)?;
                let these = set(&row, 0)? & &part.mailboxes;
                *ends.entry((capability, until)).or_default() |= these;
            }
        }
    }
    snapshot.commit().await?;
    ends.retain(|_, mailboxes| !mailboxes.is_empty());
    Ok(ends.into_iter().map(|(end, mailboxes)| (end, MailboxSet::from(mailboxes))).collect())
}
