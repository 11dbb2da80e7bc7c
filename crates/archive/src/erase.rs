//! Taking holders out of everything that is kept here: the index, its links, and their extracts.
//!
//! Invariant: what tells whose an extract is goes last, so that an erasure that was broken off anywhere is ended
//! by doing it again.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::office::{files_in, unwritable};
use crate::{Error, Index};

/// Whose data are taken out.
#[derive(Debug, Clone, Copy)]
pub struct Erased<'a> {
    /// The holders' mailboxes.
    pub numbers: &'a RoaringBitmap,
    /// Their addresses.
    pub addresses: &'a [String],
    /// Requests of theirs that are known to be open, whether or not a link was made for them.
    pub requests: &'a BTreeSet<Uuid>,
}

/// Takes holders out of an index and deletes their extracts from a folder, with whatever a preparation that was
/// broken off has left there. Answers with how many extracts there were.
pub async fn erase(index: &Index, extracts: &Path, whose: Erased<'_>) -> Result<u64, Error> {
    let mut requests = whose.requests.clone();
    requests.extend(index.requests_of(whose.numbers).await?);
    let mut gone = 0;
    for file in files_in(extracts)? {
        let name = file.file_stem().and_then(|name| name.to_str());
        let request = name.and_then(|name| name.parse::<Uuid>().ok());
        // One that is no request's was not whole when its process ended.
        if request.is_none_or(|request| requests.contains(&request)) {
            match std::fs::remove_file(&file) {
                Ok(()) => gone += u64::from(request.is_some()),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unwritable(&file, error)),
            }
        }
    }
    index.erase(whose.numbers, whose.addresses).await?;
    Ok(gone)
}
