//! Leases and checkpoints: the rule is `Holding`'s, the lock is the subscription's row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sql::within;
use sqlx::{Connection, PgConnection, Row};

use super::STEP;
use crate::Lease;
use crate::lease::{Holding, Saved};
use crate::numbers::{signed, unsigned};

/// Each statement sees what was committed before it, as the rule needs after it waited.
const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const FIND: &str = "
    SELECT owner, token, checkpoint, granted_at, expires_at
    FROM tramonto.subscription WHERE name = $1 FOR UPDATE";
/// Where two claim a new subscription at once, the second finds the first's row and reads it again.
const BEGIN: &str = "
    INSERT INTO tramonto.subscription (name, owner, token, checkpoint, granted_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
const GRANT: &str = "
    UPDATE tramonto.subscription SET owner = $2, token = $3, granted_at = $4, expires_at = $5
    WHERE name = $1";
/// The update waits for a concurrent takeover of the lease, and then checks the token again.
const SAVE: &str = "
    WITH saved AS (
        UPDATE tramonto.subscription SET checkpoint = $1
        WHERE name = $2 AND token = $3 AND $1 <= (SELECT position FROM tramonto.log_head)
        RETURNING name
    )
    SELECT position, EXISTS (SELECT FROM saved) FROM tramonto.log_head";

pub(crate) async fn claim(
    connection: &mut PgConnection,
    subscription: &str,
    owner: &str,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<Option<Lease>, sqlx::Error> {
    let mut transaction = within(STEP, connection.begin_with(READ_COMMITTED)).await?;
    let claimed = loop {
        let row = sqlx::query(FIND).bind(subscription).fetch_optional(&mut *transaction);
        let held = match within(STEP, row).await? {
            None => None,
            Some(row) => Some(Holding {
                owner: row.try_get(0)?,
                token: unsigned(row.try_get(1)?)?,
                checkpoint: unsigned(row.try_get(2)?)?,
                granted_at: row.try_get(3)?,
                expires_at: row.try_get(4)?,
            }),
        };
        let is_new = held.is_none();
        let Some(holding) = Holding::claimed(held, owner, now, ttl) else { break None };
        let save = sqlx::query(if is_new { BEGIN } else { GRANT });
        let save = save.bind(subscription).bind(&holding.owner).bind(signed(holding.token));
        let save = if is_new { save.bind(signed(holding.checkpoint)) } else { save };
        let save = save.bind(holding.granted_at).bind(holding.expires_at);
        if within(STEP, save.execute(&mut *transaction)).await?.rows_affected() == 1 {
            break Some(holding.lease(subscription));
        }
    };
    within(STEP, transaction.commit()).await?;
    Ok(claimed)
}

pub(crate) async fn save(
    connection: &mut PgConnection,
    lease: &Lease,
    position: u64,
) -> Result<Saved, sqlx::Error> {
    let saved = sqlx::query_as(SAVE)
        .bind(signed(position))
        .bind(&lease.subscription)
        .bind(signed(lease.token))
        .fetch_one(connection);
    let (head, saved): (i64, bool) = within(STEP, saved).await?;
    let head = unsigned(head)?;
    Ok(match saved {
        true => Saved::Yes,
        false if position > head => Saved::LogShorter(head),
        false => Saved::Fenced,
    })
}
