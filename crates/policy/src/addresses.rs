//! Maps addresses to mailbox numbers, for millions of them, without an address in memory.
//!
//! An address is stored as two keyed hashes of 64 bits, whose keys are random and never leave the
//! process: one determines the slot in the table, and both must match. The probability that two of
//! two million addresses, or a foreign address and one of ours, match in all 128 bits is below one
//! in 10^25. Invariants: a number has at most one address, the latest one, and an address at most
//! one number. Some 26 bytes per mailbox: 16 of hashes, and some 10 of table.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A stored address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64, u64);

/// The key of a number without an address.
const NONE: Key = Key(0, 0);

/// Derives keys from addresses. A clone derives the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(RandomState, RandomState);

impl Keys {
    /// The key of an address; case is ignored.
    pub(crate) fn of(&self, address: &[u8]) -> Key {
        let plain = address.to_ascii_lowercase();
        match Key(self.0.hash_one(&plain), self.1.hash_one(&plain)) {
            NONE => Key(0, 1),
            key => key,
        }
    }
}

/// The addresses of mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// Numbers, found by the first half of their key.
    table: HashTable<u32>,
    /// By number.
    keys: Vec<Key>,
}

impl Addresses {
    /// Reserves capacity, so that the table need not grow during a lookup.
    pub(crate) fn reserve(&mut self, count: usize) {
        let keys = &self.keys;
        let missing = count.saturating_sub(self.table.len());
        self.table.reserve(missing, |number| key_of(keys, *number).0);
        self.keys.reserve_exact(count.saturating_sub(self.keys.len()));
    }

    /// The number of the mailbox with this address.
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        self.table.find(key.0, |number| key_of(&self.keys, *number) == key).copied()
    }

    /// The key of a mailbox's address.
    pub(crate) fn key(&self, number: u32) -> Option<Key> {
        Some(key_of(&self.keys, number)).filter(|key| *key != NONE)
    }

    /// Sets the mailbox's only address; `None` removes it.
    pub(crate) fn set(&mut self, number: u32, key: Option<Key>) {
        if self.key(number) == key {
            return;
        }
        self.remove(number);
        let Some(key) = key else { return };
        // An address of another mailbox is taken over: the registry has each address once.
        if let Some(other) = self.find(key) {
            self.remove(other);
        }
        let Ok(place) = usize::try_from(number) else { return };
        if self.keys.len() <= place {
            self.keys.resize(place + 1, NONE);
        }
        if let Some(kept) = self.keys.get_mut(place) {
            *kept = key;
        }
        let keys = &self.keys;
        self.table.insert_unique(key.0, number, |number| key_of(keys, *number).0);
    }

    /// The number of addresses.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Its memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.table.allocation_size() + self.keys.capacity() * size_of::<Key>()
    }

    fn remove(&mut self, number: u32) {
        let Some(key) = self.key(number) else { return };
        let keys = &self.keys;
        let hash = |number: &u32| key_of(keys, *number).0;
        if let Entry::Occupied(entry) = self.table.entry(key.0, |held| *held == number, hash) {
            entry.remove();
        }
        let place = usize::try_from(number).ok();
        if let Some(kept) = place.and_then(|place| self.keys.get_mut(place)) {
            *kept = NONE;
        }
    }
}

fn key_of(keys: &[Key], number: u32) -> Key {
    usize::try_from(number).ok().and_then(|place| keys.get(place)).copied().unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_found_whatever_its_capitals_and_no_other_is() {
        let (keys, mut addresses) = (Keys::default(), Addresses::default());
        addresses.set(7, Some(keys.of(b"anna@box.example")));
        assert_eq!(addresses.find(keys.of(b"Anna@BOX.example")), Some(7));
        assert_eq!(addresses.find(keys.of(b"anna@box.example.")), None);
        assert_eq!(addresses.find(Keys::default().of(b"anna@box.example")), None, "another key");
    }

    #[test]
    fn a_mailbox_costs_less_than_32_bytes() {
        let (keys, mut addresses) = (Keys::default(), Addresses::default());
        // A sixteenth of CEC-PAC, with the same load factor.
        let count = 2_121_783 / 16;
        addresses.reserve(count);
        for number in 0..u32::try_from(count).unwrap() {
            addresses.set(number, Some(keys.of(number.to_string().as_bytes())));
        }
        assert_eq!(addresses.len(), count);
        assert!(addresses.bytes() < count * 32, "{} bytes", addresses.bytes());
    }

    proptest! {
        #[test]
        fn it_is_a_map_that_is_one_to_one(
            changes in proptest::collection::vec(
                (0_u32..12, proptest::option::of(0_u8..12)),
                0..200,
            )
        ) {
            let (keys, mut addresses) = (Keys::default(), Addresses::default());
            let mut model: BTreeMap<u32, u8> = BTreeMap::new();
            for (number, address) in changes {
                addresses.set(number, address.map(|address| keys.of(&[address])));
                model.remove(&number);
                if let Some(address) = address {
                    model.retain(|_, held| *held != address);
                    model.insert(number, address);
                }
                prop_assert_eq!(addresses.len(), model.len());
                for address in 0..12 {
                    let holder = model.iter().find(|(_, held)| **held == address);
                    let found = addresses.find(keys.of(&[address]));
                    prop_assert_eq!(found, holder.map(|(number, _)| *number));
                }
            }
        }
    }
}
