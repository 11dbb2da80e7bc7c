//! Who may move a subscription's checkpoint: one rule for every adapter.
//!
//! The time limit only decides when another owner may take over; safety comes from the token alone,
//! since a process that was suspended can't know that its time has run out.

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
    /// The subscription after `owner` has asked for it; `None` while it is another's.
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
            Some(held) if held.runs_at(now) => return None,
            Some(held) => (held.token + 1, held.checkpoint),
        };
        Some(Self { owner: owner.to_owned(), token, checkpoint, granted_at: now, expires_at })
    }

    /// A lease granted long after `now` was granted by a clock that has since been set back: waiting
    /// for it could take years.
    fn runs_at(&self, now: DateTime<Utc>) -> bool {
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

/// What came of saving a checkpoint.
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
    /// The same as it is told to the holder of the lease.
    pub(crate) fn told(self, lease: &Lease, position: u64) -> Result<(), Error> {
        match self {
            Self::Yes => Ok(()),
            Self::Fenced => Err(Error::Fenced { subscription: lease.subscription.clone() }),
            Self::LogShorter(head) => Err(Error::LogShorter { checkpoint: position, head }),
        }
    }
}
