//! From lines to messages: what is said under one name of a queue belongs together.
//!
//! Invariant: a message that is not done stays here, also from one file to the next and from one run to
//! the next; so the end of a file cuts no message in two. What never ends is given up after some days of its machine.
//! Deliberately absent: where messages are kept.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Kind;
use crate::link::Forgotten;
use crate::message::{Domains, Happened, Message};
use crate::said::{Fate, Said};
use crate::syslog::Line;

/// Mail servers give a message up after five days as a rule; what is not done by then lost its last line.
const GIVEN_UP: TimeDelta = TimeDelta::days(10);

/// The messages that are not done, and those that were done since they were last asked for.
#[derive(Debug)]
pub(crate) struct Join {
    domains: Domains,
    /// By machine, instance and name in the queue.
    open: HashMap<String, Open>,
    /// By unique identifier, for what the mailbox's server says.
    by_id: HashMap<String, String>,
    done: Vec<Message>,
    /// Rows of messages that turned out not to concern this service.
    dropped: Vec<i64>,
    key: String,
    /// The newest line of each machine: how old something is, is told by the clock that wrote it.
    newest: HashMap<String, DateTime<Utc>>,
    /// Whose messages are kept out.
    forgotten: Forgotten,
    /// The row that the next message gets.
    next: i64,
}

/// A message that is not done.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) message: Message,
    /// When it was last heard of.
    pub(crate) last: DateTime<Utc>,
}

/// What there is to write.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    pub(crate) done: Vec<Message>,
    pub(crate) dropped: Vec<i64>,
    /// Those that are not done, by the name they will be known under.
    pub(crate) open: Vec<(String, Open)>,
}

impl Join {
    /// Goes on with the messages that were not done; new ones get rows from `next` on.
    pub(crate) fn new(domains: Domains, open: Vec<(String, Open)>, next: i64) -> Self {
        let known =
            |(key, open): &(String, Open)| Some((open.message.identifier.clone()?, key.clone()));
        let by_id = open.iter().filter_map(known).collect();
        Self {
            domains,
            open: open.into_iter().collect(),
            by_id,
            newest: HashMap::new(),
            forgotten: Forgotten::default(),
            done: Vec::new(),
            dropped: Vec::new(),
            key: String::new(),
            next,
        }
    }

    /// Keeps out the messages of these.
    pub(crate) fn without(self, forgotten: Forgotten) -> Self {
        Self { forgotten, ..self }
    }

    /// Takes in what a line says.
    pub(crate) fn take(&mut self, line: &Line<'_>, said: Said<'_>) {
        let at = line.at;
        match self.newest.get_mut(line.host) {
            Some(newest) => *newest = at.max(*newest),
            None => drop(self.newest.insert(line.host.to_owned(), at)),
        }
        match said {
            Said::Client { queue, host, login } => {
                let message = self.message(line, queue);
                message.provider = Some(host.to_owned());
                message.login = login;
            }
            Said::MessageId { queue, id } => {
                self.message(line, queue).identifier = Some(id.to_owned());
                self.by_id.insert(id.to_owned(), self.key.clone());
            }
            Said::Subject { queue, subject } => {
                self.message(line, queue).subject = Some(subject.to_owned());
            }
            Said::From { queue, sender } => self.from(line, queue, sender),
            Said::To { queue, recipient, original, fate } => {
                let recipient = recipient.to_lowercase();
                let original = original.map(str::to_lowercase);
                let original = original.filter(|original| self.domains.own(original));
                let recipient = original.unwrap_or(recipient);
                let (kind, related) = match fate {
                    Fate::Forwarded { next } => (Kind::Forwarded, next.map(str::to_owned)),
                    Fate::Delivered => (Kind::Delivered, None),
                    Fate::Delayed => (Kind::Delayed, None),
                    Fate::Failed => (Kind::Failed, None),
                };
                let message = self.message(line, queue);
                let again = |event: &Happened| {
                    event.kind == kind && event.recipient.as_deref() == Some(&recipient)
                };
                if kind != Kind::Delayed || !message.happened.iter().any(again) {
                    let recipient = Some(recipient);
                    message.happened.push(Happened { at, kind, recipient, related });
                }
            }
            Said::Report { queue, report } => {
                let (kind, related) = (Kind::Reported, Some(report.to_owned()));
                let message = self.message(line, queue);
                message.happened.push(Happened { at, kind, recipient: None, related });
            }
            Said::Removed { queue } => {
                self.know(line, queue);
                if let Some(open) = self.open.remove(&self.key) {
                    self.finish(open.message);
                }
            }
            Said::Refused { sender, recipient, host, queue, ends } => {
                let event = Happened {
                    at,
                    kind: Kind::Refused,
                    recipient: Some(recipient.to_lowercase()),
                    related: None,
                };
                // A recipient that is turned away beside others ends nothing: the message goes on without.
                let message = match queue.filter(|_| ends) {
                    Some(queue) => {
                        self.know(line, queue);
                        self.open.remove(&self.key).map(|open| open.message)
                    }
                    None => None,
                };
                let mut message = message.unwrap_or_default();
                queue.unwrap_or_default().clone_into(&mut message.queue);
                message.sender = Some(sender.to_lowercase());
                message.provider.get_or_insert_with(|| host.to_owned());
                message.happened.push(event);
                self.finish(message);
            }
            Said::Stored { id, recipient } => self.stored(line, id, recipient.to_lowercase()),
        }
    }

    fn from(&mut self, line: &Line<'_>, queue: &str, sender: &str) {
        let sender = sender.to_lowercase();
        let own = self.domains.own(&sender);
        let message = self.message(line, queue);
        // A deferred message is said to be in the queue again with each try.
        if message.sender.is_some() {
            return;
        }
        let kind = if message.login || own { Kind::Accepted } else { Kind::TakenInCharge };
        message.sender = Some(sender);
        if kind == Kind::Accepted {
            // Where a user of ours sits is no provider.
            message.provider = Some(line.host.to_owned());
        }
        message.happened.push(Happened { at: line.at, kind, recipient: None, related: None });
    }

    /// What is in the queue still is told there; for anything else there is a message of its own.
    fn stored(&mut self, line: &Line<'_>, id: &str, recipient: String) {
        let event =
            Happened { at: line.at, kind: Kind::Stored, recipient: Some(recipient), related: None };
        let open = self.by_id.get(id).and_then(|key| self.open.get_mut(key));
        if let Some(open) = open {
            open.message.happened.push(event);
            return;
        }
        let identifier = Some(id.to_owned());
        self.finish(Message { identifier, happened: vec![event], ..Message::default() });
    }

    /// What there is to write by now. What has not been heard of for long is taken for done.
    pub(crate) fn take_out(&mut self) -> Joined {
        let old = |key: &str, open: &Open| {
            let newest = key.split_once('/').and_then(|(host, _)| self.newest.get(host));
            newest.is_some_and(|newest| newest.signed_duration_since(open.last) > GIVEN_UP)
        };
        let theirs = |open: &Open| open.message.parties().any(|party| self.forgotten.has(party));
        let over = |key: &String, open: &mut Open| old(key, open) || theirs(open);
        let over: Vec<_> = self.open.extract_if(over).collect();
        for (_, open) in over {
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
        let is_forgotten = message.parties().any(|party| self.forgotten.has(party));
        if !is_forgotten && message.parties().any(|party| self.domains.own(party)) {
            number(&mut message, &mut self.next);
            self.done.push(message);
        } else if let Some(id) = message.id {
            self.dropped.push(id);
        }
    }

    /// Makes the name of a place in a queue, which stays in `key`.
    fn know(&mut self, line: &Line<'_>, queue: &str) {
        let instance = line.program.split_once('/').map_or(line.program, |(name, _)| name);
        self.key.clear();
        for part in [line.host, "/", instance, "/", queue] {
            self.key.push_str(part);
        }
    }

    fn message(&mut self, line: &Line<'_>, queue: &str) -> &mut Message {
        self.know(line, queue);
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
