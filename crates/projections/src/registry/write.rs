//! What an import writes, each batch in one transaction.

use chrono::{DateTime, Utc};
use eventstore::NewEvent;
use sqlx::{Connection, Row, SqliteConnection};

use super::row::{self, from_day};
use super::schema::INDEXES;
use super::{Brief, Entry, Error, Keys, Numbered, Registry, outbox};

/// Rows in one statement. Each statement crosses to the database's thread once.
const ROWS: usize = 100;
const HEAD: &str = "
    INSERT INTO registration (number, registration_id, codice_fiscale, surname, name, address,
        requested_on, activated_on, last_sent_on, notify_email, digest) VALUES ";
const ONE: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// A row that is there is one that changed; its number is the one thing that never does.
const TAIL: &str = " ON CONFLICT (number) DO UPDATE SET
    registration_id = excluded.registration_id, codice_fiscale = excluded.codice_fiscale,
    surname = excluded.surname, name = excluded.name, address = excluded.address,
    requested_on = excluded.requested_on, activated_on = excluded.activated_on,
    last_sent_on = excluded.last_sent_on, notify_email = excluded.notify_email,
    digest = excluded.digest";

/// An import that has written something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportState {
    /// Its place among the imports of this registry.
    pub(crate) number: i64,
    /// By what its source is known again.
    pub(crate) source: String,
    pub(crate) started_at: DateTime<Utc>,
    /// The next number when it began: rows from there on are its own.
    pub(crate) first_new: u32,
    pub(crate) finished: bool,
}

/// What a row was before the last import changed it.
#[derive(Debug, Clone)]
pub(crate) struct Freed {
    pub(crate) number: u32,
    pub(crate) codice_fiscale: String,
    pub(crate) address: String,
}

/// One transaction of an import.
pub(crate) struct Write<'a> {
    pub(crate) import: &'a ImportState,
    pub(crate) rows: &'a [Numbered],
    pub(crate) freed: &'a [Freed],
    pub(crate) events: &'a [NewEvent],
}

impl Registry {
    /// Writes all of it or nothing.
    pub(crate) async fn write(&self, write: Write<'_>) -> Result<(), Error> {
        let mut writer = self.writer.lock().await;
        let written = async {
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
            write.run(&mut transaction).await?;
            transaction.commit().await
        };
        written.await.map_err(|error| self.place.fault(error))
    }

    /// The last import that wrote something.
    pub(crate) async fn last_import(&self) -> Result<Option<ImportState>, Error> {
        const LAST: &str = "
            SELECT number, source, started_at, first_new, finished FROM import
            ORDER BY number DESC LIMIT 1";
        let row = sqlx::query_as::<_, (i64, String, i64, u32, bool)>(LAST);
        let row = row.fetch_optional(&self.readers).await.map_err(|e| self.place.fault(e))?;
        Ok(row.map(|(number, source, started_at, first_new, finished)| {
            let started_at = DateTime::from_timestamp_micros(started_at).unwrap_or_default();
            ImportState { number, source, started_at, first_new, finished }
        }))
    }

    /// What the last import has changed.
    pub(crate) async fn freed(&self) -> Result<Vec<Freed>, Error> {
        const ALL: &str = "SELECT number, codice_fiscale, address FROM changed_row";
        let rows = sqlx::query_as::<_, (u32, String, String)>(ALL).fetch_all(&self.readers).await;
        let rows = rows.map_err(|error| self.place.fault(error))?;
        let freed = |(number, codice_fiscale, address)| Freed { number, codice_fiscale, address };
        Ok(rows.into_iter().map(freed).collect())
    }

    /// The keys of the registrations from a number on, at most `limit` of them.
    pub(crate) async fn keys(&self, from: u32, limit: u32) -> Result<Vec<Keys>, Error> {
        let rows = sqlx::query(row::KEYS).bind(from).bind(limit).fetch_all(&self.readers).await;
        let keys = rows.and_then(|rows| rows.iter().map(row::keys).collect());
        keys.map_err(|error| self.place.fault(error))
    }

    /// What is known of some numbers.
    pub(crate) async fn briefs(&self, numbers: &[u32]) -> Result<Vec<Brief>, Error> {
        let rows = sqlx::query(row::BRIEF).bind(row::json_numbers(numbers));
        let rows = rows.fetch_all(&self.readers).await.map_err(|e| self.place.fault(e))?;
        let brief = |row| Ok(Brief { keys: row::keys(row)?, digest: row.try_get(4)? });
        rows.iter().map(brief).collect::<Result<_, _>>().map_err(|e| self.place.fault(e))
    }

    /// The whole registrations of some numbers.
    pub(crate) async fn entries(&self, numbers: &[u32]) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(row::OF_NUMBERS).bind(row::json_numbers(numbers));
        let rows = rows.fetch_all(&self.readers).await.map_err(|e| self.place.fault(e))?;
        rows.iter().map(|row| row::entry(row, &self.place)).collect()
    }

    /// Makes the indexes that are not there yet.
    pub(crate) async fn index(&self) -> Result<(), Error> {
        let mut writer = self.writer.lock().await;
        for index in INDEXES {
            let made = sqlx::query(index).execute(&mut *writer).await;
            made.map_err(|error| self.place.fault(error))?;
        }
        Ok(())
    }
}

impl Write<'_> {
    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        // What an earlier import has changed is of no use any more.
        const STALE: &str = "
            DELETE FROM changed_row WHERE NOT EXISTS (SELECT 1 FROM import WHERE number = ?)";
        sqlx::query(STALE).bind(self.import.number).execute(&mut *connection).await?;
        for rows in self.rows.chunks(ROWS) {
            insert(connection, rows).await?;
        }
        for freed in self.freed {
            // What it was at the very first is what counts.
            const ADD: &str = "INSERT OR IGNORE INTO changed_row VALUES (?, ?, ?)";
            let row = sqlx::query(ADD).bind(freed.number);
            let row = row.bind(&freed.codice_fiscale).bind(&freed.address);
            row.execute(&mut *connection).await?;
        }
        for event in self.events {
            outbox::add(connection, event).await?;
        }
        let import = sqlx::query("INSERT OR REPLACE INTO import VALUES (?, ?, ?, ?, ?)")
            .bind(self.import.number)
            .bind(&self.import.source)
            .bind(self.import.started_at.timestamp_micros())
            .bind(self.import.first_new)
            .bind(self.import.finished);
        import.execute(connection).await.map(|_| ())
    }
}

async fn insert(connection: &mut SqliteConnection, rows: &[Numbered]) -> Result<(), sqlx::Error> {
    let statement = format!("{HEAD}{}{TAIL}", vec![ONE; rows.len()].join(", "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for Numbered { number, registration, digest } in rows {
        query = query
            .bind(*number)
            .bind(registration.registration_id.as_str())
            .bind(registration.codice_fiscale.as_str())
            .bind(registration.surname.as_str())
            .bind(registration.name.as_str())
            .bind(registration.address.as_str())
            .bind(from_day(registration.requested_on))
            .bind(registration.activated_on.map(from_day))
            .bind(registration.last_sent_on.map(from_day))
            .bind(registration.notify_email.as_deref())
            .bind(*digest);
    }
    query.execute(connection).await.map(|_| ())
}
