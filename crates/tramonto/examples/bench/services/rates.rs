//! How many events a second are appended to PostgreSQL, projected from it, and relayed to
//! JetStream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Capability, Event, HoldPlaced, HoldReleased};
use eventstore::{Append, Clock, EventStore, Journal, Origin, mailbox_stream};
use projections::{Expand, Relay, RelaySettings, Table};

use super::deployment::Deployment;
use crate::report::{Report, whole};
use crate::{Fallible, append, rate};

const DATABASE: &str = "rates";
/// Events about one mailbox each.
const SINGLE: usize = 50_000;
/// How many holds are placed and released in one append.
const BATCH: usize = 500;
/// How long messages for each mailbox are published.
const EXPANDED: Duration = Duration::from_secs(10);

/// All three of single events, on a database of its own that is made like the one that is named.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    like: &str,
    report: &mut Report,
) -> Fallible<()> {
    deployment.create(DATABASE, Some(like)).await?;
    let journal = deployment.journal(DATABASE).await?;
    single_events(&journal).await?;
    let table = table(deployment, DATABASE).await?;
    let begun = Instant::now();
    let events = projected(deployment, &table).await?;
    let took = rate(events, begun.elapsed());
    let what =
        "projected: holds placed and released, an event each, into the row-per-mailbox table";
    report.row(what, format!("{} events/s", whole(took)), "");

    deployment.fresh_bus().await?;
    let (messages, took) = relayed(deployment, DATABASE, Expand::No, Duration::MAX).await?;
    let what = "relayed: events as they are, to a JetStream stream on disk";
    report.row(what, format!("{} events/s", whole(rate(messages, took))), "");

    append::measure(&**journal.store(), &*deployment.clock, report).await?;
    deployment.drop(DATABASE).await
}

/// Relayed, with a message for each mailbox of each event.
pub(crate) async fn expanded(
    deployment: &mut Deployment,
    database: &str,
    report: &mut Report,
) -> Fallible<()> {
    deployment.fresh_bus().await?;
    let (messages, took) = relayed(deployment, database, Expand::PerMailbox, EXPANDED).await?;
    let what = "relayed: expanded to a message for each mailbox";
    let against = format!("{} of them", whole(rate(messages, Duration::from_secs(1))));
    report.row(what, format!("{} messages/s", whole(rate(messages, took))), against);
    Ok(())
}

/// The table with one row per mailbox, filled from the log of a whole registry.
pub(crate) async fn filled(
    deployment: &Deployment,
    database: &str,
    registrations: u32,
    report: &mut Report,
) -> Fallible<()> {
    let table = table(deployment, database).await?;
    let begun = Instant::now();
    projected(deployment, &table).await?;
    let rows = whole(rate(u64::from(registrations), begun.elapsed()));
    report.row("row-per-mailbox table filled from the log", format!("{rows} rows/s"), "");
    Ok(())
}

async fn single_events(journal: &Journal) -> Fallible<()> {
    let (origin, now) = (Origin::part("bench"), journal.now());
    let active: Vec<u32> = journal.state().await?.rights.active().iter().collect();
    let numbers: Vec<u32> = active.into_iter().cycle().take(SINGLE / 2).collect();
    for numbers in numbers.chunks(BATCH) {
        let mut events = Vec::new();
        for number in numbers {
            let (stream, hold) = (mailbox_stream(journal.programme(), *number)?, journal.new_id());
            let capabilities = Capability::Access.into();
            let placed = HoldPlaced { hold, number: *number, capabilities, until: None };
            let released = HoldReleased { hold, number: *number };
            for event in [Event::HoldPlaced(placed), Event::HoldReleased(released)] {
                events.push((stream.clone(), journal.new_event(&event, now, &origin)?));
            }
        }
        let append = Append { expected: Vec::new(), events };
        journal.store().append(append).await?;
    }
    Ok(())
}

async fn table(deployment: &Deployment, database: &str) -> Fallible<Table> {
    let (options, log) = (deployment.options(database), deployment.log(database).await?);
    let programme = deployment.programme.clone();
    Ok(Table::connect(options, programme, log, "bench".to_owned()).await?)
}

/// Follows the log to its end; how many events that took.
async fn projected(deployment: &Deployment, table: &Table) -> Fallible<u64> {
    let mut events = 0;
    while table.status(deployment.clock.now()).await?.lag_events > 0 {
        events += table.tick(deployment.clock.now()).await?.progress;
    }
    Ok(events)
}

/// Mirrors the log from its beginning, to its end or for so long; how many messages in what time.
async fn relayed(
    deployment: &Deployment,
    database: &str,
    expand: Expand,
    at_most: Duration,
) -> Fallible<(u64, Duration)> {
    let log: Arc<dyn EventStore> = deployment.log(database).await?;
    let mirror = Arc::new(deployment.mirror().await?);
    let settings = RelaySettings {
        owner: "bench".to_owned(),
        lease_ttl: Duration::from_secs(15),
        page: 500,
        expand,
    };
    let relay = Relay::new(log, mirror, deployment.programme.clone(), settings);
    let begun = Instant::now();
    let mut messages = 0;
    while begun.elapsed() < at_most {
        match relay.tick().await?.progress {
            0 => break,
            published => messages += published,
        }
    }
    Ok((messages, begun.elapsed()))
}
