//! The index of used ids, holders and addresses: of all rows and in memory for a file, which has
//! them in random order and would search an index on disk at random for each row; for a single
//! registration, of the rows that it may be or collide with.
//!
//! Each is stored as an eight-byte digest, and a match is verified against the row itself. On a
//! collision the later text is left out, and the unique indexes created at the end reject what that
//! could let through; with two million rows the probability is one in millions.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use domain::Registration;
use roaring::RoaringBitmap;

use super::Error;
use super::rows::FileRow;
use crate::store::{Freed, Keys, Registry, Trace, trace};

/// Rows read from the registry at a time.
const PAGE: u32 = 65_536;
/// With fewer rows, nothing is concluded about a whole file.
const TELLING: usize = 20;

/// An eight-byte digest, in halves: with its number it takes twelve bytes of memory, not sixteen.
type Mark = [u32; 2];

/// The index.
pub(super) struct Known {
    hasher: RandomState,
    ids: HashMap<Mark, u32>,
    holders: HashMap<Mark, u32>,
    addresses: HashMap<Mark, u32>,
    /// Holders and addresses that rows had when this import started and no longer have. They are
    /// available only to other files: this one, read again, gets the same decisions as before.
    freed: HashMap<String, u32>,
    /// Registration ids of holders who were erased, as hashes.
    erased: HashSet<Trace>,
    /// Rows that this import has changed, also before a crash.
    pub(super) changed: RoaringBitmap,
    /// Rows that this pass over the file has met.
    pub(super) seen: RoaringBitmap,
    /// The number of the next registration.
    pub(super) next: u32,
}

impl Known {
    /// The index of all rows.
    pub(super) async fn load(registry: &Registry) -> Result<Self, Error> {
        let mut known = Self::new(registry.erased().await?);
        loop {
            let page = registry.keys(known.next, PAGE).await?;
            let Some(last) = page.last() else { break };
            known.next = last.number.checked_add(1).ok_or(Error::Full)?;
            known.take_all(&page);
        }
        known.next = known.next.max(registry.next_number().await?);
        Ok(known)
    }

    /// The index of the rows that have the id, the holder or the address of a registration.
    pub(super) async fn like(registry: &Registry, one: &Registration) -> Result<Self, Error> {
        let mut known = Self::new(registry.erased_as(&one.registration_id).await?);
        known.take_all(&registry.keys_like(one).await?);
        known.next = registry.next_number().await?;
        Ok(known)
    }

    fn new(erased: Vec<Trace>) -> Self {
        Self {
            hasher: RandomState::new(),
            ids: HashMap::new(),
            holders: HashMap::new(),
            addresses: HashMap::new(),
            freed: HashMap::new(),
            erased: erased.into_iter().collect(),
            changed: RoaringBitmap::new(),
            seen: RoaringBitmap::new(),
            next: 0,
        }
    }

    fn take_all(&mut self, rows: &[Keys]) {
        for Keys { number, registration_id, codice_fiscale, address, .. } in rows {
            self.take(*number, registration_id, codice_fiscale, address);
        }
    }

    /// Adds what rows had before the last import of the same file; `resumed` if that import goes
    /// on.
    pub(super) fn free_all(&mut self, freed: Vec<Freed>, resumed: bool) {
        for freed in freed {
            self.free(freed);
        }
        if !resumed {
            self.changed.clear();
        }
    }

    pub(super) fn id(&self, registration_id: &str) -> Option<u32> {
        self.ids.get(&mark(&self.hasher, registration_id)).copied()
    }

    /// Was the holder of this registration id erased?
    pub(super) fn is_erased(&self, registration_id: &str) -> bool {
        !self.erased.is_empty() && self.erased.contains(&trace(registration_id))
    }

    pub(super) fn holder(&self, codice_fiscale: &str) -> Option<u32> {
        self.holders.get(&mark(&self.hasher, codice_fiscale)).copied()
    }

    pub(super) fn address(&self, address: &str) -> Option<u32> {
        self.addresses.get(&mark(&self.hasher, address)).copied()
    }

    /// The row that had this holder or address when this import started.
    pub(super) fn freed(&self, key: &str) -> Option<u32> {
        self.freed.get(key).copied()
    }

    /// Adds the keys of a row. On a collision the earlier row stays.
    pub(super) fn take(&mut self, number: u32, id: &str, codice_fiscale: &str, address: &str) {
        let hash = |text: &str| mark(&self.hasher, text);
        let (id, holder, address) = (hash(id), hash(codice_fiscale), hash(address));
        self.ids.entry(id).or_insert(number);
        self.holders.entry(holder).or_insert(number);
        self.addresses.entry(address).or_insert(number);
    }

    /// Adds what a row had before it was changed.
    pub(super) fn free(&mut self, freed: Freed) {
        let Freed { number, codice_fiscale, address } = freed;
        self.changed.insert(number);
        for (map, key) in [(&mut self.holders, codice_fiscale), (&mut self.addresses, address)] {
            let hash = mark(&self.hasher, &key);
            if map.get(&hash) == Some(&number) {
                map.remove(&hash);
            }
            self.freed.entry(key).or_insert(number);
        }
    }

    /// The numbers of all rows that a batch may concern, each once.
    pub(super) fn candidates(&self, batch: &[FileRow]) -> Vec<u32> {
        let of = |registration: &Registration| {
            [
                self.id(&registration.registration_id),
                self.holder(registration.codice_fiscale.as_str()),
                self.address(&registration.address),
            ]
        };
        let good = batch.iter().filter_map(|row| row.checked.as_ref().ok());
        let numbers = good.flat_map(|(registration, _)| of(registration)).flatten();
        numbers.collect::<RoaringBitmap>().into_iter().collect()
    }

    /// Are these the same people under other ids? Checked before anything is written.
    pub(super) fn are_others(&self, batch: &[FileRow]) -> Option<usize> {
        let good: Vec<&Registration> =
            batch.iter().filter_map(|row| Some(&row.checked.as_ref().ok()?.0)).collect();
        let known_id = good.iter().any(|row| self.id(&row.registration_id).is_some());
        let taken = good.iter().filter(|row| {
            self.holder(row.codice_fiscale.as_str()).or(self.address(&row.address)).is_some()
        });
        let most = taken.count() * 2 > good.len();
        (good.len() >= TELLING && !known_id && most).then_some(good.len())
    }
}

fn mark(hasher: &RandomState, text: &str) -> Mark {
    let hash = hasher.hash_one(text);
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
    [half(hash), half(hash >> 32)]
}
