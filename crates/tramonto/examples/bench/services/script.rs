//! The bare script that one would write instead, on the same server: one UPDATE and one INSERT …
//! SELECT in a transaction.

use std::time::{Duration, Instant};

use eventstore::Clock;
use sqlx::{AssertSqlSafe, Connection};

use super::deployment::Deployment;
use crate::Fallible;

const DATABASE: &str = "script";
const MADE: &str = "script_made";

/// Makes its tables, with so many mailboxes.
pub(crate) async fn make(deployment: &Deployment, mailboxes: u64) -> Fallible<()> {
    deployment.create(MADE, None).await?;
    let mut database = deployment.connect(MADE).await?;
    let make = format!(
        "CREATE TABLE mailbox (id bigint PRIMARY KEY, address text NOT NULL UNIQUE,
             can_send boolean NOT NULL DEFAULT true, can_modify boolean NOT NULL DEFAULT true);
         CREATE TABLE audit (mailbox bigint NOT NULL, action text NOT NULL, at timestamptz NOT \
         NULL);
         INSERT INTO mailbox (id, address)
             SELECT n, 'name.surname' || n || '@postacertificata.example' FROM generate_series(1, \
             {mailboxes}) n"
    );
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut database).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut database).await?;
    Ok(database.close().await?)
}

/// Its wall time, on a copy of those tables and a server that was just started, as for a phase.
pub(crate) async fn run(deployment: &mut Deployment) -> Fallible<Duration> {
    deployment.create(DATABASE, Some(MADE)).await?;
    deployment.show(deployment.clock.now()).await?;
    let mut database = deployment.connect(DATABASE).await?;
    let begun = Instant::now();
    let mut transaction = database.begin().await?;
    sqlx::raw_sql("UPDATE mailbox SET can_send = false, can_modify = false WHERE can_send")
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql("INSERT INTO audit SELECT id, 'sending disabled', now() FROM mailbox")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    let took = begun.elapsed();
    database.close().await?;
    deployment.drop(DATABASE).await?;
    Ok(took)
}
