//! The check of log requests: every export was requested in time, by its holder, and opened in
//! time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{Capability, Event, ExportAccess};
use uuid::Uuid;

use super::row::Row;

/// The sums of the rows about log requests.
#[derive(Default)]
pub(super) struct Exports {
    /// Requests that are open, with their mailbox.
    open: BTreeMap<Uuid, u32>,
    verified: BTreeSet<Uuid>,
    /// When the link of an export expires.
    links: BTreeMap<Uuid, DateTime<Utc>>,
    /// Requests whose export was served.
    served: BTreeSet<Uuid>,
    destroyed: bool,
}

impl Exports {
    pub(super) fn served(&self) -> usize {
        self.served.len()
    }

    /// Takes one row about requests for logs.
    pub(super) fn add(&mut self, event: &Event, row: &mut Row<'_>) {
        if let Event::LogRequested(event) = event {
            let asked = Capability::RequestLogs;
            let allowed = match event.received_on {
                Some(day) => row.allowed_on(day, asked),
                None => row.allowed(asked),
            };
            let open = allowed && !self.destroyed;
            row.unless(open, "takes a request for a log outside its time");
            let has_one = row.activated.contains(event.number);
            row.unless(has_one, "takes a request for the log of a mailbox that never was one");
            self.open.insert(event.request, event.number);
        } else if let Event::LogRequesterVerified(event) = event {
            self.verified.insert(event.request);
        } else if let Event::LogExportPrepared(event) = event {
            let theirs = self.open.get(&event.request) == Some(&event.number);
            let sure = self.verified.contains(&event.request);
            row.unless(theirs && sure, "prepares an export without an eligible request");
            self.links.insert(event.request, event.expires_at);
        } else if let Event::LogExportAccessed(event) = event
            && event.outcome == ExportAccess::Delivered
        {
            let theirs = self.open.get(&event.request) == Some(&event.number);
            row.unless(theirs, "delivers an export of another mailbox");
            let link = self.links.get(&event.request);
            let in_time = link.is_some_and(|expires_at| row.at < *expires_at);
            row.unless(in_time, "delivers an export without a link, or after its end");
            self.served.insert(event.request);
        } else if let Event::LogExportExpired(event) = event {
            let link = self.links.remove(&event.request);
            let over = link.is_some_and(|expires_at| expires_at <= row.at);
            row.unless(over, "ends a link before its time");
            self.open.remove(&event.request);
        } else if let Event::LogRequestRefused(event) = event {
            self.open.remove(&event.request);
        } else if let Event::LogsDestroyed(_) = event {
            let over = !row.allowed(Capability::RequestLogs) && self.open.is_empty();
            row.unless(over, "destroys logs that may still be requested");
            self.destroyed = true;
        }
    }
}
