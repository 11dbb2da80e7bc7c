//! The index of mail logs: `archive.db`, which answers for one mailbox in milliseconds.
//!
//! A message is one row that contains its packed events. Addresses are numbers of a dictionary.
//! Each batch of lines is a segment with a posting list per address, so that an index over years is
//! append-only and a mailbox is found with one lookup per segment. Invariant: the position in a
//! file, the messages it yielded and the unfinished ones are written in one transaction; after a
//! crash, indexing resumes without loss or duplicates.

mod erase;
mod read;
mod residue;
mod write;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use sql::{Durability, Format, Tables};

use crate::Error;
use crate::source::{Counts, Source};

pub use write::{IndexRequest, Indexed, IndexedFile};

const CREATE: &str = "
    CREATE TABLE name (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,      -- of its first event, in milliseconds
        sender INTEGER,           -- 0 for a report of a mail server
        message_id TEXT,
        subject TEXT,
        provider INTEGER,
        login INTEGER NOT NULL,
        queue TEXT NOT NULL,
        events BLOB NOT NULL
    ) STRICT;
    CREATE TABLE segment (id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE posting (
        segment INTEGER NOT NULL,
        name INTEGER NOT NULL,
        messages BLOB NOT NULL,
        PRIMARY KEY (segment, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE unfinished (
        place TEXT PRIMARY KEY,   -- host, instance and queue id
        message INTEGER NOT NULL,
        heard_at INTEGER NOT NULL -- its last line, in milliseconds
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        head_length INTEGER NOT NULL,
        head BLOB NOT NULL,
        offset INTEGER NOT NULL,
        tail BLOB NOT NULL,
        last_at INTEGER,
        lines INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        broken INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE link (
        hash BLOB PRIMARY KEY,    -- keyed, of the link's secret
        request BLOB NOT NULL,
        number INTEGER NOT NULL,
        holder BLOB,              -- keyed, of the holder's codice fiscale
        wrong INTEGER NOT NULL,   -- failed attempts
        expires_at INTEGER NOT NULL,
        shown INTEGER NOT NULL    -- to an operator: no letter replaces it
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE erased (
        hash BLOB PRIMARY KEY     -- keyed, of an erased holder's address
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE destruction (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        messages INTEGER NOT NULL,
        addresses INTEGER NOT NULL,
        exports INTEGER NOT NULL,
        digest TEXT NOT NULL,
        kept TEXT NOT NULL        -- numbers, as a JSON array
    ) STRICT;";

fn format() -> Format {
    Format {
        application_id: 0x7472_6d61,
        schema_version: 1,
        create: CREATE.to_owned(),
        upgrades: &[],
        other_version: "use the version of the program that created it, or index the logs again",
        durability: Durability::Original,
    }
}

/// The index of a programme's mail logs, and the links of its exports.
#[derive(Debug)]
pub struct Index {
    pub(crate) tables: Tables,
    path: PathBuf,
}

/// The contents of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Held {
    /// Messages.
    pub messages: u64,
    /// Addresses and names of servers.
    pub names: u64,
    /// Indexed files.
    pub files: u64,
    /// Links of exports.
    pub links: u64,
}

impl Index {
    /// Opens the index, or creates it.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open(path, &format()).await?, path: path.to_owned() })
    }

    /// Opens an existing index for reading.
    pub async fn open_read_only(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open_read_only(path, &format()).await?, path: path.to_owned() })
    }

    /// Closes the index.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts its contents.
    pub async fn held(&self) -> Result<Held, Error> {
        const COUNTS: &str = "
            SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM name),
                (SELECT count(*) FROM source), (SELECT count(*) FROM link)";
        let read = |counts: (i64, i64, i64, i64)| {
            let [messages, names, files, links] = <[i64; 4]>::from(counts).map(i64::unsigned_abs);
            Ok(Held { messages, names, files, links })
        };
        Ok(self.tables.all(COUNTS, Vec::new(), read).await?.pop().unwrap_or_default())
    }

    /// The indexed files.
    pub(crate) async fn sources(&self) -> Result<Vec<Source>, Error> {
        const ALL: &str = "
            SELECT id, name, head_length, head, offset, tail, last_at, lines, kept, broken
            FROM source";
        Ok(self.tables.all(ALL, Vec::new(), source).await?)
    }

    /// Locks the index for changes, until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let mut path = self.path.clone();
        path.set_extension("lock");
        let failed = |source| {
            Error::file(&path, "cannot be written; check the permissions of its folder", source)
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(Error::Locked { index: self.path.display().to_string() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[rustfmt::skip]
type SourceRow = (i64, String, i64, Vec<u8>, i64, Vec<u8>, Option<i64>, i64, i64, i64);

fn source(row: SourceRow) -> Result<Source, String> {
    let (id, name, head_length, head, offset, tail, last_at, lines, kept, broken) = row;
    let [offset, lines, kept, broken] = [offset, lines, kept, broken].map(i64::unsigned_abs);
    Ok(Source {
        id: Some(id),
        name,
        head: (usize::try_from(head_length).map_err(|error| error.to_string())?, head),
        offset,
        tail,
        last_at: last_at.and_then(DateTime::from_timestamp_millis),
        counts: Counts { lines, kept, broken },
    })
}

/// A count, as it is stored.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
