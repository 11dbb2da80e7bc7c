//! The mail servers' refusal texts.

use domain::Refusals;
use sql::Param;

use super::Directory;
use super::tables::{Access, Tables};
use crate::{Error, said};

impl Directory {
    /// Sets the texts with which mail servers refuse after a right has ended. Returns whether they
    /// changed.
    pub async fn set_refusals(&self, refusals: &Refusals) -> Result<bool, Error> {
        let columns = said::COLUMNS;
        let update = format!(
            "UPDATE refusal SET ({columns}) = ($1, $2, $3, $4, $5)
             WHERE ({columns}) IS DISTINCT FROM ($1, $2, $3, $4, $5)"
        );
        let values = said::values(refusals).map(Param::Text).into();
        let work = async |tables: &mut Tables<'_>| tables.run(update, values).await;
        Ok(self.transact(Access::Write, work).await? > 0)
    }
}
