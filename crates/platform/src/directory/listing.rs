//! Lists the directory's content, whoever wrote it: mailboxes in pages, and future ends of rights.

use std::collections::BTreeMap;

use domain::{Capabilities, MailboxSet};
use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::super::part::parts;
use super::super::{Ends, Known, columns, counted};
use super::fault::Problem;
use super::{clock, numbers};

/// A page of its mailboxes, by the table of addresses: without an address there is no mailbox for a
/// mail server.
pub(super) async fn known(
    connection: &mut SqliteConnection,
    from: u32,
    limit: u32,
) -> Result<Known, Problem> {
    let mut snapshot = connection.begin().await?;
    const PAGE: &str = "(SELECT number FROM mailbox WHERE number BETWEEN ? AND 4294967295
                         ORDER BY number LIMIT ?)";
    let sql =
        format!("SELECT count(*), coalesce(min(number), 0), coalesce(max(number), 0) FROM {PAGE}");
    let page: (u32, u32, u32) =
        sqlx::query_as(AssertSqlSafe(sql)).bind(from).bind(limit).fetch_one(&mut *snapshot).await?;
    let mailboxes = if let Some(all) = counted::whole(page) {
        all
    } else {
        let sql = format!("SELECT group_concat(number) FROM {PAGE}");
        let page = sqlx::query(AssertSqlSafe(sql)).bind(from).bind(limit);
        numbers::parse(page.fetch_one(&mut *snapshot).await?.try_get(0)?)?
    };
    let mut numberless = 0;
    if mailboxes.len() < u64::from(limit) {
        // The file lets other programs write invalid numbers.
        let sql = "SELECT (SELECT count(*) FROM mailbox WHERE number < 0)
                        + (SELECT count(*) FROM mailbox WHERE number > 4294967295)";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *snapshot).await?;
        numberless = u64::try_from(count).unwrap_or(0);
    }
    snapshot.rollback().await?;
    Ok(Known { mailboxes: MailboxSet::from(mailboxes), numberless })
}

/// The future ends of rights, from one snapshot and at one instant.
pub(super) async fn ends(
    connection: &mut SqliteConnection,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Ends, Problem> {
    let mut snapshot = connection.begin().await?;
    let now = clock::now(&mut snapshot).await?.timestamp();
    let mut ends: BTreeMap<_, RoaringBitmap> = BTreeMap::new();
    for part in parts(mailboxes) {
        let range = if part.is_listed() {
            "IN (SELECT value FROM json_each(?))"
        } else {
            "BETWEEN ? AND ?"
        };
        let counts = columns::each(capabilities, ", ", |column| {
            format!("count(*) FILTER (WHERE {column} > {now})")
        });
        let sql = format!("SELECT {counts} FROM armed WHERE number {range}");
        let count = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let count = if part.is_listed() {
            count.bind(numbers::json(&part.mailboxes))
        } else {
            count.bind(part.first).bind(part.last)
        };
        let counts = count.fetch_one(&mut *snapshot).await?;
        let controlled = capabilities.iter().filter_map(|of| Some((of, columns::column(of)?)));
        for (place, (capability, column)) in controlled.enumerate() {
            if counts.try_get::<i64, _>(place)? == 0 {
                continue;
            }
            let sql = format!(
                "SELECT {column}, group_concat(number) FROM armed
                 WHERE number {range} AND {column} > {now} GROUP BY 1"
            );
            let select = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            let select = if part.is_listed() {
                select.bind(numbers::json(&part.mailboxes))
            } else {
                select.bind(part.first).bind(part.last)
            };
            for row in select.fetch_all(&mut *snapshot).await? {
                let until = clock::instant(row.try_get(0)?);
                let these = numbers::parse(row.try_get(1)?)? & &part.mailboxes;
                *ends.entry((capability, until)).or_default() |= these;
            }
        }
    }
    snapshot.rollback().await?;
    ends.retain(|_, mailboxes| !mailboxes.is_empty());
    Ok(ends.into_iter().map(|(end, mailboxes)| (end, MailboxSet::from(mailboxes))).collect())
}
