//! Lists the directory's content, including that of other programs: mailboxes in pages, and future
//! ends of rights.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Capabilities, MailboxSet};
use roaring::RoaringBitmap;
use sql::params;

use super::dialect::LIST;
use super::name::Problem;
use super::numbers;
use super::tables::Tables;
use crate::part::parts;
use crate::{Ends, Known, columns, counted};

/// A page of its mailboxes, by the table of addresses: without an address there is no mailbox for a
/// mail server. Their numbers are listed only if the page has gaps.
pub(super) async fn known(
    tables: &mut Tables<'_>,
    from: u32,
    limit: u32,
) -> Result<Known, Problem> {
    let page = format!(
        "WITH page AS (
           SELECT number FROM mailbox WHERE number BETWEEN $1 AND 4294967295
           ORDER BY number LIMIT $2)
         SELECT count(*), coalesce(min(number), 0), coalesce(max(number), 0),
           CASE WHEN count(*) <= max(number) - min(number) THEN (SELECT {LIST} FROM page) END
         FROM page"
    );
    let (rows, first, last, listed): (i64, i64, i64, Option<String>) =
        tables.row(page, params![from, limit]).await?;
    // The statement has no other numbers.
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let mailboxes = match counted::whole((number(rows), number(first), number(last))) {
        Some(all) => all,
        None => numbers::parse(listed.as_deref())?,
    };
    let mut numberless = 0;
    if mailboxes.len() < u64::from(limit) {
        // A file lets other programs write invalid numbers.
        let sql = "SELECT (SELECT count(*) FROM mailbox WHERE number < 0)
                        + (SELECT count(*) FROM mailbox WHERE number > 4294967295)";
        let (count,): (i64,) = tables.row(sql, Vec::new()).await?;
        numberless = u64::try_from(count).unwrap_or(0);
    }
    Ok(Known { mailboxes: MailboxSet::from(mailboxes), numberless })
}

/// The future ends of rights at one instant.
pub(super) async fn ends(
    tables: &mut Tables<'_>,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Ends, Problem> {
    let dialect = tables.dialect();
    let now = dialect.literal(tables.now().await?);
    let controlled: Vec<_> = capabilities
        .iter()
        .filter_map(|capability| {
            let column = columns::column(capability)?;
            Some((capability, dialect.micros(column), dialect.ends_later(column, &now)))
        })
        .collect();
    let counts: Vec<String> = controlled
        .iter()
        .map(|(_, _, ends_later)| format!("count(*) FILTER (WHERE {ends_later})"))
        .collect();
    let mut ends: BTreeMap<_, RoaringBitmap> = BTreeMap::new();
    for part in parts(mailboxes) {
        let counts: Vec<i64> = tables.aggregate(&part, &counts).await?;
        for ((capability, micros, ends_later), count) in controlled.iter().zip(counts) {
            if count == 0 {
                continue;
            }
            let (range, params) = tables.range(&part);
            let sql = format!(
                "SELECT {micros}, {LIST} FROM armed
                 WHERE number {range} AND {ends_later} GROUP BY 1"
            );
            let groups: Vec<(i64, Option<String>)> = tables.rows(sql, params).await?;
            for (micros, listed) in groups {
                let until = DateTime::from_timestamp_micros(micros);
                let until = until.unwrap_or(DateTime::<Utc>::MAX_UTC);
                let these = numbers::parse(listed.as_deref())? & &part.mailboxes;
                *ends.entry((*capability, until)).or_default() |= these;
            }
        }
    }
    ends.retain(|_, mailboxes| !mailboxes.is_empty());
    Ok(ends.into_iter().map(|(end, mailboxes)| (end, MailboxSet::from(mailboxes))).collect())
}
