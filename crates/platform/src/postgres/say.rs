//! The mail servers' refusal texts, and the passwords of mailboxes.

use domain::Refusals;
use sqlx::AssertSqlSafe;

use super::super::password::PasswordHash;
use super::super::{Error, said};
use super::PostgresDirectory;

impl PostgresDirectory {
    /// Sets the texts with which mail servers refuse after a right has ended. Returns whether they
    /// changed.
    pub async fn say(&self, refusals: &Refusals) -> Result<bool, Error> {
        let columns = said::COLUMNS;
        let sql = format!(
            "UPDATE directory.refusal SET ({columns}) = ROW($1, $2, $3, $4, $5)
             WHERE ({columns}) IS DISTINCT FROM ($1, $2, $3, $4, $5)"
        );
        let values = said::values(refusals);
        self.call(async |connection| {
            let mut update = sqlx::query(AssertSqlSafe(sql));
            for value in values {
                update = update.bind(value);
            }
            Ok(update.execute(connection).await?.rows_affected() > 0)
        })
        .await
    }

    /// Sets or removes passwords of mailboxes in one transaction, and skips unknown mailboxes.
    /// Returns how many are known. Operators may do the same in SQL: `UPDATE directory.mailbox SET
    /// password = '{…}…' WHERE address = '…'`.
    pub async fn set_passwords(
        &self,
        passwords: &[(u32, Option<PasswordHash>)],
    ) -> Result<u64, Error> {
        let numbers: Vec<i64> = passwords.iter().map(|(number, _)| i64::from(*number)).collect();
        let hashes: Vec<Option<&str>> = passwords
            .iter()
            .map(|(_, password)| password.as_ref().map(PasswordHash::as_str))
            .collect();
        self.call(async |connection| {
            let update = sqlx::query(
                "UPDATE directory.mailbox AS known SET password = given.password
                 FROM unnest($1::bigint[], $2::text[]) AS given (number, password)
                 WHERE known.number = given.number",
            )
            .bind(&numbers)
            .bind(&hashes)
            .persistent(false);
            Ok(update.execute(connection).await?.rows_affected())
        })
        .await
    }
}
