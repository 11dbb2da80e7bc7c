//! A platform's message log as a table or view of its database: one row per event and recipient.
//!
//! Invariant: no mailbox gets entries about others, whatever the table contains. Deliberately
//! absent: how a platform's own tables map to this one; its operator writes the view
//! (docs/reference/log-table.md).

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sql::{Column, ForeignTable, PgConnectOptions, Statement, StoreName, TableName, params};

use crate::{Entry, Error, Kind, LogArchive, Period};

/// The required columns.
const COLUMNS: [&str; 8] =
    ["message_id", "at", "sender", "recipient", "subject", "event", "related", "provider"];
/// The required type of `at` in `PostgreSQL`: a time without zone depends on the session.
const INSTANT: &str = "timestamp with time zone";

/// A message log in another system's database, read-only.
#[derive(Debug)]
pub struct LogTable(ForeignTable);

type Text = Option<String>;
type Row = (Text, Text, Text, Text, Text, Text, Text, Text);

impl LogTable {
    /// A table in an existing `SQLite` file.
    pub async fn open(path: &Path, table: TableName) -> Result<Self, Error> {
        let table = Self(ForeignTable::open(path, table).await?);
        table.check().await?;
        Ok(table)
    }

    /// A table in a `PostgreSQL` database.
    pub async fn connect(options: PgConnectOptions, table: TableName) -> Result<Self, Error> {
        let table = Self(ForeignTable::connect(options, table));
        let columns = table.check().await?;
        let at = columns.into_iter().find(|column| column.name == "at");
        match at {
            Some(Column { kind, .. }) if kind != INSTANT => {
                Err(table.unusable(format!("column at has type {kind}; expected {INSTANT}")))
            }
            Some(_) | None => Ok(table),
        }
    }

    /// Closes its connections.
    pub async fn close(self) {
        self.0.close().await;
    }

    /// Checks that all columns exist and can be read.
    async fn check(&self) -> Result<Vec<Column>, Error> {
        const PROBE: &str = r#"
            SELECT count(*) FROM (
                SELECT message_id, "at", sender, recipient, subject, event, related, provider
                FROM {table} LIMIT 0
            ) AS probe"#;
        let columns = self.0.columns().await?;
        if columns.is_empty() {
            return Err(self.unusable("table not found; check its name and schema"));
        }
        let has = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| !has(name)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(self.unusable(format!(
                "no column {missing}; create a view with all columns (docs/reference/log-table.md)"
            )));
        }
        let _none: Vec<(i64,)> = self.0.rows(PROBE, Vec::new()).await?;
        Ok(columns)
    }

    fn unusable(&self, problem: impl Into<String>) -> Error {
        let name = format!("{}#{}", self.0.name(), self.0.table());
        StoreName::named(&name).rejected(problem).into()
    }

    /// A row as an entry for this address; `None` if it is not about the address.
    fn entry(&self, row: Row, address: &str) -> Result<Option<Entry>, Error> {
        let (message_id, at, sender, recipient, subject, event, related, provider) = row;
        let empty =
            |name| self.unusable(format!("a row has no {name}; exclude such rows from the view"));
        let at = at.ok_or_else(|| empty("at"))?;
        // The value is not repeated: in a wrong view it may be personal data.
        let at = DateTime::parse_from_rfc3339(&at).map_err(|_not_repeated| {
            self.unusable(
                "a value of column at is not an instant; expected e.g. 2015-07-10T08:00:04Z",
            )
        })?;
        let event = event.ok_or_else(|| empty("event"))?;
        let kind = Kind::named(&event).ok_or_else(|| {
            let known = Kind::ALL.map(Kind::name).join(", ");
            self.unusable(format!("a value of column event is not one of {known}"))
        })?;
        let sender = sender.map(|sender| sender.to_lowercase());
        let recipient = recipient.map(|recipient| recipient.to_lowercase());
        let is_sender = sender.as_deref() == Some(address);
        let is_recipient = recipient.as_deref() == Some(address);
        if !is_sender && (!is_recipient || kind == Kind::Reported) {
            return Ok(None);
        }
        let related = related.unwrap_or_default();
        Ok(Some(Entry {
            message_id: message_id.ok_or_else(|| empty("message_id"))?,
            at: at.with_timezone(&Utc),
            sender,
            recipients: recipient.into_iter().collect(),
            subject,
            kind,
            related: related.split_whitespace().map(str::to_owned).collect(),
            provider,
        }))
    }
}

#[async_trait]
impl LogArchive for LogTable {
    async fn messages(&self, address: &str, period: Period) -> Result<Vec<Entry>, Error> {
        const ROWS: Statement = Statement {
            sqlite: r#"
                SELECT CAST(message_id AS TEXT), CAST("at" AS TEXT), CAST(sender AS TEXT),
                    CAST(recipient AS TEXT), CAST(subject AS TEXT), CAST(event AS TEXT),
                    CAST(related AS TEXT), CAST(provider AS TEXT)
                FROM {table} WHERE lower(sender) = $1 OR lower(recipient) = $1"#,
            postgres: r#"
                SELECT message_id::text,
                    to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                    sender::text, recipient::text, subject::text, event::text, related::text,
                    provider::text
                FROM {table} WHERE lower(sender::text) = $1 OR lower(recipient::text) = $1"#,
        };
        let address = address.to_lowercase();
        let rows: Vec<Row> = self.0.rows(ROWS, params![address.as_str()]).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            entries.extend(self.entry(row, &address)?.filter(|entry| period.contains(entry.at)));
        }
        Ok(joined(entries))
    }
}

/// Sorts entries, and merges rows of one event to several recipients.
fn joined(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|one, other| {
        event(one).cmp(&event(other)).then_with(|| one.recipients.cmp(&other.recipients))
    });
    entries.dedup_by(|next, kept| {
        let same = event(next) == event(kept);
        if same {
            kept.recipients.append(&mut next.recipients);
            kept.recipients.dedup();
        }
        same
    });
    entries
}

/// An entry without its recipients.
fn event(entry: &Entry) -> impl Ord {
    let Entry { message_id, at, sender, recipients: _, subject, kind, related, provider } = entry;
    (at, kind, message_id, sender, related, subject, provider)
}
