//! The population as sets, on disk: the starting point of the engine, and the index of set events
//! by mailbox.
//!
//! Invariant: after a tick, [`Sets::load`] returns the state folded from the log up to the
//! checkpoint, and every event up to it that names mailboxes has its spans in the index. Sets,
//! rest, index and checkpoint are written in one transaction. Deliberately absent: personal data.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Fact, ProgrammeId, State, Tick};
use eventstore::{EventStore, Filter};
use sha2::{Digest, Sha256};
use sqlx::{Connection, QueryBuilder, Sqlite, Transaction};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::status::{Status, status};
use crate::stored::{self, Stored, chunks_of, signed};
use sql::{Database, Durability, Format};

const NAME: &str = "sets";
/// "tram" and the first letter of the projection.
const APPLICATION_ID: u32 = 0x7472_6d53;
const SCHEMA_VERSION: u32 = 3;
/// An event's members within one chunk lie between `low` and `high`.
const CREATE_SPAN: &str = "
CREATE TABLE span (
    chunk INTEGER NOT NULL,      -- which 65,536 numbers: number >> 16
    position INTEGER NOT NULL,   -- the event's place in the log
    kind TEXT NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    PRIMARY KEY (chunk, position)
) STRICT, WITHOUT ROWID;
";
/// Events per transaction: set events can have some hundred kilobytes each.
const PAGE: usize = 256;
/// Rows per statement: five values each, well below the limit of `SQLite`.
const ROWS: usize = 1000;

/// The sets and the index of a programme's log, in one file.
pub struct Sets {
    database: Database,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    /// The state as last written; `None` if the file must be read again.
    stored: Mutex<Option<Arc<Stored>>>,
}

/// An event that may concern a mailbox: its number is in the event's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    chunk: u16,
    position: u64,
    kind: &'static str,
    low: u32,
    high: u32,
}

impl Sets {
    /// Opens the file at `path`, and creates a missing one.
    pub async fn open(
        path: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let create = format!("{}{CREATE_SPAN}", stored::CREATE);
        let format = Format {
            application_id: APPLICATION_ID,
            schema_version: SCHEMA_VERSION,
            create,
            upgrades: &[],
            other_version: stored::OTHER_VERSION,
            durability: Durability::Derived,
        };
        let database = Database::open(path, &format).await?;
        Ok(Self { database, programme, log, stored: Mutex::new(None) })
    }

    /// The state as last written, and its position. Fails if it was derived from another log.
    pub async fn load(&self) -> Result<(State, u64), Error> {
        let stored = self.stored.lock().await.take();
        let stored = self.again(stored).await?;
        let loaded = (stored.state.clone(), stored.checkpoint.position);
        *self.stored.lock().await = Some(stored);
        Ok(loaded)
    }

    /// Processes the next events of the log, if there are any.
    pub async fn tick(&self, _now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.stored.lock().await;
        let before = self.again(held.take()).await?;
        let page = self.log.read_all(before.checkpoint.position, &Filter::default(), PAGE).await;
        let page = page.map_err(|error| Error::reading(NAME, error))?;
        let mut after = Stored::clone(&before);
        let mut spans = Vec::new();
        let mut progress = 0;
        for event in &page.events {
            match event.fact() {
                Ok(fact) => {
                    spans_of(&fact, &mut spans);
                    after.evolve(&fact);
                    progress += 1;
                }
                // The events before it are processed first.
                Err(_) if progress > 0 => break,
                Err(error) => {
                    *held = Some(before);
                    return Err(Error::reading(NAME, error));
                }
            }
        }
        if progress == 0 {
            *held = Some(before);
            return Ok(Tick::default());
        }
        // If another process was faster, the next tick reads the file again.
        if self.write(&before, &after, &spans).await? {
            *held = Some(Arc::new(after));
        }
        Ok(Tick { progress, next_wake: None })
    }

    /// Its checkpoint and its lag.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        status(NAME, self.database.reader(), self.log.as_ref(), now).await
    }

    /// A digest of all that is stored, the same for the same log, however it was built.
    pub async fn digest(&self) -> Result<String, Error> {
        let name = &self.database.name;
        let stored = Stored::load(&self.database.readers, name, &self.programme).await?;
        let mut digest = Sha256::new();
        stored::digest(&stored, name, &mut digest)?;
        let (reader, _) = self.database.reader();
        let rows = "SELECT chunk, position, kind, low, high FROM span ORDER BY 1, 2";
        let rows: Vec<(i64, i64, String, i64, i64)> =
            reader.rows(rows, Vec::new()).await.map_err(|error| name.error(error))?;
        for (chunk, position, kind, low, high) in rows {
            for number in [chunk, position, low, high] {
                digest.update(number.to_le_bytes());
            }
            digest.update(kind);
        }
        Ok(format!("{:x}", digest.finalize()))
    }

    /// The positions of the indexed events whose range contains the number, and the end of the
    /// index: later events must be scanned.
    pub(crate) async fn candidates(&self, number: u32) -> Result<(Vec<u64>, u64), Error> {
        // One statement, so that index and checkpoint are from the same snapshot.
        let rows = sqlx::query_as::<_, (bool, i64)>(
            "SELECT 0, position FROM checkpoint UNION ALL
             SELECT 1, position FROM span WHERE chunk = ?1 AND ?2 BETWEEN low AND high ORDER BY 1, \
             2",
        )
        .bind(i64::from(number >> 16))
        .bind(i64::from(number))
        .fetch_all(&self.database.readers)
        .await;
        let (mut positions, mut checkpoint) = (Vec::new(), 0);
        for (of_index, position) in rows.map_err(|error| self.database.error(error))? {
            let position =
                u64::try_from(position).map_err(|error| self.database.name.corrupt(error))?;
            if of_index { positions.push(position) } else { checkpoint = position }
        }
        Ok((positions, checkpoint))
    }

    /// Closes the file; later calls fail.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.database.close().await?)
    }

    async fn again(&self, stored: Option<Arc<Stored>>) -> Result<Arc<Stored>, Error> {
        if let Some(stored) = stored {
            return Ok(stored);
        }
        let (readers, name) = (&self.database.readers, &self.database.name);
        let stored = Stored::load(readers, name, &self.programme).await?;
        stored.check(NAME, name, self.log.as_ref()).await?;
        Ok(Arc::new(stored))
    }

    async fn write(&self, before: &Stored, after: &Stored, spans: &[Span]) -> Result<bool, Error> {
        let fault = |error| self.database.error(error);
        let mut writer = self.database.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(|| fault(sqlx::Error::PoolClosed))?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let name = &self.database.name;
        if !after.save(before, &self.programme, &mut transaction, name).await? {
            return Ok(false);
        }
        write_spans(&mut transaction, spans).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(true)
    }
}

fn spans_of(fact: &Fact, spans: &mut Vec<Span>) {
    let Some(set) = fact.event.subjects().into_set() else { return };
    let (kind, _) = fact.event.kind();
    for chunk in chunks_of(&set) {
        let first = u32::from(chunk) << 16;
        let mut members = set.range(first..=first | 0xffff);
        if let Some(low) = members.next() {
            let high = members.next_back().unwrap_or(low);
            spans.push(Span { chunk, position: fact.position, kind, low, high });
        }
    }
}

async fn write_spans(
    transaction: &mut Transaction<'_, Sqlite>,
    spans: &[Span],
) -> Result<(), sqlx::Error> {
    for rows in spans.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO span (chunk, position, kind, low, high) ");
        query.push_values(rows, |mut row, span| {
            row.push_bind(i64::from(span.chunk))
                .push_bind(signed(span.position))
                .push_bind(span.kind)
                .push_bind(i64::from(span.low))
                .push_bind(i64::from(span.high));
        });
        query.build().execute(&mut **transaction).await?;
    }
    Ok(())
}
