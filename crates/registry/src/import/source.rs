//! The bytes of a registry file: their source, compression and progress.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::Error;

/// The source of the rows.
pub enum Source {
    /// A file, plain, gzip or zstd, detected by its first bytes.
    File {
        /// The file.
        path: PathBuf,
        /// Its control file; `None` for one beside it, if there is one.
        control: Option<PathBuf>,
    },
    /// A stream that can be read once, such as standard input; the same compressions.
    Stream(Box<dyn Read + Send>),
}

/// Read ahead to detect the compression, and to identify a stream after a crash.
const PREFIX: u64 = 64 * 1024;

/// The progress of the reading thread, readable from outside.
#[derive(Clone, Default)]
pub(super) struct Meter {
    bytes: Arc<AtomicU64>,
    hash: Arc<Mutex<Sha256>>,
}

impl Meter {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The SHA-256 of the bytes so far, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        let hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
        format!("{:x}", hash.finalize())
    }
}

/// An opened source.
pub(super) struct Opened {
    /// The uncompressed bytes.
    pub(super) text: Box<dyn Read + Send>,
    pub(super) meter: Meter,
    /// Its identity: the SHA-256 of its start.
    pub(super) start: String,
    /// The number of compressed bytes, if known.
    pub(super) total: Option<u64>,
}

/// Opens a file.
pub(super) fn open_file(path: &Path) -> Result<Opened, Error> {
    let failed = |error| Error::unreadable(path, error);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Error::Unusable("it is a directory; give the path of a file".into()));
    }
    let mut opened = open_stream(Box::new(file)).map_err(failed)?;
    opened.total = found.is_file().then_some(found.len());
    Ok(opened)
}

/// Reads the first bytes of a stream.
pub(super) fn open_stream(mut raw: Box<dyn Read + Send>) -> io::Result<Opened> {
    let mut prefix = Vec::new();
    raw.by_ref().take(PREFIX).read_to_end(&mut prefix)?;
    let start = format!("{:x}", Sha256::digest(&prefix));
    let meter = Meter::default();
    let all = Cursor::new(prefix).chain(raw);
    let text = compression::decompressed(Metered { raw: all, meter: meter.clone() })?;
    Ok(Opened { text, meter, start, total: None })
}

/// The SHA-256 of a whole file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::unreadable(path, error);
    let file = File::open(path).map_err(failed)?;
    let mut metered = Metered { raw: file, meter: Meter::default() };
    io::copy(&mut metered, &mut io::sink()).map_err(failed)?;
    Ok(metered.meter.sha256())
}

struct Metered<R> {
    raw: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(buffer)?;
        let passed = buffer.get(..read).unwrap_or_default();
        self.meter.hash.lock().unwrap_or_else(PoisonError::into_inner).update(passed);
        self.meter.bytes.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}
