use chrono::{DateTime, Utc};
use sql::params;

use super::dialect::clamped;
use super::tables::{Access, Tables};
use super::{Directory, Mode};
use crate::Error;

impl Directory {
    /// Stops the directory's clock at an instant, or lets it run again. Only for rehearsals.
    pub async fn set_clock(&self, instant: Option<DateTime<Utc>>) -> Result<(), Error> {
        if self.mode == Mode::Production {
            return Err(self
                .name
                .unusable("has a clock that cannot be set: it was made for production"));
        }
        let micros = instant.map(|instant| clamped(instant).timestamp_micros());
        let work = async |tables: &mut Tables<'_>| {
            let set = tables.dialect().set_clock();
            tables.run(set, params![micros]).await
        };
        self.transact(Access::Write, work).await?;
        Ok(())
    }
}
