//! Sets a right for a set of mailboxes: one transaction, usually with one statement that scans and
//! one that writes for each 65,536 numbers.
//!
//! The decisions on the parts are read first, and on a server locked. Each part is scanned once,
//! for the mailboxes that exist and those that need no change; the rest is written by ranges of
//! existing numbers. The count of changed rows must match the scan, or the transaction is rolled
//! back. Later decisions are never overwritten (`fence.rs`).

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sql::{Param, params};

use super::name::Problem;
use super::numbers;
use super::tables::Tables;
use crate::fence::Fence;
use crate::outcome::Outcomes;
use crate::part::{Part, parts, runs};
use crate::{Answer, Right, SetRights, columns};

/// Above this number of ranges, one statement that looks each number up is faster.
const MOST_RANGES: usize = 16;

pub(super) async fn set(tables: &mut Tables<'_>, call: &SetRights) -> Result<Answer, Problem> {
    let parts: Vec<Part> = parts(&call.mailboxes).collect();
    let mut fences = fences(tables, parts.iter().map(Part::id)).await?;
    let change = Change::new(call, tables).await?;
    let mut outcomes = Outcomes::default();
    for part in &parts {
        let mut fence = fences.remove(&part.id()).unwrap_or_default();
        let (existing, so) = tables.scan(part, std::slice::from_ref(&change.is_so)).await?;
        let so = so.into_iter().next().unwrap_or_default();
        let decided = outcomes.sort(part, &existing, &so, &fence, call);
        change.carry_out(tables, part, &decided.wanted, &existing).await?;
        if fence.remember(call.decided_at, call.capabilities, &decided.all) {
            let decided = fence.to_text().map_err(Problem::Refused)?;
            let keep = "INSERT INTO decision (part, decided) VALUES ($1, $2)
                        ON CONFLICT (part) DO UPDATE SET decided = excluded.decided";
            tables.run(keep, params![part.id(), decided]).await?;
        }
    }
    Ok(outcomes.answer())
}

/// The decisions on these parts, which on a server are locked until the transaction ends.
pub(super) async fn fences(
    tables: &mut Tables<'_>,
    parts: impl IntoIterator<Item = u32>,
) -> Result<BTreeMap<u32, Fence>, Problem> {
    let parts = Param::Numbers(parts.into_iter().map(i64::from).collect());
    let rows: Vec<(i64, String)> = tables.rows(tables.dialect().fences(), vec![parts]).await?;
    let invalid = |_| Problem::Refused("holds decisions on an invalid part".to_owned());
    rows.into_iter()
        .map(|(id, decided)| {
            let fence = Fence::parse(&decided).map_err(Problem::Refused)?;
            Ok((u32::try_from(id).map_err(invalid)?, fence))
        })
        .collect()
}

/// A right in SQL.
struct Change {
    /// The assignments of `SET`.
    assignments: String,
    /// The condition that a row needs no change.
    is_so: String,
}

impl Change {
    async fn new(call: &SetRights, tables: &mut Tables<'_>) -> Result<Self, Problem> {
        let (dialect, now) = (tables.dialect(), tables.now().await?);
        let until = match call.right {
            Right::Allowed => None,
            Right::Until(instant) => Some(dialect.kept(instant, now)),
        };
        let value = until.map_or_else(|| dialect.no_end().to_owned(), |end| dialect.literal(end));
        let now_literal = dialect.literal(now);
        // A right that ended earlier has ended all the same, and keeps its instant.
        let is_so = |column: &str| match until {
            Some(instant) if instant <= now => dialect.ended(column, &now_literal),
            _ => format!("{column} = {value}"),
        };
        let assign = |column| format!("{column} = {value}");
        Ok(Self {
            assignments: columns::each(call.capabilities, ", ", assign),
            is_so: columns::each(call.capabilities, " AND ", is_so),
        })
    }

    async fn carry_out(
        &self,
        tables: &mut Tables<'_>,
        part: &Part,
        wanted: &RoaringBitmap,
        existing: &RoaringBitmap,
    ) -> Result<(), Problem> {
        let runs = runs(wanted, existing);
        let update = format!("UPDATE armed SET {} WHERE number", self.assignments);
        let mut changed = 0;
        if part.is_listed() || runs.len() > MOST_RANGES {
            let update = format!("{update} {}", tables.dialect().listed());
            changed = tables.run(update, vec![numbers::param(wanted)]).await?;
        } else {
            for (first, last) in runs {
                let update = format!("{update} BETWEEN $1 AND $2");
                changed += tables.run(update, params![first, last]).await?;
            }
        }
        if changed == wanted.len() {
            return Ok(());
        }
        Err(Problem::Moved(format!(
            "changed {changed} rows where {} were to be changed, so nothing was; look for triggers \
             and programs that are not its own",
            wanted.len()
        )))
    }
}
