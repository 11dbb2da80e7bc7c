//! The mail servers' refusal texts, and the passwords of mailboxes.

use domain::Refusals;
use sqlx::{AssertSqlSafe, Connection};

use super::super::password::PasswordHash;
use super::super::{Error, said};
use super::{Directory, fault};

impl Directory {
    /// Sets the texts with which mail servers refuse after a right has ended. Returns whether they
    /// changed.
    pub async fn say(&self, refusals: &Refusals) -> Result<bool, Error> {
        let columns = said::COLUMNS;
        let sql = format!(
            "UPDATE refusal SET ({columns}) = (?1, ?2, ?3, ?4, ?5)
             WHERE ({columns}) IS NOT (?1, ?2, ?3, ?4, ?5)"
        );
        let mut update = sqlx::query(AssertSqlSafe(sql));
        for value in said::values(refusals) {
            update = update.bind(value);
        }
        let mut writer = self.writer().await?;
        let done =
            update.execute(&mut *writer).await.map_err(|error| fault::of(&self.place, error))?;
        self.place.check().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Sets or removes passwords of mailboxes in one transaction, and skips unknown mailboxes.
    /// Returns how many are known. Operators may do the same in SQL: `UPDATE mailbox SET password =
    /// '{…}…' WHERE address = '…'`.
    pub async fn set_passwords(
        &self,
        passwords: &[(u32, Option<PasswordHash>)],
    ) -> Result<u64, Error> {
        let at = |error| fault::of(&self.place, error);
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(at)?;
        let mut held = 0;
        for (number, password) in passwords {
            let update = sqlx::query("UPDATE mailbox SET password = ? WHERE number = ?")
                .bind(password.as_ref().map(PasswordHash::as_str))
                .bind(number);
            held += update.execute(&mut *transaction).await.map_err(at)?.rows_affected();
        }
        transaction.commit().await.map_err(at)?;
        self.place.check().await?;
        Ok(held)
    }
}
