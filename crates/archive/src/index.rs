//! The index of the mail servers' logs: `archive.db`, which answers for one mailbox in milliseconds.
//!
//! A message is one row, its events packed in it. Addresses are numbers of a dictionary. What was read
//! together is a segment: for each address the messages of the segment, in order, so that an index over
//! years grows by appending alone, and a mailbox is found by one look into each segment.
//! Invariant: what was read of a file, the messages that came of it and those that are not done yet are
//! written in one transaction; after a crash at any moment reading goes on as if there had been none.

mod read;
mod trace;
mod wipe;
mod write;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sql::{Format, Given, Keeping, Tables};

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
        place TEXT PRIMARY KEY,   -- machine, instance and name in the queue
        message INTEGER NOT NULL,
        heard_at INTEGER          -- when it was last heard of, in milliseconds
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
        holder BLOB,              -- keyed, of what its holder is asked for
        wrong INTEGER NOT NULL,   -- how often that was answered wrongly
        expires_at INTEGER NOT NULL,
        shown INTEGER NOT NULL DEFAULT 0    -- to an operator, whose it is; no letter may take its place
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE erased (
        hash BLOB PRIMARY KEY     -- keyed, of an address of somebody who was erased
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE destruction (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        messages INTEGER NOT NULL,
        addresses INTEGER NOT NULL,
        extracts INTEGER NOT NULL,
        digest TEXT NOT NULL,
        kept TEXT NOT NULL        -- numbers, as a JSON array
    ) STRICT;";

/// From version 1 to 2.
const REMEMBERING: &str = "
    ALTER TABLE unfinished ADD COLUMN heard_at INTEGER;
    ALTER TABLE link ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE erased (hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;";

fn format() -> Format {
    Format {
        application_id: 0x7472_6d61,
        schema_version: 2,
        create: CREATE.to_owned(),
        upgrades: &[REMEMBERING],
        other_version: "run the version of this program that made it, or read the logs again",
        keeping: Keeping::Original,
    }
}

/// The index of a programme's mail logs, and what there is to know of its extracts.
#[derive(Debug)]
pub struct Index {
    pub(crate) tables: Tables,
    path: PathBuf,
}

/// How much an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Held {
    /// Messages.
    pub messages: u64,
    /// Addresses and names of servers.
    pub names: u64,
    /// Files that were read.
    pub files: u64,
    /// Links that were handed out.
    pub links: u64,
}

impl Index {
    /// Opens the index, which is made where there is none.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open(path, &format()).await?, path: path.to_owned() })
    }

    /// Opens an existing index for reading.
    pub async fn open_read_only(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open_read_only(path, &format()).await?, path: path.to_owned() })
    }

    /// Closes it.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much it holds.
    pub async fn held(&self) -> Result<Held, Error> {
        const COUNTS: &str = "
            SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM name),
                (SELECT count(*) FROM source), (SELECT count(*) FROM link)";
        let read = |(messages, names, files, links): (i64, i64, i64, i64)| {
            let count = |number: i64| u64::try_from(number).map_err(|error| error.to_string());
            Ok(Held {
                messages: count(messages)?,
                names: count(names)?,
                files: count(files)?,
                links: count(links)?,
            })
        };
        Ok(self.tables.all(COUNTS, Vec::new(), read).await?.pop().unwrap_or_default())
    }

    /// The files that were read.
    pub(crate) async fn sources(&self) -> Result<Vec<Source>, Error> {
        const ALL: &str = "
            SELECT id, name, head_length, head, offset, tail, last_at, lines, kept, broken FROM source";
        Ok(self.tables.all(ALL, Vec::new(), source).await?)
    }

    /// The right to change it; given back when dropped.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let mut path = self.path.clone();
        path.set_extension("lock");
        let failed = |source| Error::File {
            path: path.clone(),
            advice: "it can't be written; look at the folder's rights".to_owned(),
            source,
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(Error::Indexing { place: self.path.display().to_string() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[rustfmt::skip]
type SourceRow = (i64, String, i64, Vec<u8>, i64, Vec<u8>, Option<i64>, i64, i64, i64);

fn source(row: SourceRow) -> Result<Source, String> {
    let (id, name, head_length, head, offset, tail, last_at, lines, kept, broken) = row;
    let count = |number: i64| u64::try_from(number).map_err(|error| error.to_string());
    Ok(Source {
        id: Some(id),
        name,
        head: (usize::try_from(head_length).map_err(|error| error.to_string())?, head),
        offset: count(offset)?,
        tail,
        last_at: last_at.and_then(instant),
        counts: Counts { lines: count(lines)?, kept: count(kept)?, broken: count(broken)? },
    })
}

/// An instant, as it is stored.
pub(crate) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The instant that is stored.
pub(crate) fn instant(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}

/// A count, as it is stored.
pub(crate) fn stored(count: u64) -> Given {
    Given::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of every table, as the file itself tells them.
    const COLUMNS: &str = "
        SELECT kind.name || '.' || of.name || ' ' || of.type || ' ' || of.\"notnull\" || ' ' || ifnull(of.dflt_value, '')
        FROM sqlite_schema AS kind, pragma_table_info(kind.name) AS of ORDER BY 1";

    /// What version 1 made.
    fn first() -> Format {
        let mut create = CREATE.to_owned();
        for later in [
            ",\n        heard_at INTEGER          -- when it was last heard of, in milliseconds",
            ",\n        shown INTEGER NOT NULL DEFAULT 0    -- to an operator, whose it is; no letter may take its place",
            "CREATE TABLE erased (\n        hash BLOB PRIMARY KEY     -- keyed, of an address of somebody who was erased\n    ) \
             STRICT, WITHOUT ROWID;",
        ] {
            assert!(create.contains(later), "{later}");
            create = create.replace(later, "");
        }
        Format { schema_version: 1, create, upgrades: &[], ..format() }
    }

    async fn columns(path: &Path) -> Vec<String> {
        let index = Index::open(path).await.unwrap();
        let told = |(column,): (String,)| Ok(column);
        let columns = index.tables.all(COLUMNS, Vec::new(), told).await.unwrap();
        index.close().await.unwrap();
        columns
    }

    #[tokio::test]
    async fn an_index_of_the_first_version_is_brought_up_to_date_and_loses_nothing() {
        const LINK: &str = "
            INSERT INTO link (hash, request, number, holder, wrong, expires_at)
            VALUES (x'01', x'02', 7, NULL, 1, 99)";
        const LEFT: &str = "SELECT number, wrong, shown FROM link";
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old.db", "new.db"].map(|name| folder.path().join(name));
        let tables = Tables::open(&old, &first()).await.unwrap();
        let mut writing = tables.begin().await.unwrap();
        writing.run(LINK, Vec::new()).await.unwrap();
        writing.commit().await.unwrap();
        tables.close().await.unwrap();

        assert_eq!(columns(&old).await, columns(&new).await, "it is not what a new one is");
        let index = Index::open_read_only(&old).await.unwrap();
        let told = |row: (i64, i64, i64)| Ok(row);
        assert_eq!(index.tables.all(LEFT, Vec::new(), told).await.unwrap(), [(7, 1, 0)]);
        index.close().await.unwrap();
    }
}
