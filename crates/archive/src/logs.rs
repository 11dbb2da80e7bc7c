//! What mail servers' logs say, held in memory: for whoever checks how they are read, without an index.
//!
//! It goes the way that leads into the index, line by line, up to the messages that would be written. Deliberately
//! absent: the index, and anything that lasts.

use std::io::Cursor;
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::join::{Join, Open};
use crate::message::{Domains, Message};
use crate::source::{Counts, Opened, Source, Stop, unreadable};
use crate::{Error, said, syslog};

/// One log that is read as often as it grows.
#[derive(Debug)]
pub struct Logs {
    domains: Domains,
    zone: Tz,
    not_after: DateTime<Utc>,
    sources: Vec<Source>,
    open: Vec<(String, Open)>,
    next: i64,
    messages: Vec<Message>,
}

impl Logs {
    /// Nothing read yet; as [`crate::IndexRequest`] has it.
    pub fn new(domains: Domains, zone: Tz, not_after: DateTime<Utc>) -> Self {
        let (sources, open, messages) = (Vec::new(), Vec::new(), Vec::new());
        Self { domains, zone, not_after, sources, open, next: 1, messages }
    }

    /// Reads a log, plain or compressed, from where it was left.
    pub fn read(&mut self, log: &[u8]) -> Result<(), Error> {
        let path = Path::new("log");
        let failed = |source| unreadable(path, source);
        let content = crate::source::uncompressed(Cursor::new(log.to_vec())).map_err(failed)?;
        let (mut file, mut stamps) =
            crate::source::resume(path, content, &self.sources, self.zone, self.not_after)?;
        let mut join = Join::new(self.domains.clone(), std::mem::take(&mut self.open), self.next);
        loop {
            match file.next() {
                Ok(true) => line(&mut file, &mut stamps, &mut join),
                Ok(false) => file.count(stamps.last_at(), false, false),
                Err(Stop::End(_)) => break,
                Err(Stop::Failed(source)) => return Err(failed(source)),
            }
        }
        let source = Source { id: Some(1), ..file.seen() };
        let joined = join.take_out();
        let ids = joined.done.iter().chain(joined.open.iter().map(|(_, open)| &open.message));
        self.next = ids.filter_map(|message| message.id).max().unwrap_or(0).max(self.next - 1) + 1;
        self.messages.extend(joined.done);
        self.open = joined.open;
        self.sources = vec![source];
        Ok(())
    }

    /// The lines that were read, and the messages of this service's users in them, done or not.
    pub fn end(self) -> (Counts, Vec<Message>) {
        let counts = self.sources.first().map(|source| source.counts).unwrap_or_default();
        let open = self.open.into_iter().map(|(_, open)| open.message);
        let open = open.filter(|message| message.parties().any(|party| self.domains.own(party)));
        let messages = self.messages.into_iter().chain(open);
        (counts, messages.collect())
    }
}

/// Takes in what a line says.
pub(crate) fn line(file: &mut Opened, stamps: &mut syslog::Stamps, join: &mut Join) {
    let text = file.text();
    let (is_syslog, kept) = match syslog::line(&text, stamps) {
        Some(line) => {
            let said = said::said(&line);
            if let Some(said) = said {
                join.take(&line, said);
            }
            (true, said.is_some())
        }
        None => (false, false),
    };
    drop(text);
    file.count(stamps.last_at(), is_syslog, kept);
}
