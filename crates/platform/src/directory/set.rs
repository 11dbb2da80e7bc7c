//! Sets a right for a set of mailboxes: one transaction, usually one statement for each 65,536
//! numbers.
//!
//! Each part is scanned once, for the mailboxes that exist and those that need no change; the rest
//! is written by ranges of existing numbers. The count of changed rows must match the scan, or the
//! transaction is rolled back. Later decisions are never overwritten (`fence.rs`).

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::super::columns;
use super::super::fence::Fence;
use super::super::outcome::Outcome;
use super::super::part::{Part, parts, runs};
use super::super::{Answer, Right, SetRights};
use super::fault::Problem;
use super::{clock, numbers, schema};

/// Above this number of ranges, one statement that looks each number up is faster.
const MOST_RANGES: usize = 16;

pub(super) async fn set(
    connection: &mut SqliteConnection,
    call: &SetRights,
) -> Result<Answer, Problem> {
    // A cancelled call drops the transaction, which rolls it back.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let now = clock::now(&mut transaction).await?;
    let change = Change::new(call, now);
    let mut outcome = Outcome::default();
    for part in parts(&call.mailboxes) {
        let is_so = std::slice::from_ref(&change.is_so);
        let (existing, so) = part.scan(&mut transaction, is_so).await?;
        let so = so.into_iter().next().unwrap_or_default();
        let mut fence = fence(&mut transaction, &part).await?;
        let decided = outcome.sort(&part, &existing, &so, &fence, call);
        change.carry_out(&mut transaction, &part, &decided.wanted, &existing).await?;
        if fence.remember(call.decided_at, call.capabilities, &decided.all) {
            keep(&mut transaction, &part, &fence).await?;
        }
    }
    transaction.commit().await?;
    Ok(outcome.answer())
}

/// The decisions on a part.
async fn fence(connection: &mut SqliteConnection, part: &Part) -> Result<Fence, Problem> {
    let decided: Option<String> = sqlx::query_scalar("SELECT decided FROM decision WHERE part = ?")
        .bind(part.id())
        .fetch_optional(connection)
        .await?;
    decided
        .map_or_else(|| Ok(Fence::default()), |text| Fence::parse(&text).map_err(Problem::Content))
}

async fn keep(
    connection: &mut SqliteConnection,
    part: &Part,
    fence: &Fence,
) -> Result<(), Problem> {
    sqlx::query("INSERT OR REPLACE INTO decision VALUES (?, ?)")
        .bind(part.id())
        .bind(fence.to_text().map_err(Problem::Content)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// A right in SQL.
struct Change {
    /// The assignments of `SET`.
    assignments: String,
    /// The condition that a row needs no change.
    is_so: String,
}

impl Change {
    fn new(call: &SetRights, now: DateTime<Utc>) -> Self {
        let value = value(call.right, now);
        let now = now.timestamp();
        let test = match value {
            schema::NO_END => format!("= {value}"),
            // A right that ended earlier has ended all the same, and keeps its instant.
            past if past <= now => format!("BETWEEN 0 AND {now}"),
            future => format!("= {future}"),
        };
        Self {
            assignments: columns::each(call.capabilities, ", ", |column| {
                format!("{column} = {value}")
            }),
            is_so: columns::each(call.capabilities, " AND ", |column| format!("{column} {test}")),
        }
    }

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
        part: &Part,
        wanted: &RoaringBitmap,
        existing: &RoaringBitmap,
    ) -> Result<(), Problem> {
        let runs = runs(wanted, existing);
        let update = format!("UPDATE armed SET {} WHERE number", self.assignments);
        let changed = if part.is_listed() || runs.len() > MOST_RANGES {
            let update = format!("{update} IN (SELECT value FROM json_each(?))");
            let update = sqlx::query(AssertSqlSafe(update)).bind(numbers::json(wanted));
            update.persistent(false).execute(&mut *connection).await?.rows_affected()
        } else {
            let mut changed = 0;
            for (first, last) in runs {
                let update = sqlx::query(AssertSqlSafe(format!("{update} BETWEEN ? AND ?")));
                let update = update.bind(first).bind(last).persistent(false);
                changed += update.execute(&mut *connection).await?.rows_affected();
            }
            changed
        };
        if changed == wanted.len() {
            return Ok(());
        }
        Err(Problem::Content(format!(
            "changed {changed} rows where {} were to be changed, so nothing was; look for triggers \
             that are not its own",
            wanted.len()
        )))
    }
}

/// The stored value of a right, in whole seconds: a future instant is rounded up, so that nothing
/// ends early, and a past one stays past.
fn value(right: Right, now: DateTime<Utc>) -> i64 {
    match right {
        Right::Allowed => schema::NO_END,
        Right::Until(instant) => {
            let fraction = instant.timestamp_subsec_nanos() > 0;
            let upwards = i64::from(fraction && instant > now);
            instant.timestamp().saturating_add(upwards).max(0)
        }
    }
}
