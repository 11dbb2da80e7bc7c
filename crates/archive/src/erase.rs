//! Taking holders out of everything that is kept here: the index, its links, and their extracts; and extracts of
//! others that name them, which are prepared anew out of what is left.
//!
//! Invariant: what tells whose an extract is goes last, so that an erasure that was broken off anywhere is ended
//! by doing it again.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use keyring::Keyring;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::link::Hashes;
use crate::needles::Needles;
use crate::office::{files_in, unwritable};
use crate::{Error, Index};

/// Whose data are taken out.
#[derive(Debug, Clone, Copy)]
pub struct Erased<'a> {
    /// The holders' mailboxes.
    pub numbers: &'a RoaringBitmap,
    /// Their addresses.
    pub addresses: &'a [String],
    /// By what else they can be known in somebody else's message.
    pub known_by: &'a [String],
    /// Whose secret hashes their addresses.
    pub keys: &'a Keyring,
    /// Requests of theirs that are known to be open, whether or not a link was made for them.
    pub requests: &'a BTreeSet<Uuid>,
}

/// How many extracts went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Those of the holders.
    pub extracts: u64,
    /// Those of others that named them.
    pub withdrawn: u64,
}

/// Takes holders out of an index and deletes their extracts from a folder, with whatever a preparation that was
/// broken off has left there, and the extracts of others in which one of them is named.
pub async fn erase(index: &Index, extracts: &Path, whose: Erased<'_>) -> Result<Gone, Error> {
    let mut requests = whose.requests.clone();
    requests.extend(index.requests_of(whose.numbers).await?);
    let mut gone = Gone { extracts: 0, withdrawn: 0 };
    for file in files_in(extracts)? {
        let name = file.file_stem().and_then(|name| name.to_str());
        let request = name.and_then(|name| name.parse::<Uuid>().ok());
        // One that is no request's was not whole when its process ended.
        if request.is_none_or(|request| requests.contains(&request)) && delete(&file)? {
            gone.extracts += u64::from(request.is_some());
        }
    }
    let texts = Needles::new(&[whose.addresses, whose.known_by].concat())?;
    let hashes = Hashes::new(whose.keys);
    let all = whose.addresses.iter().chain(whose.known_by);
    let addresses = all.filter(|text| text.contains('@')).map(|address| hashes.erased(address));
    let hashes = addresses.collect();
    Box::pin(index.erase(whose.numbers, whose.addresses, &texts, hashes)).await?;
    // After the index: what is prepared by now names them no more.
    for file in files_in(extracts)? {
        if texts.are_in_zip(&file)? && delete(&file)? {
            gone.withdrawn += 1;
        }
    }
    Ok(gone)
}

/// Deletes a file; was it there?
fn delete(file: &Path) -> Result<bool, Error> {
    match std::fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unwritable(file, error)),
    }
}
