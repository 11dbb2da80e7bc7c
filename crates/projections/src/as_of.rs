//! Cutoffs for views of the past.
//!
//! Two cutoffs: an event counts if it took effect by one instant and was recorded by the other. A
//! registry file reports many days at once, so the days in its columns count, not the day of the
//! import: a registration or an activation counts from its civil date. A corrected date of request
//! replaces the former one from when the correction was recorded.
//!
//! Events are folded in the order of the log, not of their effect: the author of an event knew
//! those before it, and of two outcomes for one right the later record prevails.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{DateColumn, Event, Fact, State, civil_date};
use roaring::RoaringBitmap;

/// The part of the log that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoff {
    /// Events that took effect by this instant.
    pub as_of: DateTime<Utc>,
    /// Events that were recorded by this instant.
    pub known_at: DateTime<Utc>,
    /// The time zone of civil dates.
    pub zone: Tz,
}

impl Cutoff {
    /// The state of an instant as known at that instant.
    pub fn at(instant: DateTime<Utc>, zone: Tz) -> Self {
        Self { as_of: instant, known_at: instant, zone }
    }

    /// Does the event count? Events with columns of days count as soon as they are recorded.
    pub fn takes(&self, fact: &Fact) -> bool {
        let by_day = matches!(
            fact.event,
            Event::MailboxesRegistered(_)
                | Event::MailboxesActivated(_)
                | Event::RegistrationsCorrected(_)
        );
        fact.recorded_at <= self.known_at && (by_day || fact.effective_at <= self.as_of)
    }
}

/// The fold of a population as of a cutoff, or of one mailbox by its own events.
pub(crate) struct PopulationAsOf {
    cutoff: Cutoff,
    today: NaiveDate,
    state: State,
    /// Mailboxes whose date of request is still in the future.
    unrequested: RoaringBitmap,
    /// Mailboxes with an activation whose date has come.
    activated: RoaringBitmap,
}

impl PopulationAsOf {
    pub(crate) fn new(cutoff: Cutoff) -> Self {
        let today = civil_date(cutoff.as_of, cutoff.zone);
        let (unrequested, activated) = (RoaringBitmap::new(), RoaringBitmap::new());
        Self { cutoff, today, state: State::default(), unrequested, activated }
    }

    pub(crate) fn apply(&mut self, fact: &Fact) {
        if !self.cutoff.takes(fact) {
            return;
        }
        if let Event::MailboxesRegistered(event) = &fact.event {
            self.requested(event.first.., &event.requested_on);
            let activations = (event.first..).zip(event.activated_on.iter());
            let come = activations.filter(|(_, day)| day.is_some_and(|day| day <= self.today));
            self.activated.extend(come.map(|(number, _)| number));
        }
        if let Event::MailboxesActivated(event) = &fact.event {
            let activations = event.mailboxes.iter().enumerate();
            let come = activations.filter(|(place, _)| {
                event.activated_on.get(*place).is_none_or(|day| day <= self.today)
            });
            self.activated.extend(come.map(|(_, number)| number));
        }
        if let Event::RegistrationsCorrected(event) = &fact.event {
            self.requested(event.mailboxes.iter(), &event.requested_on);
        }
        self.state.evolve(fact);
    }

    /// Does an event of a mailbox count, once all of them were applied? Its registration counts
    /// from the day of its request, and its activation from its own day too.
    pub(crate) fn counts(&self, fact: &Fact, number: u32) -> bool {
        let requested = !self.unrequested.contains(number);
        if let Event::MailboxesActivated(event) = &fact.event {
            let day = day_of(&event.mailboxes, &event.activated_on, number);
            return requested && day.is_none_or(|day| day <= self.today);
        }
        requested || !matches!(fact.event, Event::MailboxesRegistered(_))
    }

    pub(crate) fn into_state(mut self) -> State {
        let unactivated = &self.state.rights.activated - &self.activated;
        self.state.exclude_later(&self.unrequested, &unactivated);
        self.state
    }

    fn requested(&mut self, numbers: impl Iterator<Item = u32>, days: &DateColumn) {
        for (number, day) in numbers.zip(days.iter()) {
            match day {
                Some(day) if day > self.today => self.unrequested.insert(number),
                Some(_) => self.unrequested.remove(number),
                None => false,
            };
        }
    }
}

/// The day of a mailbox in a column ordered by the numbers of a set.
fn day_of(set: &RoaringBitmap, days: &DateColumn, number: u32) -> Option<NaiveDate> {
    if !set.contains(number) {
        return None;
    }
    let place = usize::try_from(set.rank(number).checked_sub(1)?).ok()?;
    days.get(place)
}
