//! Cutoffs for views of the past.
//!
//! Two cutoffs: an event counts if it took effect by one instant and was recorded by the other. A
//! registry file reports many days at once, so the days in its columns count, not the day of the
//! import: a registration or an activation counts from its civil date. A corrected date of request
//! replaces the former one from when the correction was recorded.
//!
//! Events are folded in the order of the log, not of their effect: the author of an event knew
//! those before it, and of two outcomes for one right the later record prevails.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{DateColumn, Event, Fact, MailboxesRegistered, State, civil_date};
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

/// The fold of a whole population as of a cutoff.
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

    pub(crate) fn into_state(mut self) -> State {
        let unactivated = self.state.rights.activated() - &self.activated;
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

/// The events of one mailbox that count: of a batch of registrations, the mailbox's own row with
/// the days that have come.
pub(crate) fn counted<'a>(
    facts: impl Iterator<Item = &'a Fact>,
    number: u32,
    cutoff: &Cutoff,
) -> Vec<(&'a Fact, Cow<'a, Event>)> {
    let today = civil_date(cutoff.as_of, cutoff.zone);
    let known: Vec<&Fact> = facts.filter(|fact| cutoff.takes(fact)).collect();
    let requested_on =
        known.iter().filter_map(|fact| requested_on(&fact.event, number)).next_back();
    let later = requested_on.is_some_and(|day| day > today);
    let as_it_counts = |fact: &'a Fact| {
        if let Event::MailboxesRegistered(event) = &fact.event {
            let row = own_row(event, number, today).filter(|_| !later)?;
            return Some(Cow::Owned(Event::MailboxesRegistered(row)));
        }
        if let Event::MailboxesActivated(event) = &fact.event {
            let day = day_of(&event.mailboxes, &event.activated_on, number);
            if later || day.is_some_and(|day| day > today) {
                return None;
            }
        }
        Some(Cow::Borrowed(&fact.event))
    };
    known.into_iter().filter_map(|fact| as_it_counts(fact).map(|event| (fact, event))).collect()
}

fn requested_on(event: &Event, number: u32) -> Option<NaiveDate> {
    if let Event::MailboxesRegistered(event) = event {
        let place = usize::try_from(number.checked_sub(event.first)?).ok()?;
        return event.requested_on.get(place);
    }
    if let Event::RegistrationsCorrected(event) = event {
        return day_of(&event.mailboxes, &event.requested_on, number);
    }
    None
}

fn own_row(
    event: &MailboxesRegistered,
    number: u32,
    today: NaiveDate,
) -> Option<MailboxesRegistered> {
    let place = usize::try_from(number.checked_sub(event.first)?).ok()?;
    let activated = event.activated_on.get(place).filter(|day| *day <= today);
    let requested = event.requested_on.get(place);
    let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
    // The days come from such a column, so they fit into one.
    requested_on.push(requested).ok()?;
    activated_on.push(activated).ok()?;
    Some(MailboxesRegistered { first: number, requested_on, activated_on })
}

/// The day of a mailbox in a column ordered by the numbers of a set.
fn day_of(set: &RoaringBitmap, days: &DateColumn, number: u32) -> Option<NaiveDate> {
    if !set.contains(number) {
        return None;
    }
    let place = usize::try_from(set.rank(number).checked_sub(1)?).ok()?;
    days.get(place)
}
