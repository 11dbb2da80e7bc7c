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
use sql::{Durability, Format, Tables, Transaction, params};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::status::{Status, status};
use crate::stored::{self, Stored, chunks_of};

pub(crate) const NAME: &str = "sets";
/// "tram" and the first letter of the projection.
const APPLICATION_ID: u32 = 0x7472_6d53;
const SCHEMA_VERSION: u32 = 4;
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

/// The sets and the index of a programme's log, in one file.
pub struct Sets {
    tables: Tables,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    /// The state as last written; `None` if the file must be read again.
    stored: Mutex<Option<Stored>>,
}

/// An event that may concern a mailbox: its number is in the event's range.
/// Its fields are the columns of its row: chunk, position, kind, low, high.
type Span = (u16, u64, &'static str, u32, u32);

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
        let (tables, stored) = (Tables::open(path, &format).await?, Mutex::new(None));
        Ok(Self { tables, programme, log, stored })
    }

    /// The state as last written, and its position. Fails if it was derived from another log.
    pub async fn load(&self) -> Result<(State, u64), Error> {
        let mut held = self.stored.lock().await;
        let stored = self.current(&mut held).await?;
        Ok((stored.state.clone(), stored.checkpoint.position))
    }

    /// Processes the next events of the log, if there are any.
    pub async fn tick(&self, _now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.stored.lock().await;
        let before = self.current(&mut held).await?;
        let position = before.checkpoint.position;
        let page = self.log.read_all(position, &Filter::default(), PAGE).await;
        let page = page.map_err(|error| Error::reading(NAME, error))?;
        if page.events.is_empty() {
            return Ok(Tick::default());
        }
        let mut after = before.clone();
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
                Err(error) => return Err(Error::reading(NAME, error)),
            }
        }
        // Unless this is written, the next tick reads the file again: another process was faster.
        let before = held.take().unwrap_or_default();
        let mut transaction = self.tables.begin().await?;
        let name = self.tables.name();
        if after.save(&before, &self.programme, &mut transaction, name).await? {
            write_spans(&mut transaction, &spans).await?;
            transaction.commit().await?;
            *held = Some(after);
        }
        Ok(Tick { progress, next_wake: None })
    }

    /// Its checkpoint and its lag.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        status(NAME, &self.tables, self.log.as_ref(), now).await
    }

    /// A digest of all that is stored, the same for the same log, however it was built.
    pub async fn digest(&self) -> Result<String, Error> {
        let mut digest = Sha256::new();
        stored::digest(&self.read().await?, self.tables.name(), &mut digest)?;
        const ROWS: &str = "SELECT chunk, position, kind, low, high FROM span ORDER BY 1, 2";
        let rows = self.tables.all(ROWS, Vec::new(), Ok).await?;
        let rows: Vec<(i64, i64, String, i64, i64)> = rows;
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
        const FOUND: &str = "
            SELECT 0, position FROM checkpoint UNION ALL
            SELECT 1, position FROM span WHERE chunk = $1 AND $2 BETWEEN low AND high
            ORDER BY 1, 2";
        let read = |(of_index, position): (bool, i64)| {
            Ok((of_index, u64::try_from(position).map_err(|error| error.to_string())?))
        };
        let (mut positions, mut checkpoint) = (Vec::new(), 0);
        for (of_index, position) in
            self.tables.all(FOUND, params![number >> 16, number], read).await?
        {
            if of_index { positions.push(position) } else { checkpoint = position }
        }
        Ok((positions, checkpoint))
    }

    /// Closes the file; later calls fail.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    /// The state as last written, read from the file where it must be.
    async fn current<'a>(&self, held: &'a mut Option<Stored>) -> Result<&'a Stored, Error> {
        if let Some(stored) = held.take() {
            return Ok(held.insert(stored));
        }
        let stored = self.read().await?;
        stored.check(NAME, self.tables.name(), self.log.as_ref()).await?;
        Ok(held.insert(stored))
    }

    /// The state in the file, in one transaction: another process may be writing.
    async fn read(&self) -> Result<Stored, Error> {
        let mut transaction = self.tables.begin().await?;
        let stored = Stored::load(&mut transaction, self.tables.name(), &self.programme).await?;
        transaction.commit().await?;
        Ok(stored)
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
            spans.push((chunk, fact.position, kind, low, high));
        }
    }
}

async fn write_spans(transaction: &mut Transaction<'_>, spans: &[Span]) -> Result<(), Error> {
    const INSERT: &str = "
        INSERT INTO span (chunk, position, kind, low, high)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
        FROM json_each($1)";
    // Numbers and kinds of events always have a JSON form.
    let rows = serde_json::to_string(spans).unwrap_or_default();
    transaction.run(INSERT, params![rows]).await?;
    Ok(())
}
