//! Joins log lines into messages by queue id.
//!
//! Invariant: an unfinished message is carried over to the next file and the next run, so that the
//! end of a file splits no message; one that never finishes is closed after some days of its host's
//! time. Deliberately absent: storage.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Kind;
use crate::hashes::ErasedAddresses;
use crate::message::{Domains, Message, MessageEvent};
use crate::parsers::{Record, Status};
use crate::syslog::Line;

/// Mail servers usually return a message after five days: one still open after this lost its last
/// line.
const STALE: TimeDelta = TimeDelta::days(10);

/// Unfinished messages, and finished ones that are not written yet.
#[derive(Debug)]
pub(crate) struct Join {
    domains: Domains,
    /// By host, instance and queue id.
    open: HashMap<String, Open>,
    /// Keys by Message-ID, for the lines of Dovecot.
    by_id: HashMap<String, String>,
    done: Vec<Message>,
    /// Rows of messages without a user of this service.
    dropped: Vec<i64>,
    key: String,
    /// The newest line of each host: ages are measured by the host's own clock.
    newest: HashMap<String, DateTime<Utc>>,
    /// Messages of these are left out.
    erased_addresses: ErasedAddresses,
    /// The row of the next message.
    next: i64,
}

/// An unfinished message.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) message: Message,
    /// The instant of its last line.
    pub(crate) last: DateTime<Utc>,
}

/// Messages to write.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    pub(crate) done: Vec<Message>,
    pub(crate) dropped: Vec<i64>,
    /// Unfinished messages by key.
    pub(crate) open: Vec<(String, Open)>,
}

impl Join {
    /// Resumes with unfinished messages; new ones get rows from `next` on.
    pub(crate) fn new(domains: Domains, open: Vec<(String, Open)>, next: i64) -> Self {
        let known =
            |(key, open): &(String, Open)| Some((open.message.identifier.clone()?, key.clone()));
        let by_id = open.iter().filter_map(known).collect();
        Self {
            domains,
            open: open.into_iter().collect(),
            by_id,
            newest: HashMap::new(),
            erased_addresses: ErasedAddresses::default(),
            done: Vec::new(),
            dropped: Vec::new(),
            key: String::new(),
            next,
        }
    }

    /// Leaves out the messages of these addresses.
    pub(crate) fn without(self, erased_addresses: ErasedAddresses) -> Self {
        Self { erased_addresses, ..self }
    }

    /// Adds a parsed line.
    pub(crate) fn take(&mut self, line: &Line<'_>, record: Record<'_>) {
        let at = line.at;
        match self.newest.get_mut(line.host) {
            Some(newest) => *newest = at.max(*newest),
            None => drop(self.newest.insert(line.host.to_owned(), at)),
        }
        match record {
            Record::Client { queue, host, login } => {
                let message = self.message(line, queue);
                message.provider = Some(host.to_owned());
                message.login = login;
            }
            Record::MessageId { queue, id } => {
                self.message(line, queue).identifier = Some(id.to_owned());
                self.by_id.insert(id.to_owned(), self.key.clone());
            }
            Record::Subject { queue, subject } => {
                self.message(line, queue).subject = Some(subject.to_owned());
            }
            Record::From { queue, sender } => self.from(line, queue, sender),
            Record::To { queue, recipient, original, status } => {
                let recipient = recipient.to_lowercase();
                let original = original.map(str::to_lowercase);
                let original = original.filter(|original| self.domains.own(original));
                let recipient = original.unwrap_or(recipient);
                let (kind, related) = match status {
                    Status::Forwarded { next } => (Kind::Forwarded, next.map(str::to_owned)),
                    Status::Delivered => (Kind::Delivered, None),
                    Status::Delayed => (Kind::Delayed, None),
                    Status::Failed => (Kind::Failed, None),
                };
                let message = self.message(line, queue);
                let again = |event: &MessageEvent| {
                    event.kind == kind && event.recipient.as_deref() == Some(&recipient)
                };
                if kind != Kind::Delayed || !message.events.iter().any(again) {
                    let recipient = Some(recipient);
                    message.events.push(MessageEvent { at, kind, recipient, related });
                }
            }
            Record::Report { queue, report } => {
                let (kind, related) = (Kind::Reported, Some(report.to_owned()));
                let message = self.message(line, queue);
                message.events.push(MessageEvent { at, kind, recipient: None, related });
            }
            Record::Removed { queue } => {
                self.set_key(line, queue);
                if let Some(open) = self.open.remove(&self.key) {
                    self.finish(open.message);
                }
            }
            Record::Refused { sender, recipient, host, queue, ends } => {
                let event = MessageEvent {
                    at,
                    kind: Kind::Refused,
                    recipient: Some(recipient.to_lowercase()),
                    related: None,
                };
                // A refused recipient beside others does not end the message.
                let message = match queue.filter(|_| ends) {
                    Some(queue) => {
                        self.set_key(line, queue);
                        self.open.remove(&self.key).map(|open| open.message)
                    }
                    None => None,
                };
                let mut message = message.unwrap_or_default();
                queue.unwrap_or_default().clone_into(&mut message.queue);
                message.sender = Some(sender.to_lowercase());
                message.provider.get_or_insert_with(|| host.to_owned());
                message.events.push(event);
                self.finish(message);
            }
            Record::Stored { id, recipient } => self.stored(line, id, recipient.to_lowercase()),
        }
    }

    fn from(&mut self, line: &Line<'_>, queue: &str, sender: &str) {
        let sender = sender.to_lowercase();
        let own = self.domains.own(&sender);
        let message = self.message(line, queue);
        // Repeated with each attempt of a deferred message.
        if message.sender.is_some() {
            return;
        }
        let kind = if message.login || own { Kind::Accepted } else { Kind::TakenInCharge };
        message.sender = Some(sender);
        if kind == Kind::Accepted {
            // The client of a user is not a provider.
            message.provider = Some(line.host.to_owned());
        }
        message.events.push(MessageEvent { at: line.at, kind, recipient: None, related: None });
    }

    /// Added to the message while it is in the queue, otherwise a message of its own.
    fn stored(&mut self, line: &Line<'_>, id: &str, recipient: String) {
        let event = MessageEvent {
            at: line.at,
            kind: Kind::Stored,
            recipient: Some(recipient),
            related: None,
        };
        let open = self.by_id.get(id).and_then(|key| self.open.get_mut(key));
        if let Some(open) = open {
            open.message.events.push(event);
            return;
        }
        let identifier = Some(id.to_owned());
        self.finish(Message { identifier, events: vec![event], ..Message::default() });
    }

    /// Takes the messages to write. Stale messages are finished.
    pub(crate) fn take_out(&mut self) -> Joined {
        let old = |key: &str, open: &Open| {
            let newest = key.split_once('/').and_then(|(host, _)| self.newest.get(host));
            newest.is_some_and(|newest| newest.signed_duration_since(open.last) > STALE)
        };
        let theirs =
            |open: &Open| open.message.parties().any(|party| self.erased_addresses.has(party));
        let finished = |key: &String, open: &mut Open| old(key, open) || theirs(open);
        let finished: Vec<_> = self.open.extract_if(finished).collect();
        for (_, open) in finished {
            self.finish(open.message);
        }
        for open in self.open.values_mut() {
            number(&mut open.message, &mut self.next);
        }
        let open = self.open.iter().map(|(key, open)| (key.clone(), open.clone()));
        Joined {
            open: open.collect(),
            done: std::mem::take(&mut self.done),
            dropped: std::mem::take(&mut self.dropped),
        }
    }

    fn finish(&mut self, mut message: Message) {
        if let Some(id) = &message.identifier {
            self.by_id.remove(id);
        }
        let is_erased = message.parties().any(|party| self.erased_addresses.has(party));
        if !is_erased && message.parties().any(|party| self.domains.own(party)) {
            number(&mut message, &mut self.next);
            self.done.push(message);
        } else if let Some(id) = message.id {
            self.dropped.push(id);
        }
    }

    /// Sets `key` to the line's host, instance and queue id.
    fn set_key(&mut self, line: &Line<'_>, queue: &str) {
        let instance = line.program.split_once('/').map_or(line.program, |(name, _)| name);
        self.key.clear();
        for part in [line.host, "/", instance, "/", queue] {
            self.key.push_str(part);
        }
    }

    fn message(&mut self, line: &Line<'_>, queue: &str) -> &mut Message {
        self.set_key(line, queue);
        let new = || {
            let message = Message { queue: queue.to_owned(), ..Message::default() };
            Open { message, last: line.at }
        };
        let open = self.open.entry(self.key.clone()).or_insert_with(new);
        open.last = line.at;
        &mut open.message
    }
}

fn number(message: &mut Message, next: &mut i64) {
    if message.id.is_none() {
        message.id = Some(*next);
        *next += 1;
    }
}
