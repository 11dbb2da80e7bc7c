//! Checks for what keeps mail servers from enforcing the directory, each with its remedy.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Refusals;
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::{Error, Mode, said};
use super::PostgresDirectory;
use super::fault::Problem;

/// A clock that deviates by more ends rights visibly late or early.
const OFF: TimeDelta = TimeDelta::seconds(1);

impl PostgresDirectory {
    /// Checks the directory as the mail servers see it, without changing anything; returns a
    /// sentence with a remedy for each finding. `refusals` are those of the plan in force, and
    /// `now` is the instant by this machine's clock.
    pub async fn inspect(
        &self,
        refusals: Option<&Refusals>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let place = self.place();
        if self.mode() == Mode::Rehearsal {
            found.push(format!(
                "the mail directory at {place} was made for rehearsals and its clock can be set; \
                 never put mail servers of production in front of it"
            ));
        }
        let looked = self.call(async |connection| look(connection).await).await?;
        if looked.set {
            found.push(format!(
                "the clock of the mail directory at {place} is stopped; start it again: UPDATE \
                 directory.clock SET rehearsed_at = NULL"
            ));
        }
        let off = (looked.clock - now).abs();
        if off > OFF {
            found.push(format!(
                "the clock of the PostgreSQL server differs from this machine's by {} seconds; \
                 synchronize both with a time service",
                off.num_seconds()
            ));
        }
        if !looked.role {
            found.push(
                "there is no role tramonto_mail, so the mail servers query rights with more \
                 permissions than they need; run deploy/postgres/roles.sql and connect them with \
                 that role"
                    .to_owned(),
            );
        } else if !looked.granted {
            found.push(
                "the role tramonto_mail may not read directory.rights; run \
                 deploy/postgres/roles.sql again"
                    .to_owned(),
            );
        }
        if refusals.is_some_and(|refusals| looked.says != said::values(refusals)) {
            found.push(format!(
                "the mail directory at {place} has refusals that differ from the plan in force; \
                 run the projector to update them"
            ));
        }
        Ok(found)
    }
}

struct Looked {
    set: bool,
    clock: DateTime<Utc>,
    role: bool,
    granted: bool,
    says: [String; 5],
}

async fn look(connection: &mut PgConnection) -> Result<Looked, Problem> {
    let (set, clock, role): (bool, DateTime<Utc>, bool) = sqlx::query_as(
        "SELECT (SELECT rehearsed_at FROM directory.clock) IS NOT NULL, clock_timestamp(),
                EXISTS (SELECT FROM pg_roles WHERE rolname = 'tramonto_mail')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let granted = if role {
        let sql = "SELECT has_table_privilege('tramonto_mail', 'directory.rights', 'SELECT')";
        sqlx::query_scalar(sql).fetch_one(&mut *connection).await?
    } else {
        false
    };
    let sql = format!("SELECT {} FROM directory.refusal", said::COLUMNS);
    let says: (String, String, String, String, String) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(Looked { set, clock, role, granted, says: says.into() })
}
