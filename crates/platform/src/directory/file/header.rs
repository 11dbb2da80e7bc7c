//! Reads the header of a file without the database, which reports every problem as "file is not a
//! database".

use std::path::Path;

use tokio::io::AsyncReadExt;

use super::super::name::Name;
use super::{out_of_reach, schema};
use crate::{Cause, Error};

/// The length of the header of an `SQLite` file.
const HEADER: u64 = 100;
/// Offsets of `PRAGMA user_version` and `application_id` in the header.
const USER_VERSION: usize = 60;
/// Offsets of the read and write formats; 2 is write-ahead mode.
const FORMATS: std::ops::Range<usize> = 18..20;
const APPLICATION_ID: usize = 68;

/// Can this program use the file?
pub(super) async fn check(path: &Path) -> Result<(), Error> {
    let name = Name::file(path);
    let file = tokio::fs::metadata(path).await.map_err(|error| out_of_reach(path, error))?;
    if !file.is_file() {
        return Err(name.unusable("is not a file; give the path of a mail directory"));
    }
    if file.permissions().readonly() {
        let problem = "is read-only; make the file and its folder writable";
        return Err(name.unavailable(Cause::UNAVAILABLE, problem));
    }
    let header = first_bytes(path).await?;
    let ours = header.starts_with(b"SQLite format 3\0")
        && number(&header, APPLICATION_ID) == Some(schema::APPLICATION_ID);
    if !ours {
        return Err(name.unusable("is not a mail directory; give the path of one, or create one"));
    }
    if number(&header, USER_VERSION).is_none_or(|version| version > schema::VERSION) {
        return Err(name.unusable("was made by a newer version of this program; run that one"));
    }
    Ok(())
}

/// Is it in write-ahead mode? The header alone tells, whichever companion files are missing.
pub(super) async fn is_write_ahead(path: &Path) -> Result<bool, Error> {
    Ok(first_bytes(path).await?.get(FORMATS) == Some(&[2, 2]))
}

async fn first_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let mut header = Vec::new();
    let read =
        async { tokio::fs::File::open(path).await?.take(HEADER).read_to_end(&mut header).await };
    read.await.map_err(|error| out_of_reach(path, error))?;
    Ok(header)
}

fn number(header: &[u8], at: usize) -> Option<i32> {
    let bytes = header.get(at..)?.first_chunk()?;
    Some(i32::from_be_bytes(*bytes))
}
