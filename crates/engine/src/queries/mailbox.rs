//! One mailbox on any date.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Event, Fact, Lifecycle, Plan, State, last_instant_of};
use eventstore::{RecordedEvent, programme_stream};
use projections::Cutoff;
use views::MailboxView;

use crate::store::Store;
use crate::{Error, MailboxRef};

/// The date of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// The end of that day in the plan's zone.
    Day(NaiveDate),
    /// That instant.
    Instant(DateTime<Utc>),
}

impl FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        let instant = DateTime::parse_from_rfc3339(text);
        instant.map(|instant| Self::Instant(instant.with_timezone(&Utc))).map_err(|_neither| {
            "write a date such as 2015-03-18 or an instant such as 2015-03-18T09:00:00Z".to_owned()
        })
    }
}

/// A mailbox as it was on a date, and the plan that was in force.
pub struct MailboxAsOf {
    /// The mailbox.
    pub view: MailboxView,
    /// The plan.
    pub plan: Plan,
}

impl Store {
    /// A mailbox as of a date, from what was recorded by another; both are now where they are not
    /// given.
    pub async fn mailbox_as_of(
        &self,
        mailbox: &MailboxRef,
        as_of: Option<AsOf>,
        known_at: Option<DateTime<Utc>>,
    ) -> Result<MailboxAsOf, Error> {
        let number = self.number_of(mailbox).await?;
        let now = self.now().await?;
        let is_past = known_at.is_some();
        let known_at = known_at.unwrap_or(now);
        let programme = self.plans(known_at).await?;
        let zone = plan_of(&programme, now)?.zone;
        let as_of = match as_of {
            Some(AsOf::Day(day)) => last_instant_of(day, zone),
            Some(AsOf::Instant(instant)) => instant,
            None => known_at,
        };
        let cutoff = Cutoff { as_of, known_at, zone };
        let (mailbox, entries) = self.history().await?.mailbox_as_of(number, cutoff).await?;
        if mailbox.lifecycle == Lifecycle::Unknown && is_past && entries.is_empty() {
            return Err(Error::NotFound(
                "no event of this mailbox was recorded by then; use a later --known-at".to_owned(),
            ));
        }
        let plan = plan_of(&programme, as_of)?.clone();
        // What had failed by then: the events of one mailbox are enough to fold.
        let mut state = State::default();
        for entry in &entries {
            state.evolve(&entry.fact);
        }
        let view = MailboxView::of(&mailbox, &entries, &plan, &state.failures, (as_of, known_at));
        Ok(MailboxAsOf { view, plan })
    }

    /// The plans that had been recorded by an instant.
    async fn plans(&self, known_at: DateTime<Utc>) -> Result<Vec<Fact>, Error> {
        let events = self.read_stream(&programme_stream(self.programme())?).await?;
        let is_plan = |kind: &str| kind == "plan-adopted" || kind == "plan-amended";
        let facts: Result<Vec<Fact>, _> = events
            .iter()
            .filter(|event| event.recorded_at <= known_at && is_plan(&event.event.kind))
            .map(RecordedEvent::fact)
            .collect();
        Ok(facts?)
    }
}

/// The plan in force at an instant. Before the first was adopted, the first: its dates were law
/// already.
fn plan_of(facts: &[Fact], as_of: DateTime<Utc>) -> Result<&Plan, Error> {
    let plans = facts.iter().filter_map(|fact| {
        let (Event::PlanAdopted(event) | Event::PlanAmended(event)) = &fact.event else {
            return None;
        };
        Some((fact.effective_at, &event.plan))
    });
    let mut before = plans.clone().filter(|(at, _)| *at <= as_of);
    before.next_back().or_else(|| plans.clone().next()).map(|(_, plan)| plan).ok_or_else(|| {
        Error::NotFound("no plan was recorded by then; use a later --known-at".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_a_day_and_an_instant_means_itself() {
        let day = NaiveDate::from_ymd_opt(2015, 3, 18).expect("a date");
        assert_eq!("2015-03-18".parse(), Ok(AsOf::Day(day)));
        let instant = "2015-03-17T23:00:00Z".parse().expect("an instant");
        assert_eq!("2015-03-18T00:00:00+01:00".parse(), Ok(AsOf::Instant(instant)));
        assert!("18/03/2015".parse::<AsOf>().is_err());
    }
}
