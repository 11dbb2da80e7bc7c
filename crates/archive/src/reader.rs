//! Reads mail logs in memory, exactly as they are indexed, up to the messages that would be
//! written: for tests and fuzzing.

use std::io::{self, Cursor};
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::join::{Join, Open};
use crate::message::{Domains, Message};
use crate::source::{Counts, End, Next, OpenFile, Source, unreadable};
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
        let content = compression::decompressed(Cursor::new(log.to_vec())).map_err(failed)?;
        let (mut file, mut stamps) =
            crate::source::resume(path, content, &self.sources, self.zone, self.not_after)?;
        let mut join = Join::new(self.domains.clone(), std::mem::take(&mut self.open), self.next);
        while take_line(&mut file, &mut stamps, &mut join).map_err(failed)?.is_none() {}
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

/// Reads the next line, parses and joins it; the end of the file if there is none.
pub(crate) fn take_line(
    file: &mut OpenFile,
    stamps: &mut syslog::Stamps,
    join: &mut Join,
) -> io::Result<Option<End>> {
    let (mut is_syslog, mut kept) = (false, false);
    match file.next()? {
        Next::End(end) => return Ok(Some(end)),
        Next::TooLong => {}
        Next::Line => {
            if let Some(line) = syslog::line(&file.text(), stamps) {
                is_syslog = true;
                if let Some(record) = parsers::parse(&line) {
                    kept = true;
                    join.take(&line, record);
                }
            }
        }
    }
    file.count(stamps.last_at(), is_syslog, kept);
    Ok(None)
}
