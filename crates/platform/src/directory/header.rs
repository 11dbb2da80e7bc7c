//! What a file's first bytes tell without asking the database, whose only answer to all of it would
//! be "file is not a database".

use std::path::Path;

use tokio::io::AsyncReadExt;

use super::super::Error;
use super::file::{out_of_reach, unavailable, unusable};
use super::schema;

/// The length of the header of an `SQLite` file.
const HEADER: u64 = 100;
/// Where the header keeps what `PRAGMA user_version` and `application_id` say.
const USER_VERSION: usize = 60;
/// And the formats in which it is written and read, 2 for write-ahead mode.
const FORMATS: std::ops::Range<usize> = 18..20;
const APPLICATION_ID: usize = 68;

/// Is it a file of this program that this program can use?
pub(super) async fn check(path: &Path) -> Result<(), Error> {
    let file = tokio::fs::metadata(path).await.map_err(|error| out_of_reach(path, error))?;
    if !file.is_file() {
        return Err(unusable(path, "is no file; give the path of a mail directory"));
    }
    if file.permissions().readonly() {
        return Err(unavailable(path, "is read-only; make the file and its folder writable"));
    }
    let header = first_bytes(path).await.map_err(|error| out_of_reach(path, error))?;
    let ours = header.starts_with(b"SQLite format 3\0")
        && number(&header, APPLICATION_ID) == Some(schema::APPLICATION_ID);
    if !ours {
        return Err(unusable(path, "is no mail directory; give the path of one, or make one"));
    }
    if number(&header, USER_VERSION).is_none_or(|version| version > schema::VERSION) {
        return Err(unusable(path, "was made by a newer version of this program; run that one"));
    }
    Ok(())
}

/// Is it in write-ahead mode? The file itself says so, whichever of the files beside it are
/// missing.
pub(super) async fn is_write_ahead(path: &Path) -> Result<bool, Error> {
    let header = first_bytes(path).await.map_err(|error| out_of_reach(path, error))?;
    Ok(header.get(FORMATS) == Some(&[2, 2]))
}

async fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    tokio::fs::File::open(path).await?.take(HEADER).read_to_end(&mut header).await?;
    Ok(header)
}

fn number(header: &[u8], at: usize) -> Option<i32> {
    let bytes = header.get(at..)?.first_chunk()?;
    Some(i32::from_be_bytes(*bytes))
}
