//! Leases on subscriptions: one rule for every adapter.
//!
//! The expiry only decides when another owner may take over. Safety comes from the fencing token
//! alone, since a process that was suspended cannot know that its lease has expired.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, Lease};

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) owner: String,
    pub(crate) token: u64,
    pub(crate) checkpoint: u64,
    pub(crate) granted_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

impl Holding {
    /// The subscription after `owner` claimed it; `None` while another owner's lease is held.
    pub(crate) fn claimed(
        held: Option<Self>,
        owner: &str,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Option<Self> {
        let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX);
        let expires_at = now.checked_add_signed(ttl).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let (token, checkpoint) = match held {
            None => (1, 0),
            Some(held) if held.owner == owner => (held.token, held.checkpoint),
            Some(held) if held.is_held_at(now) => return None,
            Some(held) => (held.token + 1, held.checkpoint),
        };
        Some(Self { owner: owner.to_owned(), token, checkpoint, granted_at: now, expires_at })
    }

    /// A lease granted long after `now` was granted by a clock that was set back since: waiting for
    /// its expiry could take years.
    fn is_held_at(&self, now: DateTime<Utc>) -> bool {
        let length = self.expires_at - self.granted_at;
        now < self.expires_at && self.granted_at - now <= length
    }

    pub(crate) fn lease(&self, subscription: &str) -> Lease {
        Lease {
            subscription: subscription.to_owned(),
            token: self.token,
            checkpoint: self.checkpoint,
        }
    }
}

/// The outcome of saving a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It was saved.
    Yes,
    /// The lease has another token now.
    Fenced,
    /// The log ends here, before it.
    LogShorter(u64),
}

impl Saved {
    /// The outcome as the holder of the lease gets it.
    pub(crate) fn into_result(self, lease: &Lease, position: u64) -> Result<(), Error> {
        match self {
            Self::Yes => Ok(()),
            Self::Fenced => Err(Error::Fenced { subscription: lease.subscription.clone() }),
            Self::LogShorter(head) => Err(Error::LogShorter { checkpoint: position, head }),
        }
    }
}
