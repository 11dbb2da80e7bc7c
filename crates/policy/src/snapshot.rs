//! The in-memory snapshot of the store from which answers are computed: addresses, rights, and
//! their age.
//!
//! Invariants: nothing is answered before the store was read completely, or when the last contact
//! with the store is older than the bound by either of two clocks: the monotonic one, and the wall
//! clock, which runs on while a machine sleeps. A published value is never changed, only replaced;
//! an answer holds a lock only while it looks up one address.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entitled, State};
use eventstore::Clock;

use crate::addresses::{Addresses, Key, Keys};
use crate::text::Texts;

/// The most addresses changed under one lock: some tens of microseconds.
const STEP: usize = 256;

/// The snapshot, shared by the follower and the server.
pub struct Snapshot {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    pub(crate) own: Vec<Vec<u8>>,
    addresses: RwLock<Addresses>,
    rights: RwLock<Option<Arc<Rights>>>,
    contact: RwLock<Option<Contact>>,
    bound: Duration,
}

/// An instant by the monotonic clock and by the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact {
    steady: Instant,
    shown: DateTime<Utc>,
}

/// The rights and texts as of the log.
#[derive(Debug)]
pub(crate) struct Rights {
    pub(crate) entitled: Entitled,
    pub(crate) texts: Texts,
}

impl Rights {
    /// The current rights and texts; `None` before a plan is adopted.
    pub(crate) fn by(state: &State) -> Option<Arc<Self>> {
        let (entitled, plan) = (Entitled::of(state)?, state.plan()?);
        Some(Arc::new(Self { entitled, texts: Texts::of(plan) }))
    }
}

/// What an answer is computed from.
pub(crate) struct Fresh {
    pub(crate) rights: Arc<Rights>,
    pub(crate) now: DateTime<Utc>,
}

impl Snapshot {
    /// An empty snapshot. One older than `bound` is not used; every address of the domains in `own`
    /// belongs to the programme.
    pub fn new(clock: Arc<dyn Clock>, bound: Duration, own: &[String]) -> Self {
        let own = own.iter().map(|domain| domain.trim().to_ascii_lowercase().into_bytes());
        Self {
            clock,
            keys: Keys::default(),
            own: own.collect(),
            addresses: RwLock::default(),
            rights: RwLock::default(),
            contact: RwLock::default(),
            bound,
        }
    }

    /// Whether it is complete and recent enough to answer from.
    pub fn is_fresh(&self) -> bool {
        self.fresh().is_some()
    }

    /// The maximum age of a usable snapshot.
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// The number of addresses, and their memory in bytes.
    pub fn size(&self) -> (usize, usize) {
        let addresses = self.addresses();
        (addresses.len(), addresses.bytes())
    }

    /// The last contact with the store, in seconds since 1970; 0 for never.
    pub(crate) fn contact_seconds(&self) -> f64 {
        let contact = *read(&self.contact);
        let seconds = contact.and_then(|contact| i32::try_from(contact.shown.timestamp()).ok());
        f64::from(seconds.unwrap_or(0))
    }

    /// What to answer from now; `None` if it is incomplete or too old.
    pub(crate) fn fresh(&self) -> Option<Fresh> {
        let contact = (*read(&self.contact))?;
        let now = self.clock.now();
        let asleep =
            now - contact.shown > TimeDelta::from_std(self.bound).unwrap_or(TimeDelta::MAX);
        if asleep || contact.steady.elapsed() > self.bound {
            return None;
        }
        let rights = read(&self.rights).clone()?;
        Some(Fresh { rights, now })
    }

    /// This instant, by both clocks.
    pub(crate) fn moment(&self) -> Contact {
        Contact { steady: Instant::now(), shown: self.clock.now() }
    }

    /// Publishes new rights and texts as of an instant; with `None`, only the contact.
    pub(crate) fn publish(&self, rights: Option<Arc<Rights>>, contact: Contact) {
        if let Some(rights) = rights {
            *write(&self.rights) = Some(rights);
        }
        *write(&self.contact) = Some(contact);
    }

    /// Empties the snapshot: the store is another one.
    pub(crate) fn forget(&self) {
        *write(&self.rights) = None;
        *write(&self.contact) = None;
        *write(&self.addresses) = Addresses::default();
    }

    pub(crate) fn addresses(&self) -> RwLockReadGuard<'_, Addresses> {
        read(&self.addresses)
    }

    /// Reserves memory for a population.
    pub(crate) fn reserve(&self, count: usize) {
        write(&self.addresses).reserve(count);
    }

    /// Sets the addresses of mailboxes; unchanged ones are skipped.
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

/// Values behind locks are replaced whole, so a panic elsewhere leaves none half changed.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
