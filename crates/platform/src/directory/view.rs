use sqlx::AssertSqlSafe;

use super::super::{Error, RightsView};
use super::{Directory, fault};

impl Directory {
    /// Creates or replaces the view. A table of that name is an error.
    pub async fn make_view(&self, view: &RightsView) -> Result<(), Error> {
        let (name, columns) = (view.name(), view.select());
        let sql = format!(
            "BEGIN IMMEDIATE; DROP VIEW IF EXISTS \"{name}\";
             CREATE VIEW \"{name}\" AS SELECT {columns} FROM rights; COMMIT"
        );
        let mut writer = self.writer().await?;
        let made = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *writer).await;
        if let Err(error) = made {
            // Nothing of it is left; without a transaction there is nothing to roll back.
            drop(sqlx::raw_sql("ROLLBACK").execute(&mut *writer).await);
            return Err(fault::of(&self.place, error));
        }
        self.place.check().await
    }
}
