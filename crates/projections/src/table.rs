//! One plain SQL row per mailbox, for people and tools that ask in SQL; it follows behind.
//!
//! Invariants: a row says what the state folded up to the checkpoint says of its mailbox, and
//! `changed_at` is the event that last changed the row; rows and checkpoint are written in one
//! transaction. It has a file of its own, because `SQLite` has one writer a file: rewriting a million
//! rows takes a second or two, and the sets, a start of the engine and a history must not wait for that.
//! Deliberately absent: anyone who waits for it. A tick takes a bounded number of rows, so that whoever
//! runs it decides how much of the machine it may have.

mod planes;
mod schema;
mod write;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{ProgrammeId, Tick};
use eventstore::{EventStore, Filter};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sqlx::{Connection, Row};
use tokio::sync::Mutex;

use crate::concern::concerned;
use crate::database::Database;
use crate::error::Error;
use crate::status::{Status, status};
use crate::stored::Stored;
use planes::Planes;
use write::Changes;

const NAME: &str = "mailbox table";
/// How many events are taken in one transaction.
const PAGE: usize = 64;
/// How many rows may change in one transaction, give or take the last event: a fraction of a second.
const ROWS: u64 = 1 << 18;

/// The row-per-mailbox table of a programme's log, in a file of its own.
pub struct Table {
    database: Database,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    /// What was last written; `None` where the file has to be read again.
    stored: Mutex<Option<Arc<Stored>>>,
}

impl Table {
    /// Opens the file at `path`, which is made if it does not exist.
    pub async fn open(
        path: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let database = Database::open(path, &schema::format(&programme)).await?;
        Ok(Self { database, programme, log, stored: Mutex::new(None) })
    }

    /// Takes the next events of the log, as many as change some hundred thousand rows.
    pub async fn tick(&self, _now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.stored.lock().await;
        let before = self.again(held.take()).await?;
        let page = self.log.read_all(before.checkpoint.position, &Filter::default(), PAGE).await;
        let page = page.map_err(|error| Error::reading(NAME, error))?;
        let mut after = Stored::clone(&before);
        let mut changes = Changes::default();
        let mut progress = 0;
        for event in &page.events {
            let fact = match event.fact() {
                Ok(fact) => fact,
                // What comes before it is taken first.
                Err(_) if progress > 0 => break,
                Err(error) => {
                    *held = Some(before);
                    return Err(Error::reading(NAME, error));
                }
            };
            match concerned(&fact.event) {
                Some(these) => {
                    let then = Planes::of(&after.state, &these);
                    after.evolve(&fact);
                    let rows = then.differ(&Planes::of(&after.state, &these));
                    changes.add(fact.position, rows);
                }
                None => after.evolve(&fact),
            }
            progress += 1;
            if changes.rows() >= ROWS {
                break;
            }
        }
        if progress == 0 {
            *held = Some(before);
            return Ok(Tick::default());
        }
        // Where another process got there first, the next tick reads the file again.
        if self.write(&before, &after, &changes).await? {
            *held = Some(Arc::new(after));
        }
        Ok(Tick { progress, next_wake: None })
    }

    /// How far it has come, and how far behind it is.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        let position: Option<i64> = sqlx::query_scalar("SELECT position FROM checkpoint")
            .fetch_optional(&self.database.readers)
            .await
            .map_err(|error| self.database.fault(error))?;
        status(NAME, position, self.log.as_ref(), now).await
    }

    /// A digest of all rows, the same for the same log however they came to be.
    pub async fn digest(&self) -> Result<String, Error> {
        const ROWS: i64 = 65_536;
        let fault = |error| self.database.fault(error);
        let mut digest = Sha256::new();
        let mut after = -1_i64;
        loop {
            let rows = sqlx::query(schema::DIGEST).bind(after).bind(ROWS);
            let rows = rows.fetch_all(&self.database.readers).await.map_err(fault)?;
            for row in &rows {
                after = row.try_get(0).map_err(fault)?;
                let text: String = row.try_get(1).map_err(fault)?;
                digest.update(text);
                digest.update("\n");
            }
            if rows.is_empty() {
                break;
            }
        }
        let holds = sqlx::query_scalar(schema::DIGEST_OF_HOLDS);
        let holds: Vec<String> = holds.fetch_all(&self.database.readers).await.map_err(fault)?;
        digest.update(holds.join("\n"));
        Ok(format!("{:x}", digest.finalize()))
    }

    /// Closes the file; what is asked of it later is an error.
    pub async fn close(&self) -> Result<(), Error> {
        self.database.close().await
    }

    async fn again(&self, stored: Option<Arc<Stored>>) -> Result<Arc<Stored>, Error> {
        if let Some(stored) = stored {
            return Ok(stored);
        }
        let (readers, place) = (&self.database.readers, &self.database.place);
        let stored = Stored::load(readers, place, &self.programme).await?;
        stored.check(NAME, place, self.log.as_ref()).await?;
        Ok(Arc::new(stored))
    }

    async fn write(
        &self,
        before: &Stored,
        after: &Stored,
        changes: &Changes,
    ) -> Result<bool, Error> {
        let fault = |error| self.database.fault(error);
        let place = &self.database.place;
        let mut writer = self.database.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(|| fault(sqlx::Error::PoolClosed))?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        if !after.save(before, &self.programme, &mut transaction, place).await? {
            return Ok(false);
        }
        let (old, new) = (before.state.rights.registered(), after.state.rights.registered());
        let fresh: RoaringBitmap = new - old;
        write::insert(&mut transaction, &fresh, &after.state, changes).await.map_err(fault)?;
        let updates = write::updates(before, after, changes);
        for update in &updates {
            let written = write::update(&mut transaction, update, before.checkpoint.position).await;
            let written = written.map_err(fault)?;
            if written != update.rows.len() {
                return Err(place.corrupt(format_args!(
                    "{written} rows were as {} mailboxes are known to be",
                    update.rows.len()
                )));
            }
        }
        write::holds(&mut transaction, &before.state, &after.state).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(true)
    }
}
