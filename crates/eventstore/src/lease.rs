//! Leases on subscriptions: one rule for every adapter, and its statements for the databases.
//!
//! The expiry only decides when another owner may take over. Safety comes from the fencing token
//! alone, since a process that was suspended cannot know that its lease has expired.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sql::{Param, Statement};

use crate::numbers::{instant, number, unsigned};
use crate::read::HEAD;
use crate::session::Session;
use crate::{Error, Lease};

/// On a server, the row stays locked until the transaction ends.
const FIND: Statement = Statement {
    sqlite: "
        SELECT owner, token, checkpoint, granted_at, expires_at FROM subscription WHERE name = $1",
    postgres: "
        SELECT owner, token, checkpoint, (extract(epoch FROM granted_at) * 1000000)::bigint,
            (extract(epoch FROM expires_at) * 1000000)::bigint
        FROM tramonto.subscription WHERE name = $1 FOR UPDATE",
};

/// Grants a lease unless its token changed since it was read.
const GRANT: Statement = Statement {
    sqlite: "
        INSERT INTO subscription AS held (name, owner, token, checkpoint, granted_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE
        SET owner = excluded.owner, token = excluded.token,
            granted_at = excluded.granted_at, expires_at = excluded.expires_at
        WHERE held.token = $7 RETURNING token",
    postgres: "
        INSERT INTO tramonto.subscription AS held
            (name, owner, token, checkpoint, granted_at, expires_at)
        VALUES ($1, $2, $3, $4,
            'epoch'::timestamptz + $5 / 1000000 * interval '1 s' + $5 % 1000000 * interval '1 us',
            'epoch'::timestamptz + $6 / 1000000 * interval '1 s' + $6 % 1000000 * interval '1 us')
        ON CONFLICT (name) DO UPDATE
        SET owner = excluded.owner, token = excluded.token,
            granted_at = excluded.granted_at, expires_at = excluded.expires_at
        WHERE held.token = $7 RETURNING token",
};

const SAVE: Statement = Statement {
    sqlite: "
        UPDATE subscription SET checkpoint = $1 WHERE name = $2 AND token = $3 RETURNING token",
    postgres: "
        UPDATE tramonto.subscription SET checkpoint = $1 WHERE name = $2 AND token = $3
        RETURNING token",
};

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

/// Claims or renews a lease, in a transaction on it. Where two claim a new subscription at once,
/// the second grants nothing, finds the first's row and decides again.
pub(crate) async fn claim(
    session: &mut impl Session,
    subscription: &str,
    owner: &str,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<Option<Lease>, sqlx::Error> {
    let name = Param::Text(subscription.to_owned());
    loop {
        let found = session.rows(FIND, vec![name.clone()]).await?;
        let held = found.into_iter().next().map(stored).transpose()?;
        let before = held.as_ref().map_or(0, |held| held.token);
        let Some(holding) = Holding::claimed(held, owner, now, ttl) else { return Ok(None) };
        let params = vec![
            name.clone(),
            Param::Text(holding.owner.clone()),
            number(holding.token),
            number(holding.checkpoint),
            Param::Number(holding.granted_at.timestamp_micros()),
            Param::Number(holding.expires_at.timestamp_micros()),
            number(before),
        ];
        if !session.rows::<(i64,)>(GRANT, params).await?.is_empty() {
            return Ok(Some(holding.lease(subscription)));
        }
    }
}

/// Saves a checkpoint, in a transaction on its lease.
pub(crate) async fn save(
    session: &mut impl Session,
    lease: &Lease,
    position: u64,
) -> Result<Result<(), Error>, sqlx::Error> {
    let head = session.rows::<(i64,)>(HEAD, Vec::new()).await?;
    let head = head.first().map_or(Err(sqlx::Error::RowNotFound), |(head,)| unsigned(*head))?;
    if position > head {
        return Ok(Err(Error::LogShorter { checkpoint: position, head }));
    }
    let params =
        vec![number(position), Param::Text(lease.subscription.clone()), number(lease.token)];
    if session.rows::<(i64,)>(SAVE, params).await?.is_empty() {
        return Ok(Err(Error::Fenced { subscription: lease.subscription.clone() }));
    }
    Ok(Ok(()))
}

fn stored(row: (String, i64, i64, i64, i64)) -> Result<Holding, sqlx::Error> {
    let (owner, token, checkpoint, granted_at, expires_at) = row;
    Ok(Holding {
        owner,
        token: unsigned(token)?,
        checkpoint: unsigned(checkpoint)?,
        granted_at: instant(granted_at)?,
        expires_at: instant(expires_at)?,
    })
}
