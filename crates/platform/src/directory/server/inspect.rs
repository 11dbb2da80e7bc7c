//! Checks a server for what keeps mail servers from enforcing the directory, each with its remedy.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Refusals;
use sql::params;

use super::super::Directory;
use super::super::name::Problem;
use super::super::tables::{Access, Tables};
use crate::Error;

/// A clock that deviates by more ends rights visibly late or early.
const OFF: TimeDelta = TimeDelta::seconds(1);

impl Directory {
    /// Checks a directory on a server as the mail servers see it, without changing anything;
    /// returns a sentence with a remedy for each finding. `refusals` are those of the plan in
    /// force, and `now` is the instant by this machine's clock.
    pub async fn inspect_server(
        &self,
        refusals: Option<&Refusals>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Error> {
        let work = async |tables: &mut Tables<'_>| {
            let mut found = tables.inspect(&self.name, refusals).await?;
            found.extend(server(tables, now).await?);
            Ok(found)
        };
        self.transact(Access::Read, work).await
    }
}

async fn server(tables: &mut Tables<'_>, now: DateTime<Utc>) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    let select = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) - $1,
                         EXISTS (SELECT FROM pg_roles WHERE rolname = 'tramonto_mail')";
    let (off, role): (i64, bool) = tables.row(select, params![now.timestamp_micros()]).await?;
    let off = TimeDelta::microseconds(off).abs();
    if off > OFF {
        found.push(format!(
            "the clock of the PostgreSQL server differs from this machine's by {} seconds; \
             synchronize both with a time service",
            off.num_seconds()
        ));
    }
    if !role {
        found.push(
            "there is no role tramonto_mail, so the mail servers query rights with more \
             permissions than they need; run deploy/postgres/roles.sql and connect them with that \
             role"
                .to_owned(),
        );
        return Ok(found);
    }
    let select = "SELECT has_table_privilege('tramonto_mail', 'directory.rights', 'SELECT')";
    let (granted,): (bool,) = tables.row(select, Vec::new()).await?;
    if !granted {
        found.push(
            "the role tramonto_mail may not read directory.rights; run \
             deploy/postgres/roles.sql again"
                .to_owned(),
        );
    }
    Ok(found)
}
