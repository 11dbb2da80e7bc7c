//! The writes of an import, each batch in one transaction.

use chrono::{DateTime, Utc};
use domain::Registration;
use eventstore::NewEvent;
use sql::{ANSWER, Param, Transaction, Writer, params, within};
use sqlx::{PgConnection, SqliteConnection};

use super::row::{self, from_day};
use super::{Entry, Error, Keys, Numbered, Registry, outbox};

/// Rows per statement of `SQLite`. Each statement crosses to the database's thread once.
const ROWS: usize = 100;
const HEAD: &str = "
    INSERT INTO registration (number, registration_id, codice_fiscale, surname, name, address,
        requested_on, activated_on, last_sent_on, notify_email, digest) ";
const ONE: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// In `PostgreSQL` all rows of a batch go in one statement, as one array per column.
const ARRAYS: &str = "
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[])";
/// An existing row is a changed one; only its number never changes.
const TAIL: &str = " ON CONFLICT (number) DO UPDATE SET
    registration_id = excluded.registration_id, codice_fiscale = excluded.codice_fiscale,
    surname = excluded.surname, name = excluded.name, address = excluded.address,
    requested_on = excluded.requested_on, activated_on = excluded.activated_on,
    last_sent_on = excluded.last_sent_on, notify_email = excluded.notify_email,
    digest = excluded.digest";

/// An import that has written something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportState {
    /// Its sequence number in this registry.
    pub(crate) number: i64,
    /// The identity of its source.
    pub(crate) source: String,
    pub(crate) started_at: DateTime<Utc>,
    /// The next number when it started: rows from there on are its own.
    pub(crate) first_new: u32,
    pub(crate) finished: bool,
}

/// A row's keys before the last import changed it.
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

/// The row of an import.
type ImportRow = (i64, String, i64, i64, bool);

impl Registry {
    /// The last import that wrote something.
    pub(crate) async fn last_import(&self) -> Result<Option<ImportState>, Error> {
        const LAST: &str = "
            SELECT number, source, started_at, first_new, finished FROM import
            ORDER BY number DESC LIMIT 1";
        let read = |(number, source, started_at, first_new, finished): ImportRow| {
            let started_at = DateTime::from_timestamp_micros(started_at).unwrap_or_default();
            let first_new = row::number_of(first_new)?;
            Ok(ImportState { number, source, started_at, first_new, finished })
        };
        Ok(self.tables.all(LAST, Vec::new(), read).await?.pop())
    }

    /// The rows that the last import has changed.
    pub(crate) async fn freed(&self) -> Result<Vec<Freed>, Error> {
        const ALL: &str = "SELECT number, codice_fiscale, address FROM changed_row";
        let read = |(number, codice_fiscale, address): (i64, String, String)| {
            Ok(Freed { number: row::number_of(number)?, codice_fiscale, address })
        };
        Ok(self.tables.all(ALL, Vec::new(), read).await?)
    }

    /// The keys of the registrations from a number on, at most `limit` of them.
    pub(crate) async fn keys(&self, from: u32, limit: u32) -> Result<Vec<Keys>, Error> {
        Ok(self.tables.all(row::KEYS, params![from, limit], row::keys).await?)
    }

    /// The keys of some mailboxes.
    pub(crate) async fn keys_of(&self, numbers: &[u32]) -> Result<Vec<Keys>, Error> {
        Ok(self.tables.all(row::KEYS_OF, vec![given(numbers)], row::keys).await?)
    }

    /// The keys of the mailboxes with the id, the holder or the address of a registration.
    pub(crate) async fn keys_like(&self, like: &Registration) -> Result<Vec<Keys>, Error> {
        let Registration { registration_id, codice_fiscale, address, .. } = like;
        let given = params![registration_id.as_str(), codice_fiscale.as_str(), address.as_str()];
        Ok(self.tables.all(row::KEYS_LIKE, given, row::keys).await?)
    }

    /// The whole registrations of some numbers, in their order.
    pub(crate) async fn entries(&self, numbers: &[u32]) -> Result<Vec<Entry>, Error> {
        Ok(self.tables.all(row::OF_NUMBERS, vec![given(numbers)], row::entry).await?)
    }
}

fn given(numbers: &[u32]) -> Param {
    Param::Numbers(numbers.iter().map(|number| i64::from(*number)).collect())
}

impl Write<'_> {
    pub(super) async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), sql::Error> {
        // Changes of an earlier import are no longer needed.
        const STALE: &str = "
            DELETE FROM changed_row WHERE NOT EXISTS (SELECT 1 FROM import WHERE number = $1)";
        transaction.run(STALE, params![self.import.number]).await?;
        let (name, writer) = transaction.writer()?;
        let inserted = match writer {
            Writer::Sqlite(connection) => insert(connection, self.rows).await,
            Writer::Postgres(connection) => insert_arrays(connection, self.rows).await,
        };
        inserted.map_err(|error| name.error(error))?;
        for freed in self.freed {
            // The state before the first change is what counts.
            const ADD: &str =
                "INSERT INTO changed_row VALUES ($1, $2, $3) ON CONFLICT (number) DO NOTHING";
            let Freed { number, codice_fiscale, address } = freed.clone();
            transaction.run(ADD, params![number, codice_fiscale, address]).await?;
        }
        for event in self.events {
            outbox::add(transaction, event).await?;
        }
        const IMPORT: &str = "
            INSERT INTO import VALUES ($1, $2, $3, $4, $5) ON CONFLICT (number) DO UPDATE SET
                source = excluded.source, started_at = excluded.started_at,
                first_new = excluded.first_new, finished = excluded.finished";
        let ImportState { number, source, started_at, first_new, finished } = self.import;
        let started_at = started_at.timestamp_micros();
        let given = params![*number, source.as_str(), started_at, *first_new, *finished];
        transaction.run(IMPORT, given).await.map(|_| ())
    }
}

async fn insert(connection: &mut SqliteConnection, rows: &[Numbered]) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(ROWS) {
        let statement = format!("{HEAD}VALUES {}{TAIL}", vec![ONE; rows.len()].join(", "));
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
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_arrays(
    connection: &mut PgConnection,
    rows: &[Numbered],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Numbered) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let days = |of: fn(&Numbered) -> Option<i64>| rows.iter().map(of).collect::<Vec<_>>();
    let texts = |of: fn(&Numbered) -> &str| -> Vec<String> {
        rows.iter().map(|row| of(row).to_owned()).collect()
    };
    let notices: Vec<_> = rows.iter().map(|row| row.registration.notify_email.clone()).collect();
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("{HEAD}{ARRAYS}{TAIL}")))
        .bind(numbers(|row| row.number.into()))
        .bind(texts(|row| &row.registration.registration_id))
        .bind(texts(|row| row.registration.codice_fiscale.as_str()))
        .bind(texts(|row| &row.registration.surname))
        .bind(texts(|row| &row.registration.name))
        .bind(texts(|row| &row.registration.address))
        .bind(numbers(|row| from_day(row.registration.requested_on)))
        .bind(days(|row| row.registration.activated_on.map(from_day)))
        .bind(days(|row| row.registration.last_sent_on.map(from_day)))
        .bind(notices)
        .bind(numbers(|row| row.digest));
    within(ANSWER, query.execute(connection)).await.map(|_| ())
}
