//! Reads mail logs in memory, exactly as they are indexed, up to the messages that would be
//! written: for tests and fuzzing.

use std::io::Cursor;
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::join::{Join, Open};
use crate::message::{Domains, Message};
use crate::source::{Counts, OpenFile, Source, Stop, unreadable};
use crate::{Error, parsers, syslog};

/// A growing log.
#[derive(Debug)]
pub struct LogReader {
    domains: Domains,
    zone: Tz,
    not_after: DateTime<Utc>,
    sources: Vec<Source>,
    open: Vec<(String, Open)>,
    next: i64,
    messages: Vec<Message>,
}

impl LogReader {
    /// Nothing read yet; the parameters are those of [`crate::IndexRequest`].
    pub fn new(domains: Domains, zone: Tz, not_after: DateTime<Utc>) -> Self {
        let (sources, open, messages) = (Vec::new(), Vec::new(), Vec::new());
        Self { domains, zone, not_after, sources, open, next: 1, messages }
    }

    /// Reads a log, plain or compressed, from the previous position.
    pub fn read(&mut self, log: &[u8]) -> Result<(), Error> {
        let path = Path::new("log");
        let failed = |source| unreadable(path, source);
        let content = crate::source::uncompressed(Cursor::new(log.to_vec())).map_err(failed)?;
        let (mut file, mut stamps) =
            crate::source::resume(path, content, &self.sources, self.zone, self.not_after)?;
        let mut join = Join::new(self.domains.clone(), std::mem::take(&mut self.open), self.next);
        loop {
            match file.next() {
                Ok(true) => take_line(&mut file, &mut stamps, &mut join),
                Ok(false) => file.count(stamps.last_at(), false, false),
                Err(Stop::End(_)) => break,
                Err(Stop::Failed(source)) => return Err(failed(source)),
            }
        }
        let source = Source { id: Some(1), ..file.state() };
        let joined = join.take_out();
        let ids = joined.done.iter().chain(joined.open.iter().map(|(_, open)| &open.message));
        self.next = ids.filter_map(|message| message.id).max().unwrap_or(0).max(self.next - 1) + 1;
        self.messages.extend(joined.done);
        self.open = joined.open;
        self.sources = vec![source];
        Ok(())
    }

    /// The counts of lines, and the messages of this service's users, finished or not.
    pub fn end(self) -> (Counts, Vec<Message>) {
        let counts = self.sources.first().map(|source| source.counts).unwrap_or_default();
        let open = self.open.into_iter().map(|(_, open)| open.message);
        let open = open.filter(|message| message.parties().any(|party| self.domains.own(party)));
        let messages = self.messages.into_iter().chain(open);
        (counts, messages.collect())
    }
}

/// Parses the current line and joins it.
pub(crate) fn take_line(file: &mut OpenFile, stamps: &mut syslog::Stamps, join: &mut Join) {
    let text = file.text();
    let (is_syslog, kept) = match syslog::line(&text, stamps) {
        Some(line) => {
            let record = parsers::parse(&line);
            if let Some(record) = record {
                join.take(&line, record);
            }
            (true, record.is_some())
        }
        None => (false, false),
    };
    drop(text);
    file.count(stamps.last_at(), is_syslog, kept);
}
