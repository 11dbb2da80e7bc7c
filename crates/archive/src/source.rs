//! A file of a mail server's log, known again by what it holds and not by its name.
//!
//! A file that was read before is found by the digest of its first bytes, and gone on with where it was
//! left, if the bytes before that place are the same still: so a file may be rotated, compressed, copied
//! and read again, and no line counts twice. The last line counts once it is whole.
//! Deliberately absent: what the lines say.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use crate::Error;
use crate::syslog::{self, Stamps};

/// So many bytes tell one file from all others: two dozen lines with their instants.
const HEAD: usize = 4096;
/// Syslog cuts lines far below; what is longer is no line.
const LONGEST_LINE: u64 = 64 * 1024;
const BUFFER: usize = 1 << 20;

/// What is remembered of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Source {
    /// Its row in the index, if it has one.
    pub(crate) id: Option<i64>,
    /// As it was called when it was last read.
    pub(crate) name: String,
    /// How many bytes the head has, and their digest.
    pub(crate) head: (usize, Vec<u8>),
    /// How many bytes were read: whole lines, uncompressed.
    pub(crate) offset: u64,
    /// The digest of the last of them, of as many bytes as the head has.
    pub(crate) tail: Vec<u8>,
    /// The instant of the last line.
    pub(crate) last_at: Option<DateTime<Utc>>,
    pub(crate) counts: Counts,
}

/// The lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// All of them.
    pub lines: u64,
    /// Those that say something of a message.
    pub kept: u64,
    /// Those that are no lines of syslog.
    pub broken: u64,
}

/// How reading a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At the end of a line.
    Whole,
    /// In the middle of a line, which is read once the rest of it is there.
    InALine,
    /// Where the compressed file was cut off, or is damaged.
    Damaged,
}

/// A file open at the first line that was not read yet.
pub(crate) struct Opened {
    source: Source,
    /// Was a line read since it was opened?
    grew: bool,
    content: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// The last bytes that were read.
    tail: Vec<u8>,
    head: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A file and the instant of its first line, by which files are read in order.
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

/// Opens a file where it was left, or at its beginning where it is none of the known ones.
pub(crate) fn open(
    path: &Path,
    known: &[Source],
    zone: Tz,
    not_after: Option<DateTime<Utc>>,
) -> Result<(Opened, Stamps), Error> {
    let (content, written) = content(path)?;
    resume(path, content, known, zone, not_after.unwrap_or(written))
}

/// Goes on with a file, whose content this is, where it was left.
pub(crate) fn resume(
    path: &Path,
    mut content: Box<dyn Read + Send>,
    known: &[Source],
    zone: Tz,
    not_after: DateTime<Utc>,
) -> Result<(Opened, Stamps), Error> {
    let failed = |source| unreadable(path, source);
    let head = head(&mut content).map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stamps = Stamps::new(zone, not_after);
    let found =
        known.iter().filter(|source| source.is_headed(&head)).max_by_key(|source| source.head.0);
    let mut content: Box<dyn BufRead + Send> =
        Box::new(BufReader::with_capacity(BUFFER, Cursor::new(head.clone()).chain(content)));
    let Some(found) = found else {
        let source = Source { name, ..Source::default() };
        let opened =
            Opened { source, grew: false, content, line: Vec::new(), tail: Vec::new(), head };
        return Ok((opened, stamps));
    };
    let source = Source { name, ..found.clone() };
    if let Some(last_at) = source.last_at {
        stamps.resume(last_at);
    }
    let overlap = u64::try_from(source.head.0).unwrap_or(0).min(source.offset);
    let before = source.offset - overlap;
    let skipped = io::copy(&mut content.by_ref().take(before), &mut io::sink());
    let mut tail = Vec::new();
    // A copy that ends before is one of what is known.
    if at_end(skipped).map_err(failed)? == Some(before) {
        at_end(content.by_ref().take(overlap).read_to_end(&mut tail)).map_err(failed)?;
        let whole = u64::try_from(tail.len()).unwrap_or(0) == overlap;
        if whole && Sha256::digest(&tail).as_slice() != source.tail {
            return Err(Error::OtherContent { path: path.to_owned() });
        }
    }
    Ok((Opened { source, grew: false, content, line: Vec::new(), tail, head }, stamps))
}

impl Source {
    fn is_headed(&self, head: &[u8]) -> bool {
        let (length, digest) = &self.head;
        let known = head.get(..*length).filter(|known| !known.is_empty());
        known.is_some_and(|known| Sha256::digest(known).as_slice() == digest)
    }
}

impl Opened {
    /// Goes on to the next whole line; false where it is too long to be one.
    pub(crate) fn next(&mut self) -> Result<bool, Stop> {
        self.line.clear();
        let mut limited = self.content.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line);
        match read {
            Ok(0) => return Err(Stop::End(End::Whole)),
            Ok(_) => {}
            Err(error) if is_cut(&error) => return Err(Stop::End(End::Damaged)),
            Err(error) => return Err(Stop::Failed(error)),
        }
        let whole = |length: usize| u64::try_from(length).unwrap_or(0);
        let (mut length, mut long) = (whole(self.line.len()), false);
        while self.line.last() != Some(&b'\n') {
            if length % LONGEST_LINE != 0 {
                return Err(Stop::End(End::InALine));
            }
            long = true;
            // Only its length is of use any more, and its end, by which the place is known again. It may be
            // gigabytes of zeros that a power cut left, or was made to fill the memory.
            self.line.drain(..self.line.len().saturating_sub(HEAD));
            let mut limited = self.content.by_ref().take(LONGEST_LINE);
            match limited.read_until(b'\n', &mut self.line) {
                Ok(0) => return Err(Stop::End(End::InALine)),
                Ok(read) => length += whole(read),
                Err(error) if is_cut(&error) => return Err(Stop::End(End::Damaged)),
                Err(error) => return Err(Stop::Failed(error)),
            }
        }
        self.source.offset += length;
        self.source.counts.lines += 1;
        self.grew = true;
        self.remember();
        Ok(!long)
    }

    /// The line, without its end; what is no text is made one.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text))
    }

    /// How many lines of the file were read, ever.
    pub(crate) fn lines(&self) -> u64 {
        self.source.counts.lines
    }

    /// Gives it its row in the index.
    pub(crate) fn known_as(&mut self, id: i64) {
        self.source.id = Some(id);
    }

    /// Counts the line that was read last, up to which this is the last instant.
    pub(crate) fn count(&mut self, last_at: Option<DateTime<Utc>>, is_syslog: bool, kept: bool) {
        self.source.last_at = last_at;
        self.source.counts.broken += u64::from(!is_syslog);
        self.source.counts.kept += u64::from(kept);
    }

    /// Keeps the last bytes, of which the digest is taken once it is asked for.
    fn remember(&mut self) {
        self.tail.extend_from_slice(&self.line);
        if self.tail.len() > 16 * HEAD {
            self.tail.drain(..self.tail.len() - HEAD);
        }
    }

    /// What is to be remembered of it, as far as it was read.
    pub(crate) fn seen(&mut self) -> Source {
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

/// Why there is no next line.
#[derive(Debug)]
pub(crate) enum Stop {
    End(End),
    Failed(io::Error),
}

/// The content of a file, uncompressed by what it begins with, and when the file was written.
fn content(path: &Path) -> Result<(Box<dyn Read + Send>, DateTime<Utc>), Error> {
    let failed = |source| unreadable(path, source);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let written = metadata.modified().map_or_else(|_| DateTime::<Utc>::MAX_UTC, DateTime::from);
    Ok((uncompressed(file).map_err(failed)?, written))
}

/// The content of what may be compressed.
pub(crate) fn uncompressed(
    mut file: impl Read + Send + 'static,
) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic)?;
    let file = Cursor::new(magic.clone()).chain(file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Decoder::new(file)?),
        _ => Box::new(file),
    })
}

fn head(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let limit = u64::try_from(HEAD).unwrap_or(0);
    at_end(content.take(limit).read_to_end(&mut head))?;
    Ok(head)
}

/// The end of a compressed file that was cut off is an end, too.
fn at_end<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if is_cut(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_cut(error: &io::Error) -> bool {
    // What zstd says of a damaged frame has no kind of its own, and no number of the system's.
    let by_zstd = error.kind() == ErrorKind::Other && error.raw_os_error().is_none();
    by_zstd
        || matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData
        )
}

pub(crate) fn unreadable(path: &Path, source: io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    Error::File {
        path,
        advice: "it can't be read; look at the path and its rights".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_length_takes_no_more_memory_than_a_long_one() {
        let zeros = io::repeat(0).take(50 << 20);
        let content = Box::new(zeros.chain(Cursor::new(b"\nnext\n".to_vec())));
        let path = Path::new("log");
        let zone = chrono_tz::Europe::Rome;
        let (mut file, _) = resume(path, content, &[], zone, DateTime::<Utc>::MAX_UTC).unwrap();
        assert!(!file.next().unwrap(), "it is too long to be one");
        assert!(file.line.capacity() < 1 << 20 && file.tail.capacity() < 1 << 20);
        assert!(file.next().unwrap());
        assert_eq!(file.text(), "next");
        assert_eq!((file.seen().offset, file.lines()), ((50 << 20) + 6, 2));
    }
}
