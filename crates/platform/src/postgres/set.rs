//! Sets a right for a set of mailboxes: one transaction, usually with one statement that scans and
//! one that writes for each 65,536 numbers.
//!
//! The rows of `decision` are locked first, in ascending order: they serialize calls about the same
//! numbers, and hold the fence. The count of changed rows must match the scan, or the transaction
//! is rolled back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::super::fence::Fence;
use super::super::outcome::Outcome;
use super::super::part::{Part, parts, runs};
use super::super::{Answer, Right, SetRights, columns};
use super::clock;
use super::fault::Problem;
use super::scan::{numbers, scan};

/// Above this number of ranges, one statement that looks each number up is faster.
const MOST_RANGES: usize = 16;

/// How often a call is retried after another program added or removed rows while it ran.
const TRIES: u32 = 3;

pub(super) async fn set(
    connection: &mut PgConnection,
    call: &SetRights,
) -> Result<Answer, Problem> {
    for _ in 1..TRIES {
        match once(connection, call).await {
            Err(Problem::Moved(_)) => {}
            came => return came,
        }
    }
    once(connection, call).await
}

async fn once(connection: &mut PgConnection, call: &SetRights) -> Result<Answer, Problem> {
    // A statement after a lock wait must see what was committed meanwhile.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = connection.begin_with(begin).await?;
    let parts: Vec<Part> = parts(&call.mailboxes).collect();
    let mut fences = lock(&mut transaction, parts.iter().map(Part::id)).await?;
    let change = Change::new(call, clock::now(&mut transaction).await?);
    let mut outcome = Outcome::default();
    for part in &parts {
        let mut fence = fences.remove(&part.id()).unwrap_or_default();
        change.part(&mut transaction, part, &mut fence, &mut outcome).await?;
    }
    transaction.commit().await?;
    Ok(outcome.answer())
}

/// Locks these parts until the transaction ends; returns the decisions on them.
pub(super) async fn lock(
    connection: &mut PgConnection,
    parts: impl IntoIterator<Item = u32>,
) -> Result<BTreeMap<u32, Fence>, Problem> {
    let strange = |_| Problem::Content("holds a number of a part that is none".to_owned());
    let ids: Vec<i32> =
        parts.into_iter().map(i32::try_from).collect::<Result<_, _>>().map_err(strange)?;
    let rows: Vec<(i32, String)> = sqlx::query_as(
        "INSERT INTO directory.decision AS known SELECT id, '{}' FROM unnest($1) AS id ORDER BY id
         ON CONFLICT (part) DO UPDATE SET decided = known.decided RETURNING part, decided",
    )
    .bind(ids)
    .persistent(false)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(id, decided)| {
            let fence = Fence::parse(&decided).map_err(Problem::Content)?;
            Ok((u32::try_from(id).map_err(strange)?, fence))
        })
        .collect()
}

/// A right in SQL.
struct Change<'a> {
    call: &'a SetRights,
    /// The assignments of `SET`.
    assignments: String,
    /// The condition that a row needs no change.
    is_so: String,
}

impl<'a> Change<'a> {
    fn new(call: &'a SetRights, now: DateTime<Utc>) -> Self {
        let (value, test) = match call.right {
            Right::Allowed => ("'infinity'".to_owned(), "= 'infinity'".to_owned()),
            Right::Until(instant) => {
                let instant = clock::kept(instant, now);
                let value = clock::literal(instant);
                // A right that ended earlier has ended all the same, and keeps its instant.
                let past = instant <= now;
                let test =
                    if past { format!("<= {}", clock::literal(now)) } else { format!("= {value}") };
                (value, test)
            }
        };
        let capabilities = call.capabilities;
        Self {
            call,
            assignments: columns::each(capabilities, ", ", |column| format!("{column} = {value}")),
            is_so: columns::each(capabilities, " AND ", |column| format!("{column} {test}")),
        }
    }

    async fn part(
        &self,
        connection: &mut PgConnection,
        part: &Part,
        fence: &mut Fence,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let SetRights { capabilities, decided_at, .. } = *self.call;
        let (existing, so) = scan(part, connection, std::slice::from_ref(&self.is_so)).await?;
        let so = so.into_iter().next().unwrap_or_default();
        let decided = outcome.sort(part, &existing, &so, fence, self.call);
        self.carry_out(connection, part, &decided.wanted, &existing).await?;
        if fence.remember(decided_at, capabilities, &decided.all) {
            sqlx::query("UPDATE directory.decision SET decided = $2 WHERE part = $1")
                .bind(i64::from(part.id()))
                .bind(fence.to_text().map_err(Problem::Content)?)
                .persistent(false)
                .execute(connection)
                .await?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        part: &Part,
        wanted: &RoaringBitmap,
        existing: &RoaringBitmap,
    ) -> Result<(), Problem> {
        let runs = runs(wanted, existing);
        let update = format!("UPDATE directory.armed SET {} WHERE number", self.assignments);
        let changed = if part.is_listed() || runs.len() > MOST_RANGES {
            let update = sqlx::query(AssertSqlSafe(format!("{update} = ANY($1)")));
            let update = update.bind(numbers(wanted)).persistent(false);
            update.execute(&mut *connection).await?.rows_affected()
        } else {
            let mut changed = 0;
            for (first, last) in runs {
                let update = sqlx::query(AssertSqlSafe(format!("{update} BETWEEN $1 AND $2")));
                let update = update.bind(i64::from(first)).bind(i64::from(last)).persistent(false);
                changed += update.execute(&mut *connection).await?.rows_affected();
            }
            changed
        };
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
