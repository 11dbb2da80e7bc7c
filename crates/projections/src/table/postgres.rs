//! The table in `PostgreSQL`, which one of several projectors moves.
//!
//! Invariants: rows and checkpoint are written in one transaction, which starts by moving the
//! checkpoint from where this projector left it, under its lease's token; a successor writes its
//! own token first, so that a suspended projector can write nothing more, however long it slept.
//! Only the database has the checkpoint; the state at the checkpoint is folded from the log once,
//! on the first tick. A projector without the lease does not wait.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ProgrammeId, Tick};
use eventstore::{EventStore, Filter, Lease};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::follow::{self, BOUNDS, Taken};
use super::{NAME, digest, schema, write};
use crate::error::Error;
use crate::status::{self, Status};
use crate::stored::{Checkpoint, Stored, signed};
use sql::{ANSWER, Migration, Param, Server, Writer, within};

/// The time to live of the lease; one transaction takes a second or two.
const TTL: Duration = Duration::from_secs(30);
/// Events per read while folding up to the checkpoint.
const PAGE: usize = 256;

/// The table of a programme's log, in the schema `projection` of a `PostgreSQL` database.
pub struct PostgresTable {
    server: Server,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    owner: String,
    moving: Mutex<Option<Moving>>,
}

/// The context of the projector that holds the lease.
struct Moving {
    token: u64,
    connection: PgConnection,
    /// The state as last written.
    stored: Stored,
}

impl PostgresTable {
    /// The name of the lease.
    pub const LEASE: &str = "mailboxes";

    /// Connects to tables created by [`PostgresTable::migrate`]. `owner` identifies this process.
    pub async fn connect(
        options: PgConnectOptions,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        owner: String,
    ) -> Result<Self, Error> {
        let server = Server::connect(options, &schema::SCHEMA).await?;
        let table = Self { server, programme, log, owner, moving: Mutex::new(None) };
        table.stands().await?;
        Ok(table)
    }

    /// Creates the tables, or migrates them, and returns the steps that were missing; with `dry`,
    /// it only returns them.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(schema::SCHEMA.migrate(options, dry).await?)
    }

    /// Processes the next events of the log, until some hundred thousand rows change; all of them
    /// while the table is empty. If another projector holds the lease, it does nothing and tries
    /// again when that lease may have expired.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.moving.lock().await;
        let known = held.take();
        let position = match &known {
            Some(moving) => moving.stored.checkpoint.position,
            None => self.position().await?,
        };
        let end = self.log.head().await?;
        if end < position {
            return Err(Error::LogShorter { projection: NAME, checkpoint: position, head: end });
        }
        if end == position {
            *held = known;
            return Ok(Tick::default());
        }
        let Some(lease) = self.lease().await? else {
            let later = TimeDelta::from_std(TTL).ok().and_then(|ttl| now.checked_add_signed(ttl));
            return Ok(Tick { progress: 0, next_wake: later });
        };
        let mut moving = self.take_over(known, &lease).await?;
        let taken = follow::take(self.log.as_ref(), &moving.stored, BOUNDS).await;
        if !matches!(taken, Ok(Taken { progress: 1.., .. })) {
            *held = Some(moving);
            return taken.map(|_| Tick::default());
        }
        let taken = taken?;
        // After an error the context is dropped: the next tick reads the checkpoint from the
        // database.
        self.write(&mut moving, &taken).await?;
        moving.stored = taken.after;
        *held = Some(moving);
        Ok(Tick { progress: taken.progress, next_wake: None })
    }

    /// Its checkpoint and its lag.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        status::status(NAME, self.server.reader(), self.log.as_ref(), now).await
    }

    /// A digest of all rows, the same for the same log, however they were built, and in either
    /// database.
    pub async fn digest(&self) -> Result<String, Error> {
        let (reader, name) = self.server.reader();
        Ok(digest::digest(reader, name).await?)
    }

    /// Empties the table and rebuilds it from the log; returns the number of events read. Readers
    /// see it filling up. An interrupted rebuild is harmless: the next tick resumes it.
    pub async fn rebuild(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut held = self.moving.lock().await;
        let Some(lease) = self.lease().await? else { return Err(self.taken_over()) };
        *held = None;
        let mut connection = self.stamped(&lease).await?;
        let emptied = async {
            const RESET: &str = "
                UPDATE checkpoint SET programme = $1, position = 0, first_event = NULL,
                    last_event = NULL
                WHERE token = $2";
            let mut transaction = connection.begin().await?;
            let mut writer = Writer::Postgres(&mut transaction);
            let given = vec![self.name(), Param::Number(signed(lease.token))];
            if writer.run(RESET, given).await? == 0 {
                return Ok(false);
            }
            writer.run("TRUNCATE mailbox, hold", Vec::new()).await?;
            transaction.commit().await.map(|()| true)
        };
        if !within(ANSWER, emptied).await.map_err(|error| self.fault(error))? {
            return Err(self.taken_over());
        }
        drop(held);
        let mut events = 0;
        loop {
            let tick = self.tick(now).await?;
            if tick.progress == 0 && tick.next_wake.is_some() {
                return Err(self.taken_over());
            }
            if tick.progress == 0 {
                // Released, so that the regular projector continues at once.
                self.log.claim(Self::LEASE, &self.owner, Duration::ZERO).await?;
                return Ok(events);
            }
            events += tick.progress;
        }
    }

    /// Closes the connections; later calls fail.
    pub async fn close(&self) -> Result<(), Error> {
        *self.moving.lock().await = None;
        self.server.close().await;
        Ok(())
    }

    async fn lease(&self) -> Result<Option<Lease>, Error> {
        Ok(self.log.claim(Self::LEASE, &self.owner, TTL).await?)
    }

    /// The checkpoint, from the database; it must be this programme's.
    async fn stands(&self) -> Result<Checkpoint, Error> {
        const ROW: &str = "SELECT programme, position, first_event, last_event FROM checkpoint";
        let (reader, name) = self.server.reader();
        let row = reader.rows(ROW, Vec::new()).await.map_err(|error| name.error(error))?.pop();
        let row: Option<(String, i64, Option<Uuid>, Option<Uuid>)> = row;
        let Some((found, position, first_event, last_event)) = row else {
            return Ok(Checkpoint::default());
        };
        if found != self.programme.as_str() {
            let programme = &self.programme;
            let problem = format!(
                "it belongs to the programme {found}, not to {programme}; use another database"
            );
            return Err(name.rejected(problem).into());
        }
        let position = u64::try_from(position).map_err(|error| name.corrupt(error))?;
        Ok(Checkpoint { position, first_event, last_event })
    }

    async fn position(&self) -> Result<u64, Error> {
        let (reader, name) = self.server.reader();
        status::position(reader, name).await
    }

    /// The starting point under a lease: the known one, if this projector held it before.
    async fn take_over(&self, known: Option<Moving>, lease: &Lease) -> Result<Moving, Error> {
        if let Some(known) = known.filter(|known| known.token == lease.token) {
            return Ok(known);
        }
        let connection = self.stamped(lease).await?;
        // Read after the token was written: no other process moves it from here on.
        let checkpoint = self.stands().await?;
        let stored = self.fold_to(checkpoint).await?;
        Ok(Moving { token: lease.token, connection, stored })
    }

    /// Writes the lease's token beside the checkpoint, which invalidates older ones.
    async fn stamped(&self, lease: &Lease) -> Result<PgConnection, Error> {
        const STAMP: &str = "
            INSERT INTO checkpoint VALUES (1, $1, 0, NULL, NULL, $2)
            ON CONFLICT (one) DO UPDATE SET token = excluded.token
            WHERE checkpoint.token <= excluded.token";
        let mut connection = self.server.connection().await?;
        let given = vec![self.name(), Param::Number(signed(lease.token))];
        let stamped = Writer::Postgres(&mut connection).run(STAMP, given).await;
        match stamped.map_err(|error| self.fault(error))? {
            0 => Err(self.taken_over()),
            _ => Ok(connection),
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
        Err(Error::OtherLog { place: self.server.name.to_string() })
    }

    async fn write(&self, moving: &mut Moving, taken: &Taken) -> Result<(), Error> {
        const MOVE: &str = "
            UPDATE checkpoint SET position = $1, first_event = $2, last_event = $3
            WHERE programme = $4 AND position = $5 AND token = $6";
        let Moving { token, connection, stored } = moving;
        let fault = |error| self.fault(error);
        let begun = within(ANSWER, connection.begin()).await;
        let mut transaction = begun.map_err(fault)?;
        let mut writer = Writer::Postgres(&mut transaction);
        // Derived data: a power failure loses rows and checkpoint together.
        let unhurried = writer.run("SET LOCAL synchronous_commit = off", Vec::new()).await;
        unhurried.map_err(fault)?;
        let Checkpoint { position, first_event, last_event } = taken.after.checkpoint;
        let given = vec![
            Param::Number(signed(position)),
            Param::OptionalId(first_event),
            Param::OptionalId(last_event),
            self.name(),
            Param::Number(signed(stored.checkpoint.position)),
            Param::Number(signed(*token)),
        ];
        if writer.run(MOVE, given).await.map_err(fault)? == 0 {
            return Err(self.taken_over());
        }
        let name = &self.server.name;
        write::rows(&mut writer, &self.programme, (stored, taken), name).await?;
        within(ANSWER, transaction.commit()).await.map_err(fault)?;
        Ok(())
    }

    fn name(&self) -> Param {
        Param::Text(self.programme.to_string())
    }

    fn fault(&self, error: sqlx::Error) -> sql::Error {
        self.server.name.error(error)
    }

    fn taken_over(&self) -> Error {
        Error::TakenOver { place: self.server.name.to_string() }
    }
}
