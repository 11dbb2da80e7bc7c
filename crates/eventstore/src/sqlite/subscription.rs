//! Leases and checkpoints, inside a transaction of the writer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};

use super::read::instant;
use crate::Lease;
use crate::lease::{Holding, Saved};
use crate::numbers::{signed, unsigned};

pub(crate) async fn claim(
    connection: &mut SqliteConnection,
    subscription: &str,
    owner: &str,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<Option<Lease>, sqlx::Error> {
    const FIND: &str = "SELECT owner, token, checkpoint, granted_at, expires_at \
                        FROM subscription WHERE name = ?";
    const SAVE: &str = "INSERT INTO subscription VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) \
                        DO UPDATE SET owner = excluded.owner, token = excluded.token, \
                        granted_at = excluded.granted_at, expires_at = excluded.expires_at";
    let row = sqlx::query(FIND).bind(subscription).fetch_optional(&mut *connection).await?;
    let held = match row {
        None => None,
        Some(row) => Some(Holding {
            owner: row.try_get(0)?,
            token: unsigned(row.try_get(1)?)?,
            checkpoint: unsigned(row.try_get(2)?)?,
            granted_at: instant(row.try_get(3)?)?,
            expires_at: instant(row.try_get(4)?)?,
        }),
    };
    let Some(holding) = Holding::claimed(held, owner, now, ttl) else { return Ok(None) };
    sqlx::query(SAVE)
        .bind(subscription)
        .bind(&holding.owner)
        .bind(signed(holding.token))
        .bind(signed(holding.checkpoint))
        .bind(holding.granted_at.timestamp_micros())
        .bind(holding.expires_at.timestamp_micros())
        .execute(connection)
        .await?;
    Ok(Some(holding.lease(subscription)))
}

pub(crate) async fn save(
    connection: &mut SqliteConnection,
    lease: &Lease,
    position: u64,
) -> Result<Saved, sqlx::Error> {
    let head = sqlx::query_scalar("SELECT position FROM log_head").fetch_one(&mut *connection);
    let head = unsigned(head.await?)?;
    if position > head {
        return Ok(Saved::LogShorter(head));
    }
    let saved = sqlx::query("UPDATE subscription SET checkpoint = ? WHERE name = ? AND token = ?")
        .bind(signed(position))
        .bind(&lease.subscription)
        .bind(signed(lease.token))
        .execute(connection)
        .await?;
    Ok(if saved.rows_affected() == 1 { Saved::Yes } else { Saved::Fenced })
}
