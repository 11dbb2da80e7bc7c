//! Effects that failed permanently.

use views::IncidentGroup;

use crate::Error;
use crate::store::Store;

impl Store {
    /// The incidents, grouped by phase and cause.
    pub async fn incidents(&self) -> Result<Vec<IncidentGroup>, Error> {
        Ok(projections::incidents(&*self.journal().state().await?))
    }
}
