use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::super::{Cause, Error};
use super::fault::Problem;
use super::{Directory, Mode, fault};

/// The current instant of the directory.
pub(super) async fn now(connection: &mut SqliteConnection) -> Result<DateTime<Utc>, Problem> {
    let (micros,): (i64,) = sqlx::query_as(
        "SELECT CAST(round(1e6 * coalesce(rehearsed_at, unixepoch('subsec'))) AS INTEGER) FROM \
         clock",
    )
    .fetch_one(connection)
    .await?;
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| Problem::Content("has a clock that shows no instant".to_owned()))
}

/// The instant of a Unix timestamp; the last instant of the calendar if it is beyond.
pub(super) fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl Directory {
    /// Stops the directory's clock at an instant, or lets it run again. Only for rehearsals.
    pub async fn set_clock(&self, instant: Option<DateTime<Utc>>) -> Result<(), Error> {
        if self.mode == Mode::Production {
            return Err(Error::Refused {
                cause: Cause::UNUSABLE,
                problem: format!(
                    "the clock of the mail directory {} can't be set: it was made for production",
                    self.path().display()
                ),
            });
        }
        let mut writer = self.writer().await?;
        sqlx::query("UPDATE clock SET rehearsed_at = ? / 1e6")
            .bind(instant.map(|instant| instant.timestamp_micros()))
            .execute(&mut *writer)
            .await
            .map_err(|error| fault::of(&self.place, error))?;
        Ok(())
    }
}
