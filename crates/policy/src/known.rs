//! What is known of the store, as the answers need it: who has which address, what everybody may
//! do, and how old that is.
//!
//! Invariants: nothing is answered from it before it was read whole, nor when the store has not
//! been in contact for longer than the bound, by either of two clocks: the one that is never set,
//! and the one that goes on while a machine sleeps. What is published is never changed, only
//! replaced; an answer holds a lock for as long as it takes to look one address up.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entitled, State};
use eventstore::Clock;

use crate::addresses::{Addresses, Key, Keys};
use crate::text::Texts;

/// How many addresses are changed under one lock: some tens of microseconds.
const STEP: usize = 256;

/// Shared by whoever follows the store and whoever answers.
pub struct Known {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    pub(crate) own: Vec<Vec<u8>>,
    addresses: RwLock<Addresses>,
    said: RwLock<Option<Arc<Said>>>,
    contact: RwLock<Option<Contact>>,
    bound: Duration,
}

/// An instant, by the clock that is never set and by the one that shows the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact {
    steady: Instant,
    shown: DateTime<Utc>,
}

/// What the log says.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) entitled: Entitled,
    pub(crate) texts: Texts,
}

impl Said {
    /// What it says now; nothing before a plan was adopted.
    pub(crate) fn by(state: &State) -> Option<Arc<Self>> {
        let (entitled, plan) = (Entitled::of(state)?, state.plan()?);
        Some(Arc::new(Self { entitled, texts: Texts::of(plan) }))
    }
}

/// What an answer is made from.
pub(crate) struct Fresh {
    pub(crate) said: Arc<Said>,
    pub(crate) now: DateTime<Utc>,
}

impl Known {
    /// Nothing yet. What is older than `bound` is not answered from; every address of the domains
    /// in `own` is one of the programme's.
    pub fn new(clock: Arc<dyn Clock>, bound: Duration, own: &[String]) -> Self {
        let own = own.iter().map(|domain| domain.trim().to_ascii_lowercase().into_bytes());
        Self {
            clock,
            keys: Keys::default(),
            own: own.collect(),
            addresses: RwLock::default(),
            said: RwLock::default(),
            contact: RwLock::default(),
            bound,
        }
    }

    /// Is it whole, and young enough to answer from?
    pub fn is_fresh(&self) -> bool {
        self.fresh().is_some()
    }

    /// Beyond which age nothing is answered.
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// How many addresses are known, and the memory they take in bytes.
    pub fn size(&self) -> (usize, usize) {
        let addresses = self.addresses();
        (addresses.len(), addresses.bytes())
    }

    /// When the store was last in contact, in seconds since 1970; 0 for never.
    pub(crate) fn contact_seconds(&self) -> f64 {
        let contact = *read(&self.contact);
        let seconds = contact.and_then(|contact| i32::try_from(contact.shown.timestamp()).ok());
        f64::from(seconds.unwrap_or(0))
    }

    /// What can be answered from now; `None` where it is not whole or too old.
    pub(crate) fn fresh(&self) -> Option<Fresh> {
        let contact = (*read(&self.contact))?;
        let now = self.clock.now();
        let asleep =
            now - contact.shown > TimeDelta::from_std(self.bound).unwrap_or(TimeDelta::MAX);
        if asleep || contact.steady.elapsed() > self.bound {
            return None;
        }
        let said = read(&self.said).clone()?;
        Some(Fresh { said, now })
    }

    /// This instant, by both clocks.
    pub(crate) fn moment(&self) -> Contact {
        Contact { steady: Instant::now(), shown: self.clock.now() }
    }

    /// From now on this is what the log says, as it was at that moment; `None` for what it said
    /// before.
    pub(crate) fn publish(&self, said: Option<Arc<Said>>, contact: Contact) {
        if let Some(said) = said {
            *write(&self.said) = Some(said);
        }
        *write(&self.contact) = Some(contact);
    }

    /// Forgets everything: the store is not the one that was read.
    pub(crate) fn forget(&self) {
        *write(&self.said) = None;
        *write(&self.contact) = None;
        *write(&self.addresses) = Addresses::default();
    }

    pub(crate) fn addresses(&self) -> RwLockReadGuard<'_, Addresses> {
        read(&self.addresses)
    }

    /// Makes room for a population.
    pub(crate) fn reserve(&self, count: usize) {
        write(&self.addresses).reserve(count);
    }

    /// These mailboxes have these addresses now; those that already have are left alone.
    pub(crate) fn set(&self, these: &[(u32, Option<Key>)]) {
        for these in these.chunks(STEP) {
            let held = self.addresses();
            let differs = these.iter().any(|(number, key)| held.key(*number) != *key);
            drop(held);
            if differs {
                let mut addresses = write(&self.addresses);
                for (number, key) in these {
                    addresses.set(*number, *key);
                }
            }
        }
    }
}

/// What is behind a lock is replaced whole, so a panic elsewhere leaves nothing half done in it.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
