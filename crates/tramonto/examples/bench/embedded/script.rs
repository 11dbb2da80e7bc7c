//! The bare script that one would write instead: one UPDATE and one INSERT … SELECT in a
//! transaction.

use std::path::Path;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::Fallible;

/// Its wall time over these mailboxes, on a fresh table in the folder.
pub(crate) async fn run(folder: &Path, mailboxes: RoaringBitmap) -> Fallible<Duration> {
    let path = folder.join("script.db");
    for suffix in ["", "-wal", "-shm"] {
        let file = folder.join(format!("script.db{suffix}"));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    for statement in [
        "CREATE TABLE mailbox (id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,
         can_send INTEGER NOT NULL, can_receive INTEGER NOT NULL, can_login INTEGER NOT NULL)",
        "CREATE TABLE audit (mailbox INTEGER NOT NULL, action TEXT NOT NULL, at TEXT NOT NULL)",
    ] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    let mut transaction = connection.begin().await?;
    let numbers: Vec<u32> = mailboxes.iter().collect();
    for chunk in numbers.chunks(5_000) {
        let rows: Vec<String> = chunk
            .iter()
            .map(|n| format!("({n},'name.surname{n}@postacertificata.example',1,1,1)"))
            .collect();
        let insert = format!("INSERT INTO mailbox VALUES {}", rows.join(","));
        sqlx::query(AssertSqlSafe(insert)).persistent(false).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;

    let begun = Instant::now();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("UPDATE mailbox SET can_send = 0").execute(&mut *transaction).await?;
    sqlx::query(
        "INSERT INTO audit SELECT id, 'sending disabled', '2015-03-18T00:00:00' FROM mailbox",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let took = begun.elapsed();
    connection.close().await?;
    Ok(took)
}
