//! Erases holders from the index, its links and exports; and exports of others that name them,
//! which can be prepared again from the remaining entries.
//!
//! Invariant: links, which identify a holder's exports, are deleted last, so that repeating an
//! interrupted erasure completes it.

use std::collections::BTreeSet;
use std::path::Path;

use keyring::Keyring;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::archive::{files_in, remove};
use crate::hashes::Hashes;
use crate::search::SearchTerms;
use crate::{Error, Index};

/// The holders to erase.
#[derive(Debug, Clone, Copy)]
pub struct ErasureSubjects<'a> {
    /// Their mailboxes.
    pub numbers: &'a RoaringBitmap,
    /// Their addresses.
    pub addresses: &'a [String],
    /// Other texts that identify them in messages of others.
    pub known_by: &'a [String],
    /// The keys that hash their addresses.
    pub keys: &'a Keyring,
    /// Their open requests, with or without a link.
    pub requests: &'a BTreeSet<Uuid>,
}

/// The number of deleted exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedExports {
    /// Exports of the holders.
    pub exports: u64,
    /// Exports of others that named them.
    pub withdrawn: u64,
}

/// Erases holders from an index and deletes their exports from a folder, together with temporary
/// files and exports of others that name them.
pub async fn erase(
    index: &Index,
    exports: &Path,
    whose: ErasureSubjects<'_>,
) -> Result<ErasedExports, Error> {
    let mut requests = whose.requests.clone();
    requests.extend(index.requests_of(whose.numbers).await?);
    let mut erased = ErasedExports { exports: 0, withdrawn: 0 };
    for file in files_in(exports)? {
        let name = file.file_stem().and_then(|name| name.to_str());
        let request = name.and_then(|name| name.parse::<Uuid>().ok());
        // Any other name is a temporary file of an interrupted preparation.
        if request.is_none_or(|request| requests.contains(&request)) && remove(&file)? {
            erased.exports += u64::from(request.is_some());
        }
    }
    let texts = SearchTerms::new(&[whose.addresses, whose.known_by].concat())?;
    let hashes = Hashes::new(whose.keys);
    let all = whose.addresses.iter().chain(whose.known_by);
    let addresses = all.filter(|text| text.contains('@')).map(|address| hashes.erased(address));
    let hashes = addresses.collect();
    Box::pin(index.erase(whose.numbers, whose.addresses, &texts, hashes)).await?;
    // After the index: exports prepared from now on do not name them.
    for file in files_in(exports)? {
        if texts.match_zip(&file)? && remove(&file)? {
            erased.withdrawn += 1;
        }
    }
    Ok(erased)
}
