//! From changed sets to few statements.
//!
//! A set of some ten thousand mailboxes is scattered over the numbers, but mostly it is everyone of a
//! range whose row says the same. So a statement names a range and what the rows said before; only what
//! is scattered among its own kind is named number by number. Invariant: each changed row is written
//! once in a transaction, and a row that was written is told by its `changed_at`, which is past the
//! checkpoint, from one that only says the same.

use std::fmt::Write;
use std::ops::RangeInclusive;

use domain::State;
use roaring::RoaringBitmap;
use sqlx::{Sqlite, Transaction};

use super::planes::{Code, Planes};
use crate::stored::{Stored, signed};

/// How many new rows one statement takes.
const BATCH: usize = 8192;
/// A range must be worth its statement: at least so many rows each.
const ROWS_A_RANGE: u64 = 64;

const INSERT: &str = "
    INSERT INTO mailbox (number, lifecycle, can_send, can_modify, can_receive, can_access, held,
        incident, changed_at)
    SELECT ?1 + key,
        CASE value & 3 WHEN 0 THEN 'registered' WHEN 1 THEN 'activated' WHEN 2 THEN 'lapsed'
            ELSE 'withdrawn' END,
        value >> 2 & 1, value >> 3 & 1, value >> 4 & 1, value >> 5 & 1, value >> 6 & 1,
        value >> 7 & 1, value >> 8
    FROM json_each(?2)";

/// The values of the new and of the old row, with its place left open.
macro_rules! update {
    ($place:literal) => {
        concat!(
            "UPDATE mailbox SET lifecycle = ?1, can_send = ?2, can_modify = ?3, can_receive = ?4,
                can_access = ?5, held = ?6, incident = ?7, changed_at = ?8
            WHERE ",
            $place,
            " AND changed_at <= ?9 AND lifecycle = ?10 AND can_send = ?11 AND can_modify = ?12
                AND can_receive = ?13 AND can_access = ?14 AND held = ?15 AND incident = ?16"
        )
    };
}
const UPDATE_RANGE: &str = update!("number BETWEEN ?17 AND ?18");
const UPDATE_LISTED: &str = update!("number IN (SELECT value FROM json_each(?17))");

/// Whose rows changed, by the event that changed them.
#[derive(Default)]
pub(super) struct Changes {
    by_event: Vec<(u64, RoaringBitmap)>,
    all: RoaringBitmap,
}

impl Changes {
    pub(super) fn add(&mut self, position: u64, rows: RoaringBitmap) {
        if !rows.is_empty() {
            self.all |= &rows;
            self.by_event.push((position, rows));
        }
    }

    /// How many rows changed.
    pub(super) fn rows(&self) -> u64 {
        self.all.len()
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

/// Rows that said the same and come to say the same, by the same event.
pub(super) struct Update {
    pub(super) rows: RoaringBitmap,
    old: Code,
    new: Code,
    changed_at: u64,
    /// Ranges in which all rows with the old code are meant; `None` where they are too many.
    ranges: Option<Vec<RangeInclusive<u32>>>,
}

/// What is to be written of rows that are there already.
pub(super) fn updates(before: &Stored, after: &Stored, changes: &Changes) -> Vec<Update> {
    let known = before.state.rights.registered();
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

/// The ranges in which `rows` are all of their kind; `None` where listing them is cheaper.
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

/// Writes one update; returns how many rows it found.
pub(super) async fn update(
    transaction: &mut Transaction<'_, Sqlite>,
    update: &Update,
    checkpoint: u64,
) -> Result<u64, sqlx::Error> {
    let prepared = |statement: &'static str| {
        let query = bound(sqlx::query(statement), update.new);
        bound(query.bind(signed(update.changed_at)).bind(signed(checkpoint)), update.old)
    };
    let Some(ranges) = &update.ranges else {
        let numbers = update.rows.iter().map(u64::from);
        let query = prepared(UPDATE_LISTED).bind(json(numbers));
        return Ok(query.execute(&mut **transaction).await?.rows_affected());
    };
    let mut written = 0;
    for range in ranges {
        let query = prepared(UPDATE_RANGE).bind(*range.start()).bind(*range.end());
        written += query.execute(&mut **transaction).await?.rows_affected();
    }
    Ok(written)
}

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bound(query: Query, code: Code) -> Query {
    let lifecycle = match code & 3 {
        0 => "registered",
        1 => "activated",
        2 => "lapsed",
        _ => "withdrawn",
    };
    (2..8).fold(query.bind(lifecycle), |query, bit| query.bind(i64::from(code >> bit & 1)))
}

/// Writes the rows of mailboxes that are new.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    fresh: &RoaringBitmap,
    state: &State,
    changes: &Changes,
) -> Result<(), sqlx::Error> {
    let planes = Planes::of(state, fresh);
    let by_last_event = changes.by_last_event(fresh);
    let mut rest = fresh.iter();
    while let Some(range) = rest.next_range() {
        let (mut first, last) = range.into_inner();
        loop {
            let count = usize::try_from(last - first).unwrap_or(usize::MAX);
            let count = count.saturating_add(1).min(BATCH);
            let rows = rows(&planes, &by_last_event, first, count);
            let query = sqlx::query(INSERT).bind(first).bind(json(rows.into_iter()));
            query.execute(&mut **transaction).await?;
            let next = u32::try_from(count).ok().and_then(|count| first.checked_add(count));
            match next.filter(|next| *next <= last) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    Ok(())
}

/// Each row's code, with the position of its event above it.
fn rows(
    planes: &Planes,
    by_last_event: &[(u64, RoaringBitmap)],
    first: u32,
    count: usize,
) -> Vec<u64> {
    let mut rows: Vec<u64> = planes.codes(first, count).into_iter().map(u64::from).collect();
    for (position, numbers) in by_last_event {
        for number in numbers.range(first..) {
            let place = usize::try_from(number - first).ok();
            match place.and_then(|place| rows.get_mut(place)) {
                Some(row) => *row |= position << 8,
                None => break,
            }
        }
    }
    rows
}

/// Brings the holds up to date.
pub(super) async fn holds(
    transaction: &mut Transaction<'_, Sqlite>,
    before: &State,
    after: &State,
) -> Result<(), sqlx::Error> {
    let (then, now) = (before.rights.holds(), after.rights.holds());
    for (id, _) in then.iter().filter(|(id, hold)| now.get(*id) != Some(*hold)) {
        let query = sqlx::query("DELETE FROM hold WHERE hold = ?").bind(id.to_string());
        query.execute(&mut **transaction).await?;
    }
    for (id, hold) in now.iter().filter(|(id, hold)| then.get(*id) != Some(*hold)) {
        sqlx::query("INSERT INTO hold VALUES (?, ?, ?, ?)")
            .bind(id.to_string())
            .bind(hold.number)
            .bind(hold.capabilities.to_string())
            .bind(hold.until.map(|until| until.to_string()))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Numbers as a JSON array.
fn json(numbers: impl Iterator<Item = u64>) -> String {
    let mut text = String::from("[");
    for (place, number) in numbers.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing into a text can't fail; a text that is cut off would be refused by the database.
        if write!(text, "{comma}{number}").is_err() {
            break;
        }
    }
    text.push(']');
    text
}
