//! The events of an import: sets and columns of days, without personal data.
//!
//! Ids are derived from the import, the line in its file and the content, so that a batch written
//! again after a crash has the same events, and one with another result (for example on a later
//! day) has others. Everything goes through the registry's outbox.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::{
    DateColumn, Event, MailboxSet, MailboxesActivated, MailboxesRegistered, ProgrammeId,
    RegistrationsCorrected,
};
use eventstore::{Append, Direction, EventStore, ExpectedVersion, NewEvent, registry_stream};
use uuid::Uuid;

use super::Error;
use super::decide::Decided;
use super::running::{By, Context};
use crate::store::{Announcement, ImportState, Importing};

/// Events per append to the log.
const APPEND: u32 = 32;
/// Events per read, from the newest.
const PAGE: usize = 64;

/// The import, for the events.
pub(super) struct Announcer<'a> {
    pub(super) context: Context<'a>,
    pub(super) import: &'a ImportState,
}

impl Announcer<'_> {
    /// The events of a batch that starts on that line of the file.
    pub(super) fn events(&self, line: u64, decided: &Decided) -> Result<Vec<NewEvent>, Error> {
        let mut events = Vec::new();
        if let Some(first) = decided.new.first() {
            let rows = || decided.new.iter().map(|row| &row.registration);
            let event = Event::MailboxesRegistered(MailboxesRegistered {
                first: first.number,
                requested_on: column(rows().map(|row| Some(row.requested_on)))?,
                activated_on: column(rows().map(|row| row.activated_on))?,
            });
            events.push(self.event(&format!("registered/{}", first.number), &event)?);
        }
        if !decided.activated.is_empty() {
            let (mailboxes, activated_on) = set_and_days(&decided.activated)?;
            let event = Event::MailboxesActivated(MailboxesActivated { mailboxes, activated_on });
            events.push(self.event(&format!("activated/{line}"), &event)?);
        }
        for (fields, mailboxes) in &decided.corrected {
            let what = format!("corrected/{line}/{}", fields.join("+"));
            let (mailboxes, requested_on) = set_and_days(mailboxes)?;
            let fields = fields.iter().map(ToString::to_string).collect();
            let corrected = RegistrationsCorrected { mailboxes, requested_on, fields };
            events.push(self.event(&what, &Event::RegistrationsCorrected(corrected))?);
        }
        Ok(events)
    }

    /// One event of this import.
    pub(super) fn event(&self, what: &str, event: &Event) -> Result<NewEvent, Error> {
        let Context { registry, by: By { actor, reason }, .. } = self.context;
        let import = format!("tramonto:{}/import/{}", registry.programme(), self.import.number);
        let correlation_id = Uuid::new_v5(&Uuid::NAMESPACE_URL, import.as_bytes());
        let (kind, schema_version) = event.kind();
        let payload = event.payload()?;
        let name = format!("{what} {payload}");
        Ok(NewEvent {
            id: Uuid::new_v5(&correlation_id, name.as_bytes()),
            kind: kind.to_owned(),
            schema_version,
            effective_at: self.import.started_at,
            actor: actor.to_owned(),
            reason: reason.map(ToOwned::to_owned),
            correlation_id,
            causation_id: None,
            payload,
        })
    }
}

fn set_and_days(days: &BTreeMap<u32, NaiveDate>) -> Result<(MailboxSet, DateColumn), Error> {
    Ok((days.keys().copied().collect(), column(days.values().copied().map(Some))?))
}

/// Rows are validated to have days that the log can encode; a registry with others was tampered
/// with.
fn column(days: impl Iterator<Item = Option<NaiveDate>>) -> Result<DateColumn, Error> {
    let mut column = DateColumn::new();
    for day in days {
        column
            .push(day)
            .map_err(|day| Error::Unusable(format!("the log cannot represent the date {day}")))?;
    }
    Ok(column)
}

/// Appends the outbox to the log, until it is empty.
pub(super) async fn drain(
    store: &dyn EventStore,
    importing: &mut Importing<'_>,
) -> Result<(), Error> {
    let stream = registry_stream(importing.registry.programme())?;
    loop {
        let waiting = importing.registry.announcements(APPEND).await?;
        let Some(last) = waiting.last().map(|announcement| announcement.place) else {
            return Ok(());
        };
        let events = waiting.into_iter().map(|Announcement { event, .. }| event).collect();
        store.append(Append::to(stream.clone(), ExpectedVersion::Any, events)).await?;
        importing.announced(last).await?;
    }
}

/// The number after the last one in the log.
pub(super) async fn next_in_log(
    store: &dyn EventStore,
    programme: &ProgrammeId,
) -> Result<u64, Error> {
    let stream = registry_stream(programme)?;
    let mut from = u64::MAX;
    loop {
        let page = match store.read_stream(&stream, from, Direction::Backwards, PAGE).await {
            Err(eventstore::Error::StreamNotFound(_)) => return Ok(0),
            page => page?,
        };
        for recorded in &page {
            let event = &recorded.event;
            let kind = event.kind.as_str();
            if let Event::MailboxesRegistered(registered) =
                Event::decode(kind, event.schema_version, &event.payload)?
            {
                let count = u64::try_from(registered.requested_on.len()).unwrap_or(u64::MAX);
                return Ok(u64::from(registered.first).saturating_add(count));
            }
        }
        match page.last().and_then(|oldest| oldest.version.checked_sub(1)) {
            Some(before) => from = before,
            None => return Ok(0),
        }
    }
}
