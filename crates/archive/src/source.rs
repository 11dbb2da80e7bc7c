//! A mail log file, identified by its content rather than its name.
//!
//! A known file is found by the digest of its first bytes and resumed at the previous position, if
//! the bytes before that position are unchanged: a file may be rotated, compressed, copied and read
//! again, and no line counts twice. The last line counts once it is complete. Deliberately absent:
//! the meaning of lines.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use compression::decompressed;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::syslog::{self, Stamps};

/// Bytes that identify a file: two dozen lines with their instants.
const HEAD: usize = 4096;
/// The longest line; syslog truncates far below it.
const LONGEST_LINE: u64 = 64 * 1024;
const BUFFER: usize = 1 << 20;

/// The stored state of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Source {
    /// Its row in the index, if it has one.
    pub(crate) id: Option<i64>,
    /// Its last name.
    pub(crate) name: String,
    /// The length and digest of its head.
    pub(crate) head: (usize, Vec<u8>),
    /// Bytes read: whole lines, uncompressed.
    pub(crate) offset: u64,
    /// The digest of the last bytes read, as many as the head has.
    pub(crate) tail: Vec<u8>,
    /// The instant of the last line.
    pub(crate) last_at: Option<DateTime<Utc>>,
    pub(crate) counts: Counts,
}

/// Counts of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Lines that concern a message.
    pub kept: u64,
    /// Lines that are not syslog.
    pub broken: u64,
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Line,
    /// A line whose text is not kept.
    TooLong,
    End(End),
}

/// How reading a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At the end of a line.
    Whole,
    /// Within a line, which is read once it is complete.
    InALine,
    /// Where the compressed file is truncated or damaged.
    Damaged,
}

/// A file open at its first unread line.
pub(crate) struct OpenFile {
    source: Source,
    /// Was a line read since it was opened?
    grew: bool,
    content: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// The last bytes that were read.
    tail: Vec<u8>,
    head: Vec<u8>,
}

/// The instant of a file's first line, by which files are ordered.
pub(crate) fn first_instant(
    path: &Path,
    zone: Tz,
    not_after: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let (mut content, written) = content(path)?;
    let mut stamps = Stamps::new(zone, not_after.unwrap_or(written));
    let head = head(&mut content).map_err(|source| unreadable(path, source))?;
    let lines = head.split(|byte| *byte == b'\n');
    Ok(lines
        .map(String::from_utf8_lossy)
        .find_map(|line| Some(syslog::line(&line, &mut stamps)?.at)))
}

/// Opens a file at its previous position, or at its start if it is unknown.
pub(crate) fn open(
    path: &Path,
    known: &[Source],
    zone: Tz,
    not_after: Option<DateTime<Utc>>,
) -> Result<(OpenFile, Stamps), Error> {
    let (content, written) = content(path)?;
    resume(path, content, known, zone, not_after.unwrap_or(written))
}

/// Resumes a file with this content at its previous position.
pub(crate) fn resume(
    path: &Path,
    mut content: Box<dyn Read + Send>,
    known: &[Source],
    zone: Tz,
    not_after: DateTime<Utc>,
) -> Result<(OpenFile, Stamps), Error> {
    let failed = |source| unreadable(path, source);
    let head = head(&mut content).map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stamps = Stamps::new(zone, not_after);
    let found =
        known.iter().filter(|source| source.is_headed(&head)).max_by_key(|source| source.head.0);
    let mut content: Box<dyn BufRead + Send> =
        Box::new(BufReader::with_capacity(BUFFER, Cursor::new(head.clone()).chain(content)));
    let source = Source { name, ..found.cloned().unwrap_or_default() };
    if let Some(last_at) = source.last_at {
        stamps.resume(last_at);
    }
    let overlap = u64::try_from(source.head.0).unwrap_or(0).min(source.offset);
    let before = source.offset - overlap;
    let skipped = io::copy(&mut content.by_ref().take(before), &mut io::sink());
    let mut tail = Vec::new();
    // A copy that ends earlier contains known lines only.
    if at_end(skipped).map_err(failed)? == Some(before) {
        at_end(content.by_ref().take(overlap).read_to_end(&mut tail)).map_err(failed)?;
        let whole = found.is_some() && u64::try_from(tail.len()).unwrap_or(0) == overlap;
        if whole && Sha256::digest(&tail).as_slice() != source.tail {
            return Err(Error::OtherContent { path: path.to_owned() });
        }
    }
    Ok((OpenFile { source, grew: false, content, line: Vec::new(), tail, head }, stamps))
}

impl Source {
    fn is_headed(&self, head: &[u8]) -> bool {
        let (length, digest) = &self.head;
        let known = head.get(..*length).filter(|known| !known.is_empty());
        known.is_some_and(|known| Sha256::digest(known).as_slice() == digest)
    }
}

impl OpenFile {
    /// Advances to the next complete line.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        self.line.clear();
        let mut length = 0;
        while !self.line.ends_with(b"\n") {
            // Of a long line only its length and its end matter. It may be gigabytes of zeros after
            // a power cut, or an attempt to exhaust memory.
            self.line.drain(..self.line.len().saturating_sub(HEAD));
            let mut limited = self.content.by_ref().take(LONGEST_LINE);
            let read = match limited.read_until(b'\n', &mut self.line) {
                Ok(read) => u64::try_from(read).unwrap_or(0),
                Err(error) if is_cut(&error) => return Ok(Next::End(End::Damaged)),
                Err(error) => return Err(error),
            };
            length += read;
            if read < LONGEST_LINE && !self.line.ends_with(b"\n") {
                return Ok(Next::End(if length == 0 { End::Whole } else { End::InALine }));
            }
        }
        self.source.offset += length;
        self.source.counts.lines += 1;
        self.grew = true;
        self.remember();
        Ok(if length > LONGEST_LINE { Next::TooLong } else { Next::Line })
    }

    /// The line without its end, as lossy UTF-8.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text))
    }

    /// Lines of the file read so far.
    pub(crate) fn lines(&self) -> u64 {
        self.source.counts.lines
    }

    /// Sets its row in the index.
    pub(crate) fn set_id(&mut self, id: i64) {
        self.source.id = Some(id);
    }

    /// Counts the line that was read last.
    pub(crate) fn count(&mut self, last_at: Option<DateTime<Utc>>, is_syslog: bool, kept: bool) {
        self.source.last_at = last_at;
        self.source.counts.broken += u64::from(!is_syslog);
        self.source.counts.kept += u64::from(kept);
    }

    /// Keeps the last bytes for the digest.
    fn remember(&mut self) {
        self.tail.extend_from_slice(&self.line);
        if self.tail.len() > 16 * HEAD {
            self.tail.drain(..self.tail.len() - HEAD);
        }
    }

    /// Its state up to the current position.
    pub(crate) fn state(&mut self) -> Source {
        if !self.grew {
            return self.source.clone();
        }
        let offset = usize::try_from(self.source.offset).unwrap_or(usize::MAX);
        if self.source.head.0 == 0 {
            let length = self.head.len().min(offset);
            let head = self.head.get(..length).unwrap_or(&self.head);
            self.source.head = (length, Sha256::digest(head).to_vec());
        }
        let overlap = self.source.head.0.min(self.tail.len());
        let tail = self.tail.get(self.tail.len() - overlap..).unwrap_or(&self.tail);
        self.source.tail = Sha256::digest(tail).to_vec();
        self.source.clone()
    }
}

/// The uncompressed content of a file, and its modification time.
fn content(path: &Path) -> Result<(Box<dyn Read + Send>, DateTime<Utc>), Error> {
    let failed = |source| unreadable(path, source);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let written = metadata.modified().map_or_else(|_| DateTime::<Utc>::MAX_UTC, DateTime::from);
    Ok((decompressed(file).map_err(failed)?, written))
}

fn head(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let limit = u64::try_from(HEAD).unwrap_or(0);
    at_end(content.take(limit).read_to_end(&mut head))?;
    Ok(head)
}

/// Treats the end of a truncated compressed file as an end.
fn at_end<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if is_cut(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData
    )
}

pub(crate) fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::file(path, "cannot be read; check the path and its permissions", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_length_uses_bounded_memory() {
        let zeros = io::repeat(0).take(50 << 20);
        let content = Box::new(zeros.chain(Cursor::new(b"\nnext\n".to_vec())));
        let path = Path::new("log");
        let zone = chrono_tz::Europe::Rome;
        let (mut file, _) = resume(path, content, &[], zone, DateTime::<Utc>::MAX_UTC).unwrap();
        assert_eq!(file.next().unwrap(), Next::TooLong);
        assert!(file.line.capacity() < 1 << 20 && file.tail.capacity() < 1 << 20);
        assert_eq!(file.next().unwrap(), Next::Line);
        assert_eq!(file.text(), "next");
        assert_eq!((file.state().offset, file.lines()), ((50 << 20) + 6, 2));
    }
}
