//! Turns changed sets into few statements.
//!
//! The members of a large changed set are scattered over the numbers, but usually they are all
//! mailboxes of a range whose rows are equal. So a statement names a range and the former content
//! of the rows; only scattered numbers are listed. Invariant: each changed row is written once in a
//! transaction, and a written row is distinguished from an equal one by its `changed_at`, which is
//! past the checkpoint.

use std::ops::RangeInclusive;

use domain::State;
use roaring::RoaringBitmap;

use super::follow::Taken;
use super::planes::{Code, Planes};
use crate::error::Error;
use crate::stored::{Stored, signed};
use sql::{Param, Statement, StoreName, Transaction, params};

/// New rows per statement.
const BATCH: usize = 8192;
/// The minimum average rows per range for which ranges are faster.
const ROWS_A_RANGE: u64 = 64;

/// A row's number is its index after the first; its value is its code, with its event in the bits
/// above. In `SQLite` the id is computed when it is read.
macro_rules! insert {
    ($into:literal, $select:literal, $bit:literal, $from:literal) => {
        concat!(
            "INSERT INTO mailbox (number, ",
            $into,
            "lifecycle, can_send, can_modify, can_receive,
                can_access, held, incident, changed_at)
            SELECT $1 + key, ",
            $select,
            "CASE value & 3 WHEN 0 THEN 'registered' WHEN 1 THEN 'activated' WHEN 2 THEN 'lapsed'
                ELSE 'withdrawn' END,
            value >> 2 & 1",
            $bit,
            ", value >> 3 & 1",
            $bit,
            ", value >> 4 & 1",
            $bit,
            ", value >> 5 & 1",
            $bit,
            ", value >> 6 & 1",
            $bit,
            ", value >> 7 & 1",
            $bit,
            ", value >> 8 FROM ",
            $from
        )
    };
}
const INSERT: Statement = Statement {
    sqlite: insert!("", "", "", "json_each($2)"),
    postgres: insert!(
        "id, ",
        "($3 || lpad(to_hex($1 + key), 8, '0'))::uuid, ",
        " = 1",
        "(SELECT value, place - 1 AS key FROM unnest($2) WITH ORDINALITY AS one (value, place)) new"
    ),
};

/// The values of the new and of the old row, without the condition on numbers.
macro_rules! update {
    ($place:literal) => {
        concat!(
            "UPDATE mailbox SET lifecycle = $1, can_send = $2, can_modify = $3, can_receive = $4,
                can_access = $5, held = $6, incident = $7, changed_at = $8
            WHERE ",
            $place,
            " AND changed_at <= $9 AND lifecycle = $10 AND can_send = $11 AND can_modify = $12
                AND can_receive = $13 AND can_access = $14 AND held = $15 AND incident = $16"
        )
    };
}
const UPDATE_RANGE: &str = update!("number BETWEEN $17 AND $18");
const UPDATE_LISTED: Statement = Statement {
    sqlite: update!("number IN (SELECT value FROM json_each($17))"),
    postgres: update!("number = ANY ($17)"),
};

/// The changed rows, by the event that changed them.
#[derive(Default)]
pub(super) struct Changes {
    by_event: Vec<(u64, RoaringBitmap)>,
    all: RoaringBitmap,
    bytes: usize,
}

impl Changes {
    pub(super) fn add(&mut self, position: u64, rows: RoaringBitmap) {
        if !rows.is_empty() {
            self.all |= &rows;
            self.bytes += rows.serialized_size();
            self.by_event.push((position, rows));
        }
    }

    /// The number of changed rows.
    pub(super) fn rows(&self) -> u64 {
        self.all.len()
    }

    /// The approximate memory of the sets.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Each row under the last event that changed it.
    fn by_last_event(&self, among: &RoaringBitmap) -> Vec<(u64, RoaringBitmap)> {
        let mut rest = &self.all & among;
        let mut last = Vec::new();
        for (position, rows) in self.by_event.iter().rev() {
            let these = rows & &rest;
            if !these.is_empty() {
                rest -= &these;
                last.push((*position, these));
            }
        }
        last
    }
}

/// Rows with equal old and equal new content, changed by the same event.
struct Update {
    rows: RoaringBitmap,
    old: Code,
    new: Code,
    changed_at: u64,
    /// Ranges in which all rows with the old code are included; `None` if they are too many.
    ranges: Option<Vec<RangeInclusive<u32>>>,
}

/// The updates of existing rows.
fn updates(before: &Stored, after: &Stored, changes: &Changes) -> Vec<Update> {
    let known = &before.state.rights.registered;
    let (Some(first), Some(last)) = (changes.all.min(), changes.all.max()) else {
        return Vec::new();
    };
    let mut range = RoaringBitmap::new();
    range.insert_range(first..=last);
    let then = Planes::of(&before.state, &range);
    let now = Planes::of(&after.state, &changes.all);
    let mut updates = Vec::new();
    for (changed_at, rows) in changes.by_last_event(known) {
        for (new, rows) in now.split(rows) {
            for (old, rows) in then.split(rows) {
                let ranges = ranges(&rows, |within| then.with_code(old, within));
                updates.push(Update { rows, old, new, changed_at, ranges });
            }
        }
    }
    updates
}

/// The ranges in which `rows` are all rows of their code; `None` if listing them is cheaper.
fn ranges(
    rows: &RoaringBitmap,
    kind: impl Fn(&RoaringBitmap) -> RoaringBitmap,
) -> Option<Vec<RangeInclusive<u32>>> {
    let (first, last) = (rows.min()?, rows.max()?);
    let mut within = RoaringBitmap::new();
    within.insert_range(first..=last);
    let others = kind(&within) - rows;
    let most = rows.len() / ROWS_A_RANGE + 1;
    let mut ranges = Vec::new();
    let mut from = Some(first);
    while let Some(start) = from {
        if u64::try_from(ranges.len()).is_ok_and(|count| count >= most) {
            return None;
        }
        let stop = others.range(start..).next();
        let end = stop.map_or(Some(last), |stop| rows.range(start..stop).next_back())?;
        ranges.push(start..=end);
        from = stop.and_then(|stop| rows.range(stop..).next());
    }
    Some(ranges)
}

/// Updates all rows from their former to their new content. `prefix` is that of the ids, where the
/// database does not compute them.
pub(super) async fn rows(
    transaction: &mut Transaction<'_>,
    prefix: Option<&str>,
    (before, taken): (&Stored, &Taken),
    name: &StoreName,
) -> Result<(), Error> {
    let Taken { after, changes, .. } = taken;
    let (old, new) = (&before.state.rights.registered, &after.state.rights.registered);
    let fresh: RoaringBitmap = new - old;
    insert(transaction, prefix, &fresh, &after.state, changes).await?;
    for one in updates(before, after, changes) {
        let written = update(transaction, &one, before.checkpoint.position).await?;
        if written != one.rows.len() {
            let known = one.rows.len();
            let problem = format_args!("updated {written} rows, expected {known}");
            return Err(name.corrupt(problem).into());
        }
    }
    holds(transaction, &before.state, &after.state).await?;
    Ok(())
}

/// Writes one update; returns the number of rows found.
async fn update(
    transaction: &mut Transaction<'_>,
    update: &Update,
    checkpoint: u64,
) -> Result<u64, sql::Error> {
    let mut given = bound(update.new);
    given.extend(params![signed(update.changed_at), signed(checkpoint)]);
    given.extend(bound(update.old));
    let Some(ranges) = &update.ranges else {
        given.push(Param::Numbers(update.rows.iter().map(i64::from).collect()));
        return transaction.run(UPDATE_LISTED, given).await;
    };
    let mut written = 0;
    for range in ranges {
        let mut given = given.clone();
        given.extend(params![*range.start(), *range.end()]);
        written += transaction.run(UPDATE_RANGE, given).await?;
    }
    Ok(written)
}

fn bound(code: Code) -> Vec<Param> {
    let lifecycle = match code & 3 {
        0 => "registered",
        1 => "activated",
        2 => "lapsed",
        _ => "withdrawn",
    };
    let flags = (2..8).map(|bit| Param::Flag(code >> bit & 1 == 1));
    std::iter::once(Param::Text(lifecycle.to_owned())).chain(flags).collect()
}

/// Writes the rows of new mailboxes.
async fn insert(
    transaction: &mut Transaction<'_>,
    prefix: Option<&str>,
    fresh: &RoaringBitmap,
    state: &State,
    changes: &Changes,
) -> Result<(), sql::Error> {
    let planes = Planes::of(state, fresh);
    let by_last_event = changes.by_last_event(fresh);
    let mut rest = fresh.iter();
    while let Some(range) = rest.next_range() {
        let (mut first, last) = range.into_inner();
        loop {
            let count = usize::try_from(last - first).unwrap_or(usize::MAX);
            let count = count.saturating_add(1).min(BATCH);
            let values = values(&planes, &by_last_event, first, count);
            let mut given = params![first, values];
            given.extend(prefix.map(Param::from));
            transaction.run(INSERT, given).await?;
            let next = u32::try_from(count).ok().and_then(|count| first.checked_add(count));
            match next.filter(|next| *next <= last) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    Ok(())
}

/// Each row's code, with the position of its event in the bits above.
fn values(
    planes: &Planes,
    by_last_event: &[(u64, RoaringBitmap)],
    first: u32,
    count: usize,
) -> Vec<i64> {
    let mut values: Vec<i64> = planes.codes(first, count).into_iter().map(i64::from).collect();
    for (position, numbers) in by_last_event {
        for number in numbers.range(first..) {
            let place = usize::try_from(number - first).ok();
            match place.and_then(|place| values.get_mut(place)) {
                Some(value) => *value |= signed(*position) << 8,
                None => break,
            }
        }
    }
    values
}

/// Updates the holds.
async fn holds(
    transaction: &mut Transaction<'_>,
    before: &State,
    after: &State,
) -> Result<(), sql::Error> {
    const REMOVE: Statement = Statement {
        sqlite: "DELETE FROM hold WHERE hold = $1",
        postgres: "DELETE FROM hold WHERE hold = $1::uuid",
    };
    const ADD: Statement = Statement {
        sqlite: "INSERT INTO hold VALUES ($1, $2, $3, $4)",
        postgres: "INSERT INTO hold VALUES ($1::uuid, $2, $3, $4::date)",
    };
    let (then, now) = (&before.rights.holds, &after.rights.holds);
    for (id, _) in then.iter().filter(|(id, hold)| now.get(*id) != Some(*hold)) {
        transaction.run(REMOVE, params![id.to_string()]).await?;
    }
    for (id, hold) in now.iter().filter(|(id, hold)| then.get(*id) != Some(*hold)) {
        let until = hold.until.map(|until| until.to_string());
        let given = params![id.to_string(), hold.number, hold.capabilities.to_string(), until];
        transaction.run(ADD, given).await?;
    }
    Ok(())
}
