//! What is asked of a store with a whole history: the past, a rebuild, a command during a sweep.

use std::sync::Arc;
use std::time::Instant;

use chrono::Duration as Span;
use domain::MailboxCommand;
use eventstore::{Origin, mailbox_stream};
use projections::{Cutoff, Projections};
use uuid::Uuid;

use super::world::Running;
use crate::report::{Report, milliseconds, seconds};
use crate::{Fallible, percentile};

pub(crate) async fn measure(running: &mut Running, report: &mut Report) -> Fallible<()> {
    let zone = running.plan.zone;
    let cutoff = Cutoff::at(running.plan.starts_at(1) + Span::days(1), zone);
    let active: Vec<u32> = running.active().await?.iter().step_by(40_003).take(30).collect();
    let mut times = Vec::new();
    for number in &active {
        let begun = Instant::now();
        running.engine.projections.history.mailbox_as_of(*number, cutoff).await?;
        times.push(begun.elapsed());
    }
    let mut at = |percent| milliseconds(percentile(&mut times, percent));
    let (median, worst) = (at(50), at(100));
    let worst = format!("{worst} at worst of {}", active.len());
    report.row("one mailbox as of a date", format!("{median} at the median"), worst);
    let begun = Instant::now();
    running.engine.projections.history.population_as_of(cutoff).await?;
    report.row("the population as of a date", seconds(begun.elapsed()), "");
    command_latency(running, &active, report).await?;
    let folder = running.folder()?.join("rebuilt");
    std::fs::create_dir_all(&folder)?;
    let log = Arc::clone(running.engine.store.log());
    let begun = Instant::now();
    let programme = running.plan.programme.clone();
    let now = running.engine.journal.now();
    Projections::rebuild(&folder, programme, log, now, &mut |_, _| {}).await?;
    report.row("all projections rebuilt from an empty folder", seconds(begun.elapsed()), "");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// A hold placed and released, again and again, while a phase of the whole population is swept.
async fn command_latency(
    running: &mut Running,
    numbers: &[u32],
    report: &mut Report,
) -> Fallible<()> {
    let journal = Arc::clone(&running.engine.journal);
    let numbers = numbers.to_vec();
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let commands = tokio::spawn(async move {
        let mut times = Vec::new();
        for number in numbers.iter().cycle() {
            if stopped.is_cancelled() {
                break;
            }
            let begun = Instant::now();
            let stream = mailbox_stream(journal.programme(), *number)?;
            let version = journal.version_of(&stream).await?;
            let (mailbox, today) = {
                let snapshot = journal.state().await?;
                let today = domain::civil_date(journal.now(), chrono_tz::Europe::Rome);
                (projections::mailbox_now(&snapshot, *number), today)
            };
            let command = match mailbox.holds.keys().next() {
                Some(hold) => MailboxCommand::ReleaseHold { hold: *hold },
                None => MailboxCommand::PlaceHold {
                    hold: Uuid::now_v7(),
                    capabilities: domain::Capability::Access.into(),
                    until: None,
                },
            };
            let events = mailbox.decide(command, today)?;
            journal.append(stream, version, &events, &Origin::part("bench")).await?;
            times.push(begun.elapsed());
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
    });
    running.clock.set(running.plan.starts_at(3));
    running.engine.store.set_directory_clock(running.plan.starts_at(3)).await?;
    // Until the phase is complete and not until nothing is left: the holds themselves make work.
    while !running.has_completed("access-closed").await? {
        running.engine.tick().await?;
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let mut times = commands.await?.map_err(|error| error.to_string())?;
    let count = times.len();
    let mut at = |percent| milliseconds(percentile(&mut times, percent));
    let (median, p99) = (format!("{} at the median", at(50)), at(99));
    let p99 = format!("{p99} at p99 of {count}");
    report.row("a command about one mailbox during a sweep", median, p99);
    Ok(())
}
