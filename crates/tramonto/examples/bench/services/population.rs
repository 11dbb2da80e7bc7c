//! A database with a plan, a population, and nothing left to do.

use std::fs;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capabilities, Plan};
use eventstore::Clock;
use roaring::RoaringBitmap;

use super::deployment::Deployment;
use super::rates;
use crate::report::{Report, whole};
use crate::{Fallible, rate};

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Adopts the plan, imports so many registrations, and has every service do what is to be done at
/// that instant, with nothing armed. Returns how many mailboxes there are.
pub(crate) async fn make(
    deployment: &mut Deployment,
    database: &str,
    plan: &str,
    registrations: u32,
    at: DateTime<Utc>,
    report: Option<&mut Report>,
) -> Fallible<u64> {
    deployment.show(at).await?;
    deployment.create(database, None).await?;
    let (file, registry) = (deployment.file("plan.toml"), deployment.file("registry.csv"));
    fs::write(&file, plan)?;
    let (file, registry) = (file.display().to_string(), registry.display().to_string());
    deployment.run(database, &["store", "migrate"])?;
    deployment.run(database, &["plan", "adopt", &file, "--reason", "bench"])?;
    let wanted = registrations.to_string();
    deployment
        .run(database, &["registry", "generate", "--registrations", &wanted, "--out", &registry])?;
    let begun = Instant::now();
    deployment.run(database, &["registry", "import", &registry])?;
    if let Some(report) = report {
        let rows = whole(rate(u64::from(registrations), begun.elapsed()));
        report.row("import", format!("{rows} rows/s"), "");
        rates::filled(deployment, database, registrations, report).await?;
        // Past the lease with which that was done.
        deployment.show(at + TimeDelta::minutes(1)).await?;
    }
    settle(deployment, database, "off").await?;
    let mut connection = deployment.connect(database).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
    let journal = deployment.journal(database).await?;
    let active = journal.state().await?.rights.active();
    Ok(active.len())
}

/// A copy in which the platform has been told the plan's next instant.
pub(crate) async fn arm(deployment: &mut Deployment, from: &str, armed: &str) -> Fallible<()> {
    deployment.create(armed, Some(from)).await?;
    settle(deployment, armed, "14d").await?;
    let mut connection = deployment.connect(armed).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
    Ok(())
}

/// Runs scheduler, worker and projector until nothing is left to do.
async fn settle(deployment: &mut Deployment, database: &str, arm_ahead: &str) -> Fallible<()> {
    deployment.fresh_bus().await?;
    let [scheduler, worker] =
        ["scheduler", "worker"].map(|service| format!("{service} --arm-ahead {arm_ahead}"));
    deployment.serve(database, &["projector", &scheduler, &worker]).await?;
    let journal = deployment.journal(database).await?;
    let behind = "SELECT (SELECT max(position) FROM tramonto.event) > (SELECT position FROM \
                  projection.checkpoint)
        OR (SELECT count(*) FROM directory.armed) < (SELECT count(activated_on) FROM \
        registry.registration)";
    let mut connection = deployment.connect(database).await?;
    loop {
        let is_idle = {
            let snapshot = journal.state().await?;
            let now = deployment.clock.now();
            let plan = snapshot.plan().ok_or("no plan is adopted")?;
            let started = snapshot.phases.names().len() == plan.due(now).len();
            let completed = snapshot.phases.names().iter().all(|phase| {
                snapshot.phases.get(phase).is_some_and(|phase| phase.completed.is_some())
            });
            let armed = arm_ahead == "off" || left_to_arm(&snapshot, plan, now).is_empty();
            started && completed && armed
        };
        let behind: bool = sqlx::query_scalar(behind).fetch_one(&mut connection).await?;
        if is_idle && !behind {
            return deployment.stop_services();
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Those who have a right that the next phase takes and whose end the platform was not told.
fn left_to_arm(state: &domain::State, plan: &Plan, now: DateTime<Utc>) -> RoaringBitmap {
    let next = plan.due(now).end;
    let removed: Capabilities = plan.removes(next);
    let instant = plan.starts_at(next);
    removed.intersection(Capabilities::OF_PLATFORM).iter().fold(
        RoaringBitmap::new(),
        |all, right| {
            let told = state.rights.armed(right).filter(|(until, _)| *until == instant);
            let told = told.fold(RoaringBitmap::new(), |all, (_, mailboxes)| all | mailboxes);
            all | ((state.rights.open(right) & state.rights.active()) - told)
        },
    )
}
