//! Statements that write many rows at once: a statement crosses a thread, so one for each
//! row would cost more than the row.

use std::sync::{Arc, LazyLock};

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

/// Rows in a full statement. Its text and plan are kept; those of rests are only kept when small.
pub(crate) const ROWS: usize = 200;
const KEPT_REST: usize = 8;

/// A statement that writes as many rows as it is given.
pub(crate) struct Rows {
    before: &'static str,
    columns: usize,
    after: &'static str,
    full: LazyLock<Arc<str>>,
}

pub(crate) static INSERT_EVENTS: Rows = Rows {
    before: EVENT,
    columns: 14,
    after: "",
    full: LazyLock::new(|| text(EVENT, 14, "", ROWS).into()),
};

/// New streams and new last versions of old ones.
pub(crate) static UPSERT_STREAMS: Rows = Rows {
    before: STREAM,
    columns: 4,
    after: STREAM_LATER,
    full: LazyLock::new(|| text(STREAM, 4, STREAM_LATER, ROWS).into()),
};

const EVENT: &str = "INSERT INTO event (position, id, stream, category, version, kind, \
                     schema_version, effective_at, recorded_at, actor, reason, correlation_id, \
                     causation_id, payload) VALUES ";
const STREAM: &str = "INSERT INTO stream (id, name, category, last_version) VALUES ";
const STREAM_LATER: &str = " ON CONFLICT (id) DO UPDATE SET last_version = excluded.last_version";

impl Rows {
    /// The statement for this many rows, at most [`ROWS`], still without its values.
    pub(crate) fn of(&self, rows: usize) -> Query<'static, Sqlite, SqliteArguments> {
        if rows == ROWS {
            return sqlx::query(AssertSqlSafe(Arc::clone(&self.full)));
        }
        let text = text(self.before, self.columns, self.after, rows);
        sqlx::query(AssertSqlSafe(text)).persistent(rows <= KEPT_REST)
    }
}

fn text(before: &str, columns: usize, after: &str, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    format!("{before}{}{after}", vec![row; rows].join(","))
}
