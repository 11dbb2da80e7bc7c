//! Keyed hashes of links, holders and erased addresses, so that the database reveals none of them.

use std::collections::HashSet;

use keyring::{KeyedHash, Keyring};
use uuid::Uuid;

/// Keyed hashes of links, holders and erased addresses.
#[derive(Debug)]
pub(crate) struct Hashes {
    link: KeyedHash,
    holder: KeyedHash,
    erased: KeyedHash,
}

/// Addresses of erased holders, as keyed hashes.
#[derive(Debug, Default)]
pub(crate) struct ErasedAddresses(Option<(KeyedHash, HashSet<Vec<u8>>)>);

impl ErasedAddresses {
    /// Is this the address of an erased holder?
    pub(crate) fn has(&self, address: &str) -> bool {
        let Some((erased, hashes)) = &self.0 else { return false };
        hashes.contains(hash_of_address(erased, address).as_slice())
    }
}

fn hash_of_address(erased: &KeyedHash, address: &str) -> Vec<u8> {
    erased.of(address.to_lowercase().as_bytes()).to_vec()
}

impl Hashes {
    pub(crate) fn new(keys: &Keyring) -> Self {
        let [link, holder, erased] =
            ["log-link", "log-holder", "log-erased"].map(|purpose| keys.keyed_hash(purpose));
        Self { link, holder, erased }
    }

    /// The erased addresses with these hashes.
    pub(crate) fn erased_addresses(&self, hashes: Vec<Vec<u8>>) -> ErasedAddresses {
        ErasedAddresses(
            (!hashes.is_empty()).then(|| (self.erased.clone(), hashes.into_iter().collect())),
        )
    }

    /// The hash of an erased holder's address, by which later logs are filtered.
    pub(crate) fn erased(&self, address: &str) -> Vec<u8> {
        hash_of_address(&self.erased, address)
    }

    /// The hash of a link's secret.
    pub(crate) fn link(&self, secret: &str) -> Vec<u8> {
        self.link.of(secret.as_bytes()).to_vec()
    }

    /// The hash of a codice fiscale for one request; case and punctuation do not matter.
    pub(crate) fn holder(&self, request: Uuid, answer: &str) -> Vec<u8> {
        let plain: String = answer.chars().filter(char::is_ascii_alphanumeric).collect();
        self.holder.of(format!("{request}/{}", plain.to_uppercase()).as_bytes()).to_vec()
    }
}
