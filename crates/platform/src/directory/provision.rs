//! Provisioning: the mailboxes of the directory.

use sql::Failure;
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use super::super::Error;
use super::fault::Problem;
use super::{Directory, fault};

/// Rows per statement: more gain nothing, and the statement for a full batch is prepared once.
const ROWS: usize = 500;

impl Directory {
    /// Adds mailboxes with every right, or changes the addresses of existing ones, whose rights
    /// stay; stores the checkpoint of the log in the same transaction. An address belongs to one
    /// mailbox; mailboxes may swap addresses within one call. A call rewrites most of the address
    /// index, so batches of a hundred thousand rows are several times faster than batches of some
    /// thousands.
    pub async fn provision(&self, rows: &[(u32, String)], checkpoint: u64) -> Result<(), Error> {
        // No log is that long: this is the largest integer of SQLite.
        let checkpoint = i64::try_from(checkpoint).unwrap_or(i64::MAX);
        let mut writer = self.writer().await?;
        provision(&mut writer, rows, checkpoint).await.map_err(|error| {
            if Failure::of(&error) == Failure::Duplicate {
                let problem = "was given an address that another of its mailboxes has".to_owned();
                return Problem::Content(problem).at(&self.place);
            }
            fault::of(&self.place, error)
        })?;
        self.place.check().await
    }

    /// The position of the log up to which mailboxes are provisioned; 0 in a new directory.
    pub async fn checkpoint(&self) -> Result<u64, Error> {
        let mut reader = self.reader().await?;
        let (checkpoint,): (i64,) = sqlx::query_as("SELECT provisioned_to FROM directory")
            .fetch_one(&mut *reader)
            .await
            .map_err(|error| fault::of(&self.place, error))?;
        // Never negative: only `provision` writes it.
        Ok(u64::try_from(checkpoint).unwrap_or(0))
    }
}

async fn provision(
    connection: &mut SqliteConnection,
    rows: &[(u32, String)],
    checkpoint: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if let Err(error) = add(&mut transaction, rows).await {
        // A number or an address exists already: roll back, and update rows instead.
        if Failure::of(&error) != Failure::Duplicate {
            return Err(error);
        }
        transaction.rollback().await?;
        transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        give_up_addresses(&mut transaction, rows).await?;
        change(&mut transaction, rows).await?;
    }
    sqlx::query("UPDATE directory SET provisioned_to = ?")
        .bind(checkpoint)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

async fn add(connection: &mut SqliteConnection, rows: &[(u32, String)]) -> Result<(), sqlx::Error> {
    for rows in by_address(rows).chunks(ROWS) {
        insert_addresses(connection, rows, "").await?;
    }
    for rows in rows.chunks(ROWS) {
        insert_rights(connection, rows, "").await?;
    }
    Ok(())
}

/// Frees the current addresses of the rows' mailboxes, so that other rows can take them.
async fn give_up_addresses(
    connection: &mut SqliteConnection,
    rows: &[(u32, String)],
) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(ROWS) {
        let mut update = QueryBuilder::<Sqlite>::new(
            "UPDATE mailbox SET address = ' ' || number WHERE number IN (",
        );
        let mut list = update.separated(", ");
        for (number, _) in rows {
            list.push_bind(number);
        }
        update.push(")").build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn change(
    connection: &mut SqliteConnection,
    rows: &[(u32, String)],
) -> Result<(), sqlx::Error> {
    for rows in by_address(rows).chunks(ROWS) {
        let upsert = " ON CONFLICT (number) DO UPDATE SET address = excluded.address";
        insert_addresses(connection, rows, upsert).await?;
    }
    for rows in rows.chunks(ROWS) {
        insert_rights(connection, rows, " ON CONFLICT (number) DO NOTHING").await?;
    }
    Ok(())
}

/// Sorts rows by address: visiting the pages of the address index in order halves the time.
fn by_address(rows: &[(u32, String)]) -> Vec<&(u32, String)> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by(|one, other| one.1.cmp(&other.1));
    rows
}

async fn insert_addresses(
    connection: &mut SqliteConnection,
    rows: &[&(u32, String)],
    upsert: &'static str,
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO mailbox (number, address) ");
    insert.push_values(rows, |mut row, (number, address)| {
        row.push_bind(number).push_bind(address);
    });
    insert.push(upsert).build().execute(&mut *connection).await?;
    Ok(())
}

async fn insert_rights(
    connection: &mut SqliteConnection,
    rows: &[(u32, String)],
    upsert: &'static str,
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO armed (number) ");
    insert.push_values(rows, |mut row, (number, _)| {
        row.push_bind(number);
    });
    insert.push(upsert).build().execute(&mut *connection).await?;
    Ok(())
}
