//! Erasure of personal data in the directory: addresses and passwords. The numbers stay, closed.

use roaring::RoaringBitmap;

use super::super::Error;
use super::PostgresDirectory;
use super::fault::Problem;

impl PostgresDirectory {
    /// Erases address and password of these mailboxes, keeps their rights, and rewrites the table
    /// so that no residue is left; returns how many had an address. Idempotent. Queries of mail
    /// servers wait for it.
    pub async fn erase(&self, mailboxes: &RoaringBitmap) -> Result<u64, Error> {
        let numbers: Vec<i64> = mailboxes.iter().map(i64::from).collect();
        self.call(async |connection| {
            // For another user VACUUM would only warn, and rewrite nothing.
            let owned = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
                 WHERE oid = 'directory.mailbox'::regclass";
            let owned: bool = sqlx::query_scalar(owned).fetch_one(&mut *connection).await?;
            if !owned {
                return Err(Problem::Refused(
                    "can be rewritten only by the owner of its tables; run this as the user that \
                     runs `tramonto store migrate`"
                        .to_owned(),
                ));
            }
            let update = sqlx::query(
                "UPDATE directory.mailbox SET address = ' ' || number, password = NULL
                 WHERE number = ANY ($1) AND (address NOT LIKE ' %' OR password IS NOT NULL)",
            );
            let update = update.bind(&numbers).persistent(false);
            let erased = update.execute(&mut *connection).await?.rows_affected();
            sqlx::raw_sql("VACUUM (FULL) directory.mailbox").execute(&mut *connection).await?;
            Ok(erased)
        })
        .await
    }
}
