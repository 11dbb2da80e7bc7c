//! Instants as the directory stores them, and its clock.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::{Error, Mode};
use super::PostgresDirectory;
use super::fault::Problem;
use super::schema::NOW;

/// The current instant of the directory.
pub(super) async fn now(connection: &mut PgConnection) -> Result<DateTime<Utc>, Problem> {
    let (now,): (DateTime<Utc>,) =
        sqlx::query_as(AssertSqlSafe(format!("SELECT {NOW}"))).fetch_one(connection).await?;
    Ok(now)
}

/// An instant as the directory stores it, in microseconds: a future one is rounded up, so that
/// nothing ends early, and a past one stays past. Instants before 1970 or after 9999 are clamped.
pub(super) fn kept(instant: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let whole = instant.trunc_subsecs(6);
    let upwards = TimeDelta::microseconds(i64::from(whole < instant && instant > now));
    let whole = whole.checked_add_signed(upwards).unwrap_or(whole);
    whole.max(DateTime::UNIX_EPOCH).min(last())
}

/// An instant as an SQL literal.
pub(super) fn literal(instant: DateTime<Utc>) -> String {
    format!("timestamptz '{}'", instant.format("%Y-%m-%d %H:%M:%S%.6f+00"))
}

/// The last second of the year 9999.
fn last() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl PostgresDirectory {
    /// Stops the directory's clock at an instant, or lets it run again. Only for rehearsals.
    pub async fn set_clock(&self, instant: Option<DateTime<Utc>>) -> Result<(), Error> {
        if self.mode == Mode::Production {
            return Err(self
                .place
                .unusable("has a clock that can't be set: it was made for production"));
        }
        let instant = instant.map(|instant| instant.max(DateTime::UNIX_EPOCH).min(last()));
        self.call(async |connection| {
            sqlx::query("UPDATE directory.clock SET rehearsed_at = $1")
                .bind(instant)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }
}
