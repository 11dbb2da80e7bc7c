//! Reads the header of a file without the database, which reports every problem as "file is not a
//! database".

use std::path::Path;

use tokio::io::AsyncReadExt;

use super::super::Error;
use super::file::{out_of_reach, unavailable, unusable};
use super::schema;

/// The length of the header of an `SQLite` file.
const HEADER: u64 = 100;
/// Offsets of `PRAGMA user_version` and `application_id` in the header.
const USER_VERSION: usize = 60;
/// Offsets of the read and write formats; 2 is write-ahead mode.
const FORMATS: std::ops::Range<usize> = 18..20;
const APPLICATION_ID: usize = 68;

/// Can this program use the file?
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

/// Is it in write-ahead mode? The header alone tells, whichever companion files are missing.
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
