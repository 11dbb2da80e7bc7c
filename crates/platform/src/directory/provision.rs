//! Provisioning: the mailboxes of the directory.

use std::collections::{BTreeMap, BTreeSet};

use sql::{Failure, Param, params};

use super::Directory;
use super::dialect::Dialect;
use super::name::Problem;
use super::set::fences;
use super::tables::{Access, Tables};
use crate::Error;

impl Directory {
    /// Adds mailboxes with every right, or changes the addresses of existing ones, whose rights
    /// stay; stores the checkpoint of the log in the same transaction. An address belongs to one
    /// mailbox, ignoring case; mailboxes may swap addresses in one call. On a server, if another
    /// process has moved the checkpoint further, nothing is changed, and the call may be retried
    /// from there. A call rewrites most of a file's address index, so batches of a hundred thousand
    /// rows are several times faster than batches of some thousands.
    pub async fn provision(&self, rows: &[(u32, String)], checkpoint: u64) -> Result<(), Error> {
        // No log is that long: this is the largest integer of either database.
        let checkpoint = i64::try_from(checkpoint).unwrap_or(i64::MAX);
        // If a mailbox has several rows, the last one counts.
        let rows: BTreeMap<u32, String> =
            rows.iter().map(|(number, address)| (*number, address.to_ascii_lowercase())).collect();
        let work = async |tables: &mut Tables<'_>| provision(tables, rows, checkpoint).await;
        self.transact(Access::Write, work).await
    }

    /// The position of the log up to which mailboxes are provisioned; 0 in a new directory.
    pub async fn checkpoint(&self) -> Result<u64, Error> {
        let select = "SELECT provisioned_to FROM directory";
        let work = async |tables: &mut Tables<'_>| tables.row(select, Vec::new()).await;
        let (checkpoint,): (i64,) = self.transact(Access::Read, work).await?;
        // Never negative: only `provision` writes it.
        Ok(u64::try_from(checkpoint).unwrap_or(0))
    }
}

async fn provision(
    tables: &mut Tables<'_>,
    rows: BTreeMap<u32, String>,
    checkpoint: i64,
) -> Result<(), Problem> {
    let dialect = tables.dialect();
    if dialect == Dialect::Postgres {
        // Locked first: concurrent calls are serialized.
        let known = "SELECT provisioned_to FROM directory FOR UPDATE";
        let (known,): (i64,) = tables.row(known, Vec::new()).await?;
        if known > checkpoint {
            return Err(Problem::Superseded(format!(
                "was provisioned up to position {known} of the log by another process, beyond \
                 {checkpoint}; go on from there"
            )));
        }
        // A call that changes a range of numbers must not meet new ones in it.
        let parts: BTreeSet<u32> = rows.keys().map(|number| number >> 16).collect();
        fences(tables, parts).await?;
    }
    let numbers = Param::Numbers(rows.keys().copied().map(i64::from).collect());
    let json = Param::Text(by_address(rows)?);
    let given = format!(
        "SELECT CAST(value ->> 0 AS bigint) AS number, value ->> 1 AS address FROM {}",
        dialect.elements()
    );
    // Addresses that change are released first, so that other mailboxes of the call can take them.
    let give_up = format!(
        "UPDATE mailbox SET address = ' ' || mailbox.number FROM ({given}) AS given
         WHERE mailbox.number = given.number AND mailbox.address <> given.address"
    );
    tables.run(give_up, vec![json.clone()]).await?;
    let add = format!(
        "INSERT INTO mailbox AS known (number, address) {given} WHERE true
         ON CONFLICT (number) DO UPDATE SET address = excluded.address
           WHERE known.address <> excluded.address"
    );
    tables.run(add, vec![json]).await.map_err(taken)?;
    let arm = match dialect {
        Dialect::Sqlite => "SELECT value FROM json_each($1) WHERE true",
        Dialect::Postgres => "SELECT * FROM unnest($1)",
    };
    let arm = format!("INSERT INTO armed (number) {arm} ON CONFLICT (number) DO NOTHING");
    tables.run(arm, vec![numbers]).await?;
    tables.run("UPDATE directory SET provisioned_to = $1", params![checkpoint]).await?;
    Ok(())
}

/// The rows as JSON, sorted by address: `SQLite` writes the pages of the address index in order in
/// half the time.
fn by_address(rows: BTreeMap<u32, String>) -> Result<String, Problem> {
    let mut rows: Vec<(u32, String)> = rows.into_iter().collect();
    rows.sort_unstable_by(|one, other| one.1.cmp(&other.1));
    serde_json::to_string(&rows).map_err(|error| Problem::Refused(error.to_string()))
}

/// A conflict of addresses is reported without naming the address.
fn taken(problem: Problem) -> Problem {
    if matches!(&problem, Problem::Database(error) if Failure::of(error) == Failure::Duplicate) {
        return Problem::Refused(
            "was given an address that another of its mailboxes has".to_owned(),
        );
    }
    problem
}
