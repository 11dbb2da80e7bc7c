//! Erasure of personal data in the directory: addresses and passwords. The numbers stay, closed.

use roaring::RoaringBitmap;
use sqlx::Connection;

use super::super::Error;
use super::file::unavailable;
use super::{Directory, fault};

/// Numbers per statement.
const NUMBERS: usize = 8_192;

impl Directory {
    /// Erases address and password of these mailboxes, keeps their rights, and rewrites the file so
    /// that no residue is left; returns how many had an address. Idempotent. While another program
    /// reads the file the call fails and may be retried.
    pub async fn erase(&self, mailboxes: &RoaringBitmap) -> Result<u64, Error> {
        let at = |error| fault::of(&self.place, error);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(at)?;
        let (mut erased, mut rest) = (0, mailboxes.iter());
        loop {
            let page: Vec<String> = rest.by_ref().take(NUMBERS).map(|n| n.to_string()).collect();
            if page.is_empty() {
                break;
            }
            let update = sqlx::query(
                "UPDATE mailbox SET address = ' ' || number, password = NULL
                 WHERE number IN (SELECT value FROM json_each(?))
                   AND (address NOT LIKE ' %' OR password IS NOT NULL)",
            );
            let update = update.bind(format!("[{}]", page.join(",")));
            erased += update.execute(&mut *transaction).await.map_err(at)?.rows_affected();
        }
        transaction.commit().await.map_err(at)?;
        sqlx::raw_sql("VACUUM").execute(&mut *writer).await.map_err(at)?;
        let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
        let (busy, _, _): (i64, i64, i64) = checkpoint.fetch_one(&mut *writer).await.map_err(at)?;
        if busy != 0 {
            let busy = "is read by another program just now; try again";
            return Err(unavailable(self.place.path(), busy));
        }
        self.place.check().await?;
        Ok(erased)
    }
}
