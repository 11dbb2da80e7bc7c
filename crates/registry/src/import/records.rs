//! Splits bytes into records.
//!
//! Invariant: an invalid record affects that record alone. One that is too long is skipped to the
//! end of its line; one with an unclosed quote returns the lines that were searched for its end.
//! Deliberately absent: splitting records into fields, which the `csv` crate does if there are
//! quotes at all.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

/// The longest record, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;
/// Maximum continuation lines of a quoted field; a registry needs none.
const LINES: usize = 8;
/// The bytes of an overlong record that are stored in the file of rejects.
const KEPT: usize = 1_024;

/// A record as in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The number of its first line, from 1.
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) fault: Option<Fault>,
}

/// Why a record cannot be split into fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Only its start is included.
    TooLong,
    /// Only its first line is included.
    Unclosed,
}

/// Reads records.
pub(super) struct Records<R> {
    input: BufReader<R>,
    delimiter: u8,
    line: u64,
    /// Lines that were searched and returned.
    waiting: VecDeque<Line>,
}

struct Line {
    bytes: Vec<u8>,
    too_long: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R) -> Self {
        let input = BufReader::with_capacity(256 * 1024, input);
        Self { input, delimiter: b',', line: 0, waiting: VecDeque::new() }
    }

    /// Sets the separator of the fields from here on.
    pub(super) fn delimited_by(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// The next record that is not an empty line.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some(Line { bytes, too_long }) = self.next_line()? else { return Ok(None) };
            self.line += 1;
            let line = self.line;
            if too_long {
                return Ok(Some(Record { line, bytes, fault: Some(Fault::TooLong) }));
            }
            if bytes.is_empty() {
                continue;
            }
            let mut quotes = Quotes::new(self.delimiter);
            if !bytes.contains(&b'"') || !quotes.open_after(&bytes) {
                return Ok(Some(Record { line, bytes, fault: None }));
            }
            return self.continued(line, bytes, quotes).map(Some);
        }
    }

    /// Continues until the quote is closed.
    fn continued(&mut self, line: u64, first: Vec<u8>, mut quotes: Quotes) -> io::Result<Record> {
        let mut more: Vec<Line> = Vec::new();
        let mut length = first.len();
        while more.len() < LINES {
            let Some(next) = self.next_line()? else { break };
            length += next.bytes.len() + 1;
            let still_open = quotes.open_after(b"\n") && quotes.open_after(&next.bytes);
            let over = next.too_long || length > LONGEST;
            more.push(next);
            if over {
                break;
            }
            if !still_open {
                self.line += u64::try_from(more.len()).unwrap_or(0);
                let mut bytes = first;
                for next in more {
                    bytes.push(b'\n');
                    bytes.extend(next.bytes);
                }
                return Ok(Record { line, bytes, fault: None });
            }
        }
        for unused in more.into_iter().rev() {
            self.waiting.push_front(unused);
        }
        Ok(Record { line, bytes: first, fault: Some(Fault::Unclosed) })
    }

    /// A line without its end, LF or CRLF.
    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.waiting.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::with_capacity(160);
        let limit = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        if self.input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let ended = bytes.pop_if(|byte| *byte == b'\n').is_some();
        if !ended && bytes.len() > LONGEST {
            self.input.skip_until(b'\n')?;
        }
        bytes.pop_if(|byte| ended && *byte == b'\r');
        let too_long = bytes.len() > LONGEST;
        if too_long {
            bytes.truncate(KEPT);
            bytes.shrink_to_fit();
        }
        Ok(Some(Line { bytes, too_long }))
    }
}

/// Is a quoted field open? A quote opens a field only at its start (RFC 4180).
struct Quotes {
    delimiter: u8,
    at_start: bool,
    open: bool,
}

impl Quotes {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, at_start: true, open: false }
    }

    /// Processes the next bytes. A doubled quote closes and reopens, which is equivalent.
    fn open_after(&mut self, bytes: &[u8]) -> bool {
        let mut just_closed = false;
        for byte in bytes {
            match *byte {
                b'"' if self.open => (self.open, just_closed) = (false, true),
                b'"' if self.at_start || just_closed => (self.open, just_closed) = (true, false),
                _ => just_closed = false,
            }
            self.at_start = !self.open && *byte == self.delimiter;
        }
        self.open
    }
}
