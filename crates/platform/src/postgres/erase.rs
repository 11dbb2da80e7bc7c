//! The end of what the directory knows of holders: their addresses and passwords. Their numbers
//! stay, closed.

use roaring::RoaringBitmap;

use super::super::Error;
use super::PostgresDirectory;
use super::fault::Problem;

impl PostgresDirectory {
    /// Takes address and password of these mailboxes away, whose rights stay as they are, and
    /// writes the table anew so that no trace of them is left; answers how many had an address.
    /// Done again, it does nothing more. Mail servers that look rights up wait for it.
    pub async fn erase(&self, mailboxes: &RoaringBitmap) -> Result<u64, Error> {
        let numbers: Vec<i64> = mailboxes.iter().map(i64::from).collect();
        self.call(async |connection| {
            // Another user would be told nothing, and nothing would be written anew.
            let owned = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
                 WHERE oid = 'directory.mailbox'::regclass";
            let owned: bool = sqlx::query_scalar(owned).fetch_one(&mut *connection).await?;
            if !owned {
                return Err(Problem::Refused(
                    "can be written anew by the owner of its tables alone; do it as the user that \
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
