use sqlx::{AssertSqlSafe, Connection};

use super::super::{Error, RightsView};
use super::PostgresDirectory;

impl PostgresDirectory {
    /// Creates or replaces the view in the schema `directory`, and grants SELECT on it to the role
    /// `tramonto_mail` if it exists. A table of that name is an error. Needs the owner of the
    /// schema.
    pub async fn make_view(&self, view: &RightsView) -> Result<(), Error> {
        let (name, columns) = (view.name(), view.select());
        let sql = format!(
            "DROP VIEW IF EXISTS directory.\"{name}\";
             CREATE VIEW directory.\"{name}\" AS SELECT {columns} FROM directory.rights;
             DO $$ BEGIN
               IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tramonto_mail') THEN
                 GRANT SELECT ON directory.\"{name}\" TO tramonto_mail;
               END IF;
             END $$"
        );
        self.call(async |connection| {
            let mut transaction = connection.begin().await?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}
