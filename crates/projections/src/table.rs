//! The table with one SQL row per mailbox, for ad-hoc queries, in a file or in `PostgreSQL`; it
//! lags behind.
//!
//! Invariants: a row is the state of its mailbox at the checkpoint, and `changed_at` is the event
//! that last changed it. Rows and checkpoint are written in one transaction, which starts by moving
//! the checkpoint from where this process left it; on a server under its lease's token, which a
//! successor replaces first, so that a suspended projector can write nothing more, however long it
//! slept. The state at the checkpoint is folded from the log once, on the first tick that has news.
//! A tick changes a bounded number of rows, so that its caller controls the load; an empty table is
//! filled in one go, since writing every row once costs a fraction of writing its whole history.

mod digest;
mod follow;
mod planes;
mod schema;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ProgrammeId, Tick};
use eventstore::{EventStore, Filter, Lease};
use sql::{Migration, PgConnectOptions, Statement, Tables, params};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::status::{Status, position, status};
use crate::stored::{Checkpoint, Stored, signed};
use follow::{BOUNDS, Taken};

pub(crate) const NAME: &str = "mailbox table";
/// The time to live of the lease; one transaction takes a second or two.
const TTL: Duration = Duration::from_secs(30);
/// Events per read while folding up to the checkpoint.
const PAGE: usize = 256;

/// The table of a programme's log: in a file of its own, because `SQLite` has one writer per file
/// and the sets must not wait for a million rows, or in the schema `projection` of a server.
pub struct Table {
    tables: Tables,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    /// This process's name among those that claim the lease of a server's table.
    owner: Option<String>,
    moving: Mutex<Option<Moving>>,
}

/// The result of a rebuild of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRebuilt {
    /// Events read.
    pub events: u64,
    /// Whether the rows equal the former ones, at the checkpoint of those.
    pub equal: bool,
}

/// The context of the process that moves the table.
struct Moving {
    /// Of the lease; 0 in a file.
    token: u64,
    /// The state as last written.
    stored: Stored,
}

impl Table {
    /// The name of the lease of a server's table.
    pub const LEASE: &str = "mailboxes";

    /// Opens the file at `path`, and creates a missing one.
    pub async fn open(
        path: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let tables = Tables::open(path, &schema::format(&programme)).await?;
        Self::of(tables, programme, log, None).await
    }

    /// Connects to the tables that [`Table::migrate`] created. `owner` identifies this process.
    pub async fn connect(
        options: PgConnectOptions,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        owner: String,
    ) -> Result<Self, Error> {
        let tables = Tables::connect(options, &schema::SCHEMA).await?;
        Self::of(tables, programme, log, Some(owner)).await
    }

    async fn of(
        tables: Tables,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        owner: Option<String>,
    ) -> Result<Self, Error> {
        let table = Self { tables, programme, log, owner, moving: Mutex::new(None) };
        table.checkpoint().await?;
        Ok(table)
    }

    /// Creates the tables on a server, or migrates them, and returns the steps that were missing;
    /// with `dry`, it only returns them.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(schema::SCHEMA.migrate(options, dry).await?)
    }

    /// Processes the next events of the log, until some hundred thousand rows change; all of them
    /// while the table is empty. If another projector holds the lease, it does nothing and tries
    /// again when that lease may have expired.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<Tick, Error> {
        self.tick_up_to(u64::MAX, now).await
    }

    async fn tick_up_to(&self, last: u64, now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.moving.lock().await;
        let known = held.take();
        let checkpoint = match &known {
            Some(moving) if self.owner.is_none() => moving.stored.checkpoint.position,
            // A crash of the server loses the last commits, which did not wait for its disk.
            Some(_) | None => position(&self.tables).await?,
        };
        let known = known.filter(|moving| moving.stored.checkpoint.position == checkpoint);
        let end = self.log.head().await?;
        if end < checkpoint {
            return Err(Error::LogShorter { projection: NAME, checkpoint, head: end });
        }
        if checkpoint >= end.min(last) {
            *held = known;
            return Ok(Tick::default());
        }
        let Some(token) = self.token().await? else {
            let later = TimeDelta::from_std(TTL).ok().and_then(|ttl| now.checked_add_signed(ttl));
            return Ok(Tick { progress: 0, next_wake: later });
        };
        let mut moving = self.take_over(known, token).await?;
        let step = follow::take(self.log.as_ref(), &moving.stored, BOUNDS.up_to(last)).await;
        if !matches!(step, Ok(Taken { progress: 1.., .. })) {
            *held = Some(moving);
            return step.map(|_| Tick::default());
        }
        let step = step?;
        // After an error the context is dropped: the next tick reads the checkpoint again.
        self.write(&moving, &step).await?;
        moving.stored = step.after;
        *held = Some(moving);
        Ok(Tick { progress: step.progress, next_wake: None })
    }

    /// Its checkpoint and its lag.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        status(NAME, &self.tables, self.log.as_ref(), now).await
    }

    /// A digest of all rows, the same for the same log, however they were built, and in either
    /// database.
    pub async fn digest(&self) -> Result<String, Error> {
        Ok(digest::digest(&self.tables).await?)
    }

    /// Empties the table and rebuilds it from the log. Readers see it filling up. The rows are
    /// compared at the former checkpoint: that the table was behind is no difference. An
    /// interrupted rebuild is harmless: the next tick resumes it.
    pub async fn rebuild(&self, now: DateTime<Utc>) -> Result<TableRebuilt, Error> {
        const RESET: &str = "
            UPDATE checkpoint SET programme = $1, position = 0, first_event = NULL,
                last_event = NULL
            WHERE token = $2";
        const EMPTY: Statement =
            Statement { sqlite: "DELETE FROM mailbox", postgres: "TRUNCATE mailbox" };
        let mut held = self.moving.lock().await;
        let token = self.token().await?.ok_or_else(|| self.taken_over())?;
        *held = None;
        self.stamp(token).await?;
        // Read after the token was written: no other process moves the table from here on.
        let (former, before) = (self.checkpoint().await?.position, self.digest().await?);
        let mut transaction = self.tables.begin().await?;
        if transaction.run(RESET, params![self.programme.as_str(), signed(token)]).await? == 0 {
            return Err(self.taken_over());
        }
        transaction.run(EMPTY, Vec::new()).await?;
        transaction.run("DELETE FROM hold", Vec::new()).await?;
        transaction.commit().await?;
        drop(held);
        let up_to_former = self.follow_up_to(former, now).await?;
        let equal = self.digest().await? == before;
        let events = up_to_former + self.follow_up_to(u64::MAX, now).await?;
        // Released, so that the regular projector continues at once.
        self.lease(Duration::ZERO).await?;
        Ok(TableRebuilt { events, equal })
    }

    /// Ticks until the table includes an event, or the end of the log; returns the number of
    /// events read.
    async fn follow_up_to(&self, last: u64, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut events = 0;
        loop {
            let tick = self.tick_up_to(last, now).await?;
            if tick.progress == 0 && tick.next_wake.is_some() {
                return Err(self.taken_over());
            }
            if tick.progress == 0 {
                return Ok(events);
            }
            events += tick.progress;
        }
    }

    /// Closes the file, or the connections; later calls fail.
    pub async fn close(&self) -> Result<(), Error> {
        *self.moving.lock().await = None;
        Ok(self.tables.close().await?)
    }

    /// The token under which this process may move the table; `None` if another has the lease.
    async fn token(&self) -> Result<Option<u64>, Error> {
        if self.owner.is_none() {
            return Ok(Some(0));
        }
        Ok(self.lease(TTL).await?.map(|lease| lease.token))
    }

    async fn lease(&self, ttl: Duration) -> Result<Option<Lease>, Error> {
        let Some(owner) = &self.owner else { return Ok(None) };
        Ok(self.log.claim(Self::LEASE, owner, ttl).await?)
    }

    /// The checkpoint, from the database; it must be this programme's.
    async fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let row = self.tables.all(Checkpoint::READ, Vec::new(), Ok).await?.pop();
        Checkpoint::of(row, &self.programme, self.tables.name())
    }

    /// The starting point under a token: the known one, if this process moved the table before.
    async fn take_over(&self, known: Option<Moving>, token: u64) -> Result<Moving, Error> {
        if let Some(known) = known.filter(|known| known.token == token) {
            return Ok(known);
        }
        self.stamp(token).await?;
        // Read after the token was written: no other process moves it from here on.
        let checkpoint = self.checkpoint().await?;
        Ok(Moving { token, stored: self.fold_to(checkpoint).await? })
    }

    /// Writes the token beside the checkpoint, which invalidates older ones.
    async fn stamp(&self, token: u64) -> Result<(), Error> {
        const STAMP: &str = "
            INSERT INTO checkpoint VALUES (1, $1, 0, NULL, NULL, $2)
            ON CONFLICT (one) DO UPDATE SET token = excluded.token
            WHERE checkpoint.token <= excluded.token";
        let given = params![self.programme.as_str(), signed(token)];
        match self.tables.run(STAMP, given).await? {
            0 => Err(self.taken_over()),
            _ => Ok(()),
        }
    }

    /// The state up to the checkpoint, folded from the log, which must be the one it was derived
    /// from.
    async fn fold_to(&self, checkpoint: Checkpoint) -> Result<Stored, Error> {
        let mut stored = Stored::default();
        while stored.checkpoint.position < checkpoint.position {
            let after = stored.checkpoint.position;
            let left = usize::try_from(checkpoint.position - after).unwrap_or(PAGE);
            let page = self.log.read_all(after, &Filter::default(), left.min(PAGE)).await;
            let page = page.map_err(|error| Error::reading(NAME, error))?;
            if page.head < checkpoint.position {
                let (checkpoint, head) = (checkpoint.position, page.head);
                return Err(Error::LogShorter { projection: NAME, checkpoint, head });
            }
            for event in &page.events {
                stored.evolve(&event.fact().map_err(|error| Error::reading(NAME, error))?);
            }
        }
        if stored.checkpoint == checkpoint {
            return Ok(stored);
        }
        Err(Error::OtherLog { place: self.tables.name().to_string() })
    }

    async fn write(&self, moving: &Moving, step: &Taken) -> Result<(), Error> {
        const MOVE: Statement = Statement {
            sqlite: "
                UPDATE checkpoint SET position = $1, first_event = $2, last_event = $3
                WHERE programme = $4 AND position = $5 AND token = $6",
            postgres: "
                UPDATE checkpoint SET position = $1, first_event = $2::uuid, last_event = $3::uuid
                WHERE programme = $4 AND position = $5 AND token = $6",
        };
        let Moving { token, stored } = moving;
        let mut transaction = self.tables.begin().await?;
        let prefix = self.owner.is_some().then(|| schema::prefix(&self.programme));
        if self.owner.is_some() {
            // Derived data: a power failure loses rows and checkpoint together.
            transaction.run("SET LOCAL synchronous_commit = off", Vec::new()).await?;
        }
        let mut given = step.after.checkpoint.params().to_vec();
        let from = signed(stored.checkpoint.position);
        given.extend(params![self.programme.as_str(), from, signed(*token)]);
        if transaction.run(MOVE, given).await? == 0 {
            return Err(self.taken_over());
        }
        let name = self.tables.name();
        write::rows(&mut transaction, prefix.as_deref(), (stored, step), name).await?;
        Ok(transaction.commit().await?)
    }

    fn taken_over(&self) -> Error {
        Error::TakenOver { place: self.tables.name().to_string() }
    }
}
