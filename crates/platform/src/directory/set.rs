//! Setting a right for a set of mailboxes: one transaction, and mostly one statement for each
//! 65,536 numbers.
//!
//! Each such part is scanned once, to know which of its mailboxes exist and which are already so;
//! the rest is written by ranges of the numbers that exist. What a statement changed is counted and
//! must be what the scan foretold, or nothing is changed at all. What was decided later than the
//! call stays (`fence.rs`).

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

/// More ranges than this are slower than one statement that looks each number up.
const MOST_RANGES: usize = 16;

pub(super) async fn set(
    connection: &mut SqliteConnection,
    call: &SetRights,
) -> Result<Answer, Problem> {
    // A transaction that is dropped, because the caller gave up, is rolled back.
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

/// What was decided about a part.
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

/// A right, in the words of the database.
struct Change {
    /// `SET` of the columns.
    assignments: String,
    /// Is a row already so?
    is_so: String,
}

impl Change {
    fn new(call: &SetRights, now: DateTime<Utc>) -> Self {
        let value = value(call.right, now);
        let now = now.timestamp();
        let test = match value {
            schema::NO_END => format!("= {value}"),
            // A right that ended earlier is gone just the same, and keeps the instant it ended at.
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

/// What is kept for a right. Instants are kept in whole seconds: one that is still to come is
/// rounded up, so that nothing ends early, and one that is past stays past.
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
