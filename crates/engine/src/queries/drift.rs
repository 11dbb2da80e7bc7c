//! Differences between the platform and the log, on any day.

use chrono::NaiveDate;
use domain::{Event, civil_date, last_instant_of};
use eventstore::drift_stream;
use projections::Cutoff;
use views::{CheckView, DriftCertificate};

use super::status::no_plan;
use crate::Error;
use crate::store::Store;

impl Store {
    /// What the log proves about drift on a day; today where none is given.
    pub async fn drift_certificate(
        &self,
        date: Option<NaiveDate>,
    ) -> Result<DriftCertificate, Error> {
        let now = self.now().await?;
        let zone = self.journal().state().await?.plan().map(|plan| plan.zone);
        let zone = zone.ok_or_else(no_plan)?;
        let today = civil_date(now, zone);
        let date = date.unwrap_or(today);
        if date > today {
            return Err(Error::Invalid(format!(
                "{date} is in the future; give today or an earlier date"
            )));
        }
        let as_of = last_instant_of(date, zone).min(now);
        let cutoff = Cutoff { as_of, known_at: now, zone };
        let state = self.history().await?.population_as_of(cutoff).await?;
        Ok(DriftCertificate::of(date, as_of, &state, self.drift_checks().await?))
    }

    /// Every comparison that was completed, in the order of the log.
    async fn drift_checks(&self) -> Result<Vec<CheckView>, Error> {
        let mut checks = Vec::new();
        for event in self.read_stream(&drift_stream(self.programme())?).await? {
            let fact = event.fact()?;
            if let Event::DriftChecked(check) = &fact.event {
                checks.push(CheckView::of(check, fact.position, fact.recorded_at));
            }
        }
        Ok(checks)
    }
}
