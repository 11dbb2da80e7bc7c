//! Provisioning: the mailboxes of the directory.

use std::collections::{BTreeMap, BTreeSet};

use sql::Failure;
use sqlx::{Connection, PgConnection};

use super::super::Error;
use super::PostgresDirectory;
use super::fault::Problem;
use super::set;

impl PostgresDirectory {
    /// Adds mailboxes with every right, or changes the addresses of existing ones, whose rights
    /// stay; stores the checkpoint of the log in the same transaction. An address belongs to one
    /// mailbox, ignoring case; mailboxes may swap addresses within one call. If another process has
    /// moved the checkpoint further, nothing is changed, and the call may be retried from there.
    pub async fn provision(&self, rows: &[(u32, String)], checkpoint: u64) -> Result<(), Error> {
        // No log is that long: this is the largest integer of PostgreSQL.
        let checkpoint = i64::try_from(checkpoint).unwrap_or(i64::MAX);
        // If a mailbox has several rows, the last one counts.
        let rows: BTreeMap<u32, String> =
            rows.iter().map(|(number, address)| (*number, address.to_ascii_lowercase())).collect();
        let numbers: Vec<u32> = rows.keys().copied().collect();
        let addresses: Vec<String> = rows.into_values().collect();
        self.call(async |connection| provision(connection, &numbers, &addresses, checkpoint).await)
            .await
    }

    /// The position of the log up to which mailboxes are provisioned; 0 in a new directory.
    pub async fn checkpoint(&self) -> Result<u64, Error> {
        let sql = "SELECT provisioned_to FROM directory.directory";
        let checkpoint: i64 = self
            .call(async |connection| Ok(sqlx::query_scalar(sql).fetch_one(connection).await?))
            .await?;
        // Never negative: only `provision` writes it.
        Ok(u64::try_from(checkpoint).unwrap_or(0))
    }
}

async fn provision(
    connection: &mut PgConnection,
    numbers: &[u32],
    addresses: &[String],
    checkpoint: i64,
) -> Result<(), Problem> {
    let keys: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = connection.begin_with(begin).await?;
    // Locked first: concurrent calls are serialized.
    let known: i64 =
        sqlx::query_scalar("SELECT provisioned_to FROM directory.directory FOR UPDATE")
            .fetch_one(&mut *transaction)
            .await?;
    if known > checkpoint {
        return Err(Problem::Superseded(format!(
            "was provisioned up to position {known} of the log by another process, beyond \
             {checkpoint}; go on from there"
        )));
    }
    // A call that changes a range of numbers must not meet new ones in it.
    let parts: BTreeSet<u32> = numbers.iter().map(|number| number >> 16).collect();
    set::lock(&mut transaction, parts).await?;
    sqlx::query(
        "INSERT INTO directory.mailbox AS known (number, address)
         SELECT * FROM unnest($1::bigint[], $2::text[])
         ON CONFLICT (number) DO UPDATE SET address = excluded.address
           WHERE known.address <> excluded.address",
    )
    .bind(&keys)
    .bind(addresses)
    .persistent(false)
    .execute(&mut *transaction)
    .await
    .map_err(taken)?;
    sqlx::query(
        "INSERT INTO directory.armed (number) SELECT * FROM unnest($1::bigint[])
         ON CONFLICT (number) DO NOTHING",
    )
    .bind(&keys)
    .persistent(false)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE directory.directory SET provisioned_to = $1")
        .bind(checkpoint)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// A conflict of addresses is reported without naming the address.
fn taken(error: sqlx::Error) -> Problem {
    if Failure::of(&error) == Failure::Duplicate {
        return Problem::Refused(
            "was given an address that another of its mailboxes has".to_owned(),
        );
    }
    Problem::Database(error)
}
