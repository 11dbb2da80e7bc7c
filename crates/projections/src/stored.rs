//! A [`State`] on disk, with its checkpoint and whatever is derived from it.
//!
//! A start needs only the tail of the log. Each set is stored in chunks of 65,536 numbers (one
//! Roaring container), and only changed chunks are written; the small rest is one JSON document.
//! Invariants: the loaded state equals the fold of the log up to the checkpoint; a file belongs to
//! one log, identified by the ids of its first event and of the event at the checkpoint. A file of
//! another log is refused.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fact, MailboxSet, ProgrammeId, SnapshotHeader, State};
use eventstore::{EventStore, Filter, Page};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sql::{Param, StoreName, Transaction, params};
use uuid::Uuid;

use crate::error::Error;

/// The tables of a state.
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

/// The row of a checkpoint.
pub(crate) type CheckpointRow = (String, i64, Option<String>, Option<String>);

impl Checkpoint {
    /// The statement that reads its row.
    pub(crate) const READ: &str = "
        SELECT programme, position, CAST(first_event AS text), CAST(last_event AS text)
        FROM checkpoint";

    /// Parses its row, which must be this programme's. Where there is none, nothing was derived.
    pub(crate) fn of(
        row: Option<CheckpointRow>,
        programme: &ProgrammeId,
        store: &StoreName,
    ) -> Result<Self, Error> {
        let Some((found, position, first_event, last_event)) = row else {
            return Ok(Self::default());
        };
        if found != programme.as_str() {
            return Err(store
                .rejected(format!(
                    "it belongs to the programme {found}, not to {programme}; use that one's plan, \
                     or another store"
                ))
                .into());
        }
        let id = |text: Option<String>| text.map(|text| text.parse()).transpose();
        let position = u64::try_from(position).map_err(|error| store.corrupt(error))?;
        let first_event = id(first_event).map_err(|error: uuid::Error| store.corrupt(error))?;
        let last_event = id(last_event).map_err(|error: uuid::Error| store.corrupt(error))?;
        Ok(Self { position, first_event, last_event })
    }

    /// The values of its columns but the programme's.
    pub(crate) fn params(self) -> [Param; 3] {
        let id = |id: Option<Uuid>| Param::OptionalText(id.map(|id| id.to_string()));
        [signed(self.position).into(), id(self.first_event), id(self.last_event)]
    }

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

    /// Loads the tables, and checks that they belong to this programme.
    pub(crate) async fn load(
        transaction: &mut Transaction<'_>,
        store: &StoreName,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        let row = transaction.rows(Checkpoint::READ, Vec::new()).await?.pop();
        if row.is_none() {
            return Ok(Self::default());
        }
        let checkpoint = Checkpoint::of(row, programme, store)?;
        let rest = transaction.rows("SELECT document FROM rest", Vec::new()).await?.pop();
        let (document,): (String,) =
            rest.ok_or_else(|| store.corrupt("it has a checkpoint without a state"))?;
        let rest = parse(&document).map_err(|error| store.corrupt(error))?;
        const CHUNKS: &str = "SELECT name, members FROM chunk ORDER BY name, chunk";
        let chunks: Vec<(String, Vec<u8>)> = transaction.rows(CHUNKS, Vec::new()).await?;
        let mut sets: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
        for (name, members) in chunks {
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
    /// the transaction must be dropped.
    pub(crate) async fn save(
        &self,
        before: &Self,
        programme: &ProgrammeId,
        transaction: &mut Transaction<'_>,
        store: &StoreName,
    ) -> Result<bool, Error> {
        if !self.move_checkpoint(before, programme, transaction).await? {
            return Ok(false);
        }
        let ((rest, sets), (rest_before, old)) = (self.state.snapshot(), before.state.snapshot());
        if before.checkpoint.position == 0 || rest != rest_before {
            let document = write(&rest).map_err(|error| store.corrupt(error))?;
            const REST: &str = "INSERT OR REPLACE INTO rest VALUES (1, $1)";
            transaction.run(REST, params![document]).await?;
        }
        let nobody = RoaringBitmap::new();
        let names: BTreeSet<&String> = sets.keys().chain(old.keys()).collect();
        for name in names {
            let (now, then) = (sets.get(name).unwrap_or(&nobody), old.get(name).unwrap_or(&nobody));
            for chunk in chunks_of(&(now ^ then)) {
                let members = canonical(&(now & within(chunk)));
                write_chunk(transaction, name, chunk, members).await?;
            }
        }
        Ok(true)
    }

    async fn move_checkpoint(
        &self,
        before: &Self,
        programme: &ProgrammeId,
        transaction: &mut Transaction<'_>,
    ) -> Result<bool, sql::Error> {
        const FIRST: &str =
            "INSERT INTO checkpoint VALUES (1, $1, $2, $3, $4) ON CONFLICT DO NOTHING";
        const NEXT: &str = "
            UPDATE checkpoint SET position = $2, first_event = $3, last_event = $4
            WHERE one = 1 AND programme = $1 AND position = $5";
        let mut given = params![programme.as_str()];
        given.extend(self.checkpoint.params());
        let moved = if before.checkpoint.position == 0 {
            transaction.run(FIRST, given).await?
        } else {
            given.push(signed(before.checkpoint.position).into());
            transaction.run(NEXT, given).await?
        };
        Ok(moved == 1)
    }
}

/// Compiled here, and not again where the asynchronous functions that call it are awaited.
fn parse(document: &str) -> serde_json::Result<SnapshotHeader> {
    serde_json::from_str(document)
}

fn write(rest: &SnapshotHeader) -> serde_json::Result<String> {
    serde_json::to_string(rest)
}

/// A digest of everything in [`Stored`]: equal states have equal digests, however they were built.
pub(crate) fn digest(stored: &Stored, store: &StoreName, digest: &mut Sha256) -> Result<(), Error> {
    let (rest, sets) = stored.state.snapshot();
    let rest = write(&rest).map_err(|error| store.corrupt(error))?;
    digest.update(stored.checkpoint.position.to_le_bytes());
    digest.update(rest);
    for (name, set) in sets {
        digest.update(name.as_bytes());
        digest.update(canonical(&set).unwrap_or_default());
    }
    Ok(())
}

async fn write_chunk(
    transaction: &mut Transaction<'_>,
    name: &str,
    chunk: u16,
    members: Option<Vec<u8>>,
) -> Result<(), sql::Error> {
    const PUT: &str = "INSERT OR REPLACE INTO chunk VALUES ($1, $2, $3)";
    const DELETE: &str = "DELETE FROM chunk WHERE name = $1 AND chunk = $2";
    let mut given = params![name, u32::from(chunk)];
    let statement = if members.is_some() { PUT } else { DELETE };
    given.extend(members.map(Param::Bytes));
    transaction.run(statement, given).await.map(|_| ())
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
