//! A [`State`] on disk, with its checkpoint and whatever is derived from it.
//!
//! A start needs only the tail of the log. Each set is stored in chunks of 65,536 numbers (one
//! Roaring container), and only changed chunks are written; the small rest is one JSON document.
//! Invariants: the loaded state equals the fold of the log up to the checkpoint; a file belongs to
//! one log, identified by the ids of its first event and of the event at the checkpoint. A file of
//! another log is refused.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fact, MailboxSet, ProgrammeId, State};
use eventstore::{EventStore, Filter, Page};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction};
use uuid::Uuid;

use crate::error::Error;
use sql::StoreName;

/// The tables of any file with a state in it.
pub(crate) const CREATE: &str = "
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    programme TEXT NOT NULL,
    position INTEGER NOT NULL,   -- the last event of the log that is in these tables
    first_event TEXT,            -- the id of the log's first event: which log it is
    last_event TEXT              -- the id of the event at the position
) STRICT;
CREATE TABLE rest (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    document TEXT NOT NULL       -- all of the state but its sets, as JSON
) STRICT;
CREATE TABLE chunk (
    name TEXT NOT NULL,          -- which set
    chunk INTEGER NOT NULL,      -- which 65,536 numbers: number >> 16
    members BLOB NOT NULL,       -- a Roaring bitmap in the portable format
    PRIMARY KEY (name, chunk)
) STRICT;
";

/// The next step for a file with tables of another version.
pub(crate) const OTHER_VERSION: &str = "run `tramonto store rebuild` with the version of the \
                                        program you want to use";

/// The position of a stored state in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checkpoint {
    pub(crate) position: u64,
    pub(crate) first_event: Option<Uuid>,
    pub(crate) last_event: Option<Uuid>,
}

impl Checkpoint {
    /// The checkpoint after one more event.
    fn after(self, fact: &Fact) -> Self {
        let first_event = self.first_event.or(Some(fact.id));
        Self { position: fact.position, first_event, last_event: Some(fact.id) }
    }
}

/// The state as last written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) state: State,
    pub(crate) checkpoint: Checkpoint,
}

impl Stored {
    /// Applies the next event of the log.
    pub(crate) fn evolve(&mut self, fact: &Fact) {
        self.state.evolve(fact);
        self.checkpoint = self.checkpoint.after(fact);
    }

    /// Loads the file, and checks that it belongs to this programme and this log.
    pub(crate) async fn load(
        readers: &SqlitePool,
        store: &StoreName,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        // One transaction: another process may be writing.
        let mut transaction = readers.begin().await.map_err(|error| store.error(error))?;
        let loaded = Self::load_from(&mut transaction, store, programme).await;
        transaction.rollback().await.map_err(|error| store.error(error))?;
        loaded
    }

    async fn load_from(
        connection: &mut SqliteConnection,
        store: &StoreName,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        let fault = |error| store.error(error);
        let row =
            sqlx::query("SELECT programme, position, first_event, last_event FROM checkpoint");
        let Some(row) = row.fetch_optional(&mut *connection).await.map_err(fault)? else {
            return Ok(Self::default());
        };
        let (found, checkpoint) = checkpoint_of(&row, store)?;
        if found != programme.as_str() {
            return Err(store
                .rejected(format!(
                    "it belongs to the programme {found}, not to {programme}; use that one's plan, \
                     or another store"
                ))
                .into());
        }
        let document: String = sqlx::query_scalar("SELECT document FROM rest")
            .fetch_one(&mut *connection)
            .await
            .map_err(fault)?;
        let rest = serde_json::from_str(&document).map_err(|error| store.corrupt(error))?;
        let chunks = sqlx::query("SELECT name, members FROM chunk ORDER BY name, chunk");
        let chunks = chunks.fetch_all(&mut *connection).await.map_err(fault)?;
        let mut sets: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
        for row in &chunks {
            let (name, members): (String, Vec<u8>) =
                (row.try_get(0).map_err(fault)?, row.try_get(1).map_err(fault)?);
            let members = MailboxSet::from_portable(&members).map_err(|error| {
                store.corrupt(format_args!("a chunk of the set {name:?}: {error}"))
            })?;
            *sets.entry(name).or_default() |= members.into_inner();
        }
        let state = State::from_snapshot(rest, |name| sets.remove(name).unwrap_or_default());
        if let Some((name, _)) = sets.first_key_value() {
            let problem = format_args!("it holds a set {name:?} that nothing names");
            return Err(store.corrupt(problem).into());
        }
        Ok(Self { state, checkpoint })
    }

    /// Is it derived from this log?
    pub(crate) async fn check(
        &self,
        projection: &'static str,
        store: &StoreName,
        log: &dyn EventStore,
    ) -> Result<(), Error> {
        let Checkpoint { position, first_event, last_event } = self.checkpoint;
        for (at, id) in [(1, first_event), (position, last_event)] {
            let Some(after) = at.checked_sub(1).filter(|_| position > 0) else { continue };
            let page = log.read_all(after, &Filter::default(), 1).await;
            let page = match page {
                Ok(page) if page.head >= position => page,
                Ok(Page { head, .. }) | Err(eventstore::Error::LogShorter { head, .. }) => {
                    return Err(Error::LogShorter { projection, checkpoint: position, head });
                }
                Err(error) => return Err(Error::reading(projection, error)),
            };
            if page.events.first().map(|event| event.event.id) != id {
                return Err(Error::OtherLog { place: store.to_string() });
            }
        }
        Ok(())
    }

    /// Writes the changes since `before`. False if another process has moved the checkpoint, and
    /// the transaction must be rolled back.
    pub(crate) async fn save(
        &self,
        before: &Self,
        programme: &ProgrammeId,
        transaction: &mut Transaction<'_, Sqlite>,
        store: &StoreName,
    ) -> Result<bool, Error> {
        let fault = |error| store.error(error);
        if !self.move_checkpoint(before, programme, transaction).await.map_err(fault)? {
            return Ok(false);
        }
        let ((rest, sets), (rest_before, old)) = (self.state.snapshot(), before.state.snapshot());
        if before.checkpoint.position == 0 || rest != rest_before {
            let document = serde_json::to_string(&rest).map_err(|error| store.corrupt(error))?;
            sqlx::query("INSERT OR REPLACE INTO rest VALUES (1, ?)")
                .bind(document)
                .execute(&mut **transaction)
                .await
                .map_err(fault)?;
        }
        let nobody = RoaringBitmap::new();
        let names: BTreeSet<&String> = sets.keys().chain(old.keys()).collect();
        for name in names {
            let (now, then) = (sets.get(name).unwrap_or(&nobody), old.get(name).unwrap_or(&nobody));
            for chunk in chunks_of(&(now ^ then)) {
                let members = canonical(&(now & within(chunk)));
                write_chunk(transaction, name, chunk, members).await.map_err(fault)?;
            }
        }
        Ok(true)
    }

    async fn move_checkpoint(
        &self,
        before: &Self,
        programme: &ProgrammeId,
        transaction: &mut Transaction<'_, Sqlite>,
    ) -> Result<bool, sqlx::Error> {
        let statement = if before.checkpoint.position == 0 {
            "INSERT INTO checkpoint VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE checkpoint SET position = ?2, first_event = ?3, last_event = ?4
             WHERE one = 1 AND programme = ?1 AND position = ?5"
        };
        let mut query = sqlx::query(statement)
            .bind(programme.as_str())
            .bind(signed(self.checkpoint.position))
            .bind(self.checkpoint.first_event.map(|id| id.to_string()))
            .bind(self.checkpoint.last_event.map(|id| id.to_string()));
        if before.checkpoint.position != 0 {
            query = query.bind(signed(before.checkpoint.position));
        }
        Ok(query.execute(&mut **transaction).await?.rows_affected() == 1)
    }
}

/// A digest of everything in [`Stored`]: equal states have equal digests, however they were built.
pub(crate) fn digest(stored: &Stored, store: &StoreName, digest: &mut Sha256) -> Result<(), Error> {
    let (rest, sets) = stored.state.snapshot();
    let rest = serde_json::to_vec(&rest).map_err(|error| store.corrupt(error))?;
    digest.update(stored.checkpoint.position.to_le_bytes());
    digest.update(rest);
    for (name, set) in sets {
        digest.update(name.as_bytes());
        digest.update(canonical(&set).unwrap_or_default());
    }
    Ok(())
}

async fn write_chunk(
    transaction: &mut Transaction<'_, Sqlite>,
    name: &str,
    chunk: u16,
    members: Option<Vec<u8>>,
) -> Result<(), sqlx::Error> {
    let query = if members.is_some() {
        sqlx::query("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?)")
    } else {
        sqlx::query("DELETE FROM chunk WHERE name = ? AND chunk = ?")
    };
    let mut query = query.bind(name.to_owned()).bind(i64::from(chunk));
    if let Some(members) = members {
        query = query.bind(members);
    }
    query.execute(&mut **transaction).await.map(|_| ())
}

fn checkpoint_of(row: &SqliteRow, store: &StoreName) -> Result<(String, Checkpoint), Error> {
    let fault = |error| store.error(error);
    let id = |column: &str| -> Result<Option<Uuid>, Error> {
        let text: Option<String> = row.try_get(column).map_err(fault)?;
        Ok(text
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: uuid::Error| store.corrupt(error))?)
    };
    let position: i64 = row.try_get("position").map_err(fault)?;
    let position = u64::try_from(position).map_err(|error| store.corrupt(error))?;
    let checkpoint =
        Checkpoint { position, first_event: id("first_event")?, last_event: id("last_event")? };
    Ok((row.try_get("programme").map_err(fault)?, checkpoint))
}

/// The chunks in which a set has members.
pub(crate) fn chunks_of(set: &RoaringBitmap) -> Vec<u16> {
    let mut chunks = Vec::new();
    let mut members = set.iter();
    while let Some(number) = members.next() {
        let [high, low, ..] = number.to_be_bytes();
        let chunk = u16::from_be_bytes([high, low]);
        chunks.push(chunk);
        match chunk.checked_add(1) {
            Some(next) => members.advance_to(u32::from(next) << 16),
            None => break,
        }
    }
    chunks
}

/// All the numbers of a chunk.
pub(crate) fn within(chunk: u16) -> RoaringBitmap {
    let first = u32::from(chunk) << 16;
    let mut all = RoaringBitmap::new();
    all.insert_range(first..=first | 0xffff);
    all
}

/// The portable bytes of a set, in canonical form; `None` for the empty set.
fn canonical(set: &RoaringBitmap) -> Option<Vec<u8>> {
    if set.is_empty() {
        return None;
    }
    let mut set = set.clone();
    set.remove_run_compression();
    set.optimize();
    Some(MailboxSet::from(set).to_portable())
}

/// A position or a count as an `SQLite` integer.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
