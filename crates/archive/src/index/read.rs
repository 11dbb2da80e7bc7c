//! Reads one mailbox's messages from the index.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use chrono::DateTime;
use sql::{Tables, params};

use super::Index;
use crate::codec::{unpack, unpack_ascending};
use crate::message::{Message, MessageEvent};
use crate::{Entry, Error, Kind, LogArchive, Period};

/// Messages read in one statement.
const PAGE: usize = 4096;

#[rustfmt::skip]
type Row =
    (i64, i64, Option<i64>, Option<String>, Option<String>, Option<i64>, bool, String, Vec<u8>);

/// The messages of these rows, in order.
pub(super) async fn messages(tables: &Tables, ids: &[i64]) -> Result<Vec<Message>, Error> {
    const ROWS: &str = "
        SELECT id, at, sender, message_id, subject, provider, login, queue, events FROM message
        WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id";
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(PAGE) {
        let rows: Vec<Row> = tables.all(ROWS, params![ids.to_vec()], Ok).await?;
        let mut wanted = BTreeSet::new();
        let mut events = Vec::with_capacity(rows.len());
        for (id, at, sender, _, _, provider, _, _, packed) in &rows {
            let first = DateTime::from_timestamp_millis(*at);
            let unpacked = first.and_then(|first| unpack(first, packed)).ok_or_else(|| {
                Error::from(tables.name().corrupt(format!("message {id} cannot be unpacked")))
            })?;
            let recipients =
                unpacked.iter().filter_map(|event| i64::try_from(event.recipient).ok());
            wanted.extend(recipients.chain(*sender).chain(*provider));
            events.push(unpacked);
        }
        let names = names(tables, wanted.into_iter().collect()).await?;
        let name = |id: i64| if id == 0 { Some(String::new()) } else { names.get(&id).cloned() };
        for (row, events) in rows.into_iter().zip(events) {
            let (id, _, sender, identifier, subject, provider, login, queue, _) = row;
            let events = events.into_iter().map(|event| MessageEvent {
                at: event.at,
                kind: event.kind,
                recipient: i64::try_from(event.recipient).ok().filter(|id| *id > 0).and_then(name),
                related: event.related,
            });
            found.push(Message {
                id: Some(id),
                queue,
                identifier,
                sender: sender.and_then(name),
                subject,
                provider: provider.and_then(name),
                login,
                events: events.collect(),
            });
        }
    }
    Ok(found)
}

async fn names(tables: &Tables, ids: Vec<i64>) -> Result<HashMap<i64, String>, Error> {
    const NAMES: &str = "SELECT id, text FROM name WHERE id IN (SELECT value FROM json_each($1))";
    let names = tables.all(NAMES, params![ids], Ok::<(i64, String), String>).await?;
    Ok(names.into_iter().collect())
}

impl Index {
    /// The rows of all messages from or to one of these addresses.
    pub(crate) async fn rows_of_any(
        &self,
        addresses: &[impl AsRef<str>],
    ) -> Result<Vec<i64>, Error> {
        let mut rows = BTreeSet::new();
        for address in addresses {
            rows.extend(self.rows_of(address.as_ref()).await?);
        }
        Ok(rows.into_iter().collect())
    }

    /// The rows of all messages from or to an address.
    pub(crate) async fn rows_of(&self, address: &str) -> Result<Vec<i64>, Error> {
        const FIND: &str = "
            SELECT posting.messages FROM segment CROSS JOIN posting
            ON posting.segment = segment.id
                AND posting.name = (SELECT id FROM name WHERE text = $1)";
        let given = params![address.to_lowercase()];
        let read = |(bytes,): (Vec<u8>,)| {
            unpack_ascending(&bytes).ok_or_else(|| "posting list cannot be unpacked".to_owned())
        };
        let segments = self.tables.all(FIND, given, read).await?;
        let ids: BTreeSet<u64> = segments.into_iter().flatten().collect();
        Ok(ids.into_iter().filter_map(|id| i64::try_from(id).ok()).collect())
    }
}

#[async_trait]
impl LogArchive for Index {
    async fn messages(&self, address: &str, period: Period) -> Result<Vec<Entry>, Error> {
        let address = address.to_lowercase();
        let rows = self.rows_of(&address).await?;
        let messages = messages(&self.tables, &rows).await?;
        let mut entries: Vec<Entry> =
            messages.iter().flat_map(|message| entries(message, &address)).collect();
        complete(&mut entries);
        entries.retain(|entry| period.contains(entry.at));
        entries.sort_by_key(|entry| (entry.at, entry.kind));
        Ok(entries)
    }
}

/// The entries of a message for one of its parties.
fn entries(message: &Message, address: &str) -> Vec<Entry> {
    let is_sender = message.sender.as_deref() == Some(address);
    let own = |event: &&MessageEvent| {
        is_sender
            || event.recipient.as_deref() == Some(address)
            || (event.recipient.is_none() && event.kind != Kind::Reported)
    };
    let recipients = |event: &MessageEvent| match &event.recipient {
        Some(recipient) => vec![recipient.clone()],
        None if is_sender => {
            let all = message.events.iter().filter_map(|event| event.recipient.clone());
            all.collect::<BTreeSet<_>>().into_iter().collect()
        }
        None => vec![address.to_owned()],
    };
    let entry = |event: &MessageEvent| {
        let queue = Some(message.queue.clone()).filter(|queue| !queue.is_empty());
        let message_id = message.identifier.clone();
        Entry {
            message_id: message_id.or_else(|| queue.clone()).unwrap_or_default(),
            at: event.at,
            sender: message.sender.clone(),
            recipients: recipients(event),
            subject: message.subject.clone(),
            kind: event.kind,
            related: queue.into_iter().chain(event.related.clone()).collect(),
            provider: message.provider.clone(),
        }
    };
    message.events.iter().filter(own).map(entry).collect()
}

/// Fills in fields that one server did not log from entries of another server about the same
/// message.
fn complete(entries: &mut [Entry]) {
    #[derive(Default)]
    struct Known {
        sender: Option<String>,
        subject: Option<String>,
        provider: Option<String>,
    }
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for entry in entries.iter() {
        let known = known.entry(entry.message_id.clone()).or_default();
        known.sender = known.sender.take().or_else(|| entry.sender.clone());
        known.subject = known.subject.take().or_else(|| entry.subject.clone());
        known.provider = known.provider.take().or_else(|| entry.provider.clone());
    }
    for entry in entries {
        if let Some(known) = known.get(&entry.message_id) {
            entry.sender = entry.sender.take().or_else(|| known.sender.clone());
            entry.subject = entry.subject.take().or_else(|| known.subject.clone());
            entry.provider = entry.provider.take().or_else(|| known.provider.clone());
        }
    }
}
