//! From an address to the mailbox's number, for millions of them, and no address in memory.
//!
//! An address is kept as two keyed hashes of 64 bits, whose keys are drawn when the process starts
//! and leave it nowhere: one finds the place in the table, both together must agree. That two of
//! two million addresses, or a stranger's and one of ours, agree in all 128 bits has a chance of
//! less than one in 10^25. Invariants: a number has at most one address, the one that was told
//! last, and an address at most one number. Some 26 bytes a mailbox: 16 of hashes, and some 10 of
//! table.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// An address, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64, u64);

/// The place of a number without an address.
const NONE: Key = Key(0, 0);

/// What makes keys of addresses. A clone makes the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(RandomState, RandomState);

impl Keys {
    /// The key of an address; capitals do not count.
    pub(crate) fn of(&self, address: &[u8]) -> Key {
        let plain = address.to_ascii_lowercase();
        match Key(self.0.hash_one(&plain), self.1.hash_one(&plain)) {
            NONE => Key(0, 1),
            key => key,
        }
    }
}

/// Who has which address.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// Numbers, found by the first half of their key.
    table: HashTable<u32>,
    /// By number.
    keys: Vec<Key>,
}

impl Addresses {
    /// Makes room for so many, so that the table need not grow while somebody waits for it.
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

    /// From now on the mailbox has this address, and no other; `None` for no address any more.
    pub(crate) fn set(&mut self, number: u32, key: Option<Key>) {
        if self.key(number) == key {
            return;
        }
        self.remove(number);
        let Some(key) = key else { return };
        // Where another has it, it is that one's no more: the registry has each address once.
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

    /// How many addresses there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How much memory it takes, in bytes.
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
        // A sixteenth of CEC-PAC, which fills its table as far.
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
