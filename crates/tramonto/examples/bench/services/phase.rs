//! One phase, from the instant of the plan on, with every service up before.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::PhaseId;
use eventstore::Clock;
use sqlx::PgConnection;

use super::deployment::Deployment;
use crate::Fallible;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A phase that is to be timed.
pub(crate) struct Timing<'a> {
    pub(crate) database: &'a str,
    pub(crate) phase: &'a str,
    /// The instant of the plan.
    pub(crate) instant: DateTime<Utc>,
    /// How long before it the services are started.
    pub(crate) lead: TimeDelta,
    /// How many worker processes.
    pub(crate) workers: usize,
    /// Whether the platform is armed, and how long before: `14d` or `off`.
    pub(crate) arm_ahead: &'a str,
}

/// When what happened, from the instant on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) started: Duration,
    /// The first mailbox is done, in the log.
    pub(crate) first: Duration,
    /// And the last one.
    pub(crate) last: Duration,
    pub(crate) completed: Duration,
    /// The row-per-mailbox table has it too.
    pub(crate) projected: Duration,
    /// All of it is on the bus.
    pub(crate) relayed: Duration,
    /// Events from the phase's start to its completion.
    pub(crate) events: u64,
    pub(crate) mailboxes: u64,
}

impl Times {
    /// From `phase-started` to `phase-completed`.
    pub(crate) fn took(&self) -> Duration {
        self.completed.saturating_sub(self.started)
    }
}

/// Starts the services, waits for the instant and for what follows, and stops them. `None` where
/// they were not up before the instant: then the database is of no more use for it.
pub(crate) async fn time(
    deployment: &mut Deployment,
    timing: &Timing<'_>,
) -> Fallible<Option<Times>> {
    deployment.show(timing.instant - timing.lead).await?;
    let worker = format!("worker --arm-ahead {}", timing.arm_ahead);
    let scheduler = format!("scheduler --arm-ahead {}", timing.arm_ahead);
    let mut services = vec!["projector", "relay", "api", &scheduler];
    services.resize(services.len() + timing.workers, &worker);
    deployment.serve(timing.database, &services).await?;
    let mut database = deployment.connect(timing.database).await?;
    let head = position(&mut database, "").await?.unwrap_or(0);
    followed(deployment, &mut database, head).await?;
    if deployment.clock.now() >= timing.instant {
        deployment.stop_services()?;
        return Ok(None);
    }
    let completed = format!(
        "WHERE kind = (SELECT id FROM tramonto.kind WHERE name = 'phase-completed')
           AND payload LIKE '%\"phase\":\"{}\"%'",
        timing.phase
    );
    let completed = loop {
        match position(&mut database, &completed).await? {
            Some(position) => break position,
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    };
    let (projected, relayed) = followed(deployment, &mut database, completed).await?;
    deployment.stop_services()?;
    let mut times = recorded(&mut database, timing, head).await?;
    let since = |at: DateTime<Utc>| (at - timing.instant).to_std().unwrap_or_default();
    (times.projected, times.relayed) = (since(projected), since(relayed));
    times.mailboxes = everyone(deployment, timing).await?;
    Ok(Some(times))
}

/// The position of the last event of which that is so.
async fn position(database: &mut PgConnection, so: &str) -> Fallible<Option<i64>> {
    let last = format!("SELECT max(position) FROM tramonto.event {so}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(last)).fetch_one(database).await?)
}

/// Waits until the table and the mirror have come so far; when each had.
async fn followed(
    deployment: &Deployment,
    database: &mut PgConnection,
    position: i64,
) -> Fallible<(DateTime<Utc>, DateTime<Utc>)> {
    let followers = "SELECT coalesce((SELECT position FROM projection.checkpoint), 0),
        coalesce((SELECT checkpoint FROM tramonto.subscription WHERE name = 'relay'), 0)";
    let (mut projected, mut relayed) = (None, None);
    loop {
        let (table, mirror): (i64, i64) =
            sqlx::query_as(followers).fetch_one(&mut *database).await?;
        let now = deployment.clock.now();
        projected = projected.or((table >= position).then_some(now));
        relayed = relayed.or((mirror >= position).then_some(now));
        if let (Some(projected), Some(relayed)) = (projected, relayed) {
            return Ok((projected, relayed));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What the log says of the phase.
async fn recorded(database: &mut PgConnection, timing: &Timing<'_>, after: i64) -> Fallible<Times> {
    let (started, first, last, completed, events): (
        DateTime<Utc>,
        DateTime<Utc>,
        DateTime<Utc>,
        DateTime<Utc>,
        i64,
    ) = sqlx::query_as(
        "SELECT min(e.recorded_at) FILTER (WHERE k.name = 'phase-started'),
                min(e.recorded_at) FILTER (WHERE c.name = 'outcome'),
                max(e.recorded_at) FILTER (WHERE c.name = 'outcome'),
                max(e.recorded_at) FILTER (WHERE k.name = 'phase-completed'),
                count(*)
         FROM tramonto.event e
         JOIN tramonto.kind k ON k.id = e.kind JOIN tramonto.category c ON c.id = e.category
         WHERE e.position > $1",
    )
    .bind(after)
    .fetch_one(database)
    .await?;
    if started < timing.instant || first < timing.instant {
        return Err(format!("{} began before its instant", timing.phase).into());
    }
    let since = |at: DateTime<Utc>| (at - timing.instant).to_std().unwrap_or_default();
    Ok(Times {
        started: since(started),
        first: since(first),
        last: since(last),
        completed: since(completed),
        projected: Duration::ZERO,
        relayed: Duration::ZERO,
        events: u64::try_from(events)?,
        mailboxes: 0,
    })
}

/// The population, if the phase has done all of it.
async fn everyone(deployment: &Deployment, timing: &Timing<'_>) -> Fallible<u64> {
    let journal = deployment.journal(timing.database).await?;
    let snapshot = journal.state().await?;
    let phase: PhaseId = timing.phase.parse()?;
    let started = snapshot.phases.get(&phase).ok_or("the phase did not start")?;
    let (_, completed) = started.completed.as_ref().ok_or("the phase did not complete")?;
    if completed.done != completed.population || completed.population == 0 {
        return Err(format!("{phase} did not process every mailbox").into());
    }
    Ok(completed.population)
}
