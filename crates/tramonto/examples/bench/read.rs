//! What is asked of a store with a whole history: the past, a rebuild, a command during a sweep.

use std::sync::Arc;
use std::time::Instant;

use chrono::Duration as Span;
use domain::MailboxCommand;
use eventstore::{EventStore, Origin, mailbox_stream};
use hdrhistogram::Histogram;
use projections::{Cutoff, Projections};
use uuid::Uuid;

use crate::Fallible;
use crate::world::Running;

/// Prints the times.
pub(crate) async fn measure(running: &mut Running) -> Fallible<()> {
    println!("\nreading");
    let zone = running.plan.zone;
    let cutoff = Cutoff::at(running.plan.starts_at(1) + Span::days(1), zone);
    let active: Vec<u32> = running.active().await?.iter().step_by(40_003).take(30).collect();
    let mut times = Histogram::<u64>::new(3)?;
    for number in &active {
        let begun = Instant::now();
        running.engine.projections.history().mailbox_as_of(*number, cutoff).await?;
        times.record(u64::try_from(begun.elapsed().as_micros())?)?;
    }
    println!(
        "mailbox as of     {:>12.2} ms median, {:.2} ms worst of {}",
        ms(times.value_at_quantile(0.5)),
        ms(times.max()),
        active.len()
    );
    let begun = Instant::now();
    running.engine.projections.history().population_as_of(cutoff).await?;
    println!("population as of  {:>12.2} s", begun.elapsed().as_secs_f64());
    command_latency(running, &active).await?;
    let folder = running.folder().join("rebuilt");
    std::fs::create_dir_all(&folder)?;
    let log: Arc<dyn EventStore> = Arc::new(running.engine.store.log.clone());
    let begun = Instant::now();
    let programme = running.plan.programme.clone();
    Projections::rebuild(&folder, programme, log, running.engine.journal.now()).await?;
    println!(
        "rebuild           {:>12.2} s   all projections from an empty folder",
        begun.elapsed().as_secs_f64()
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// A hold placed and released, again and again, while a phase of the whole population is swept.
async fn command_latency(running: &mut Running, numbers: &[u32]) -> Fallible<()> {
    let journal = Arc::clone(&running.engine.journal);
    let numbers = numbers.to_vec();
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let commands = tokio::spawn(async move {
        let mut times = Histogram::<u64>::new(3)?;
        for number in numbers.iter().cycle() {
            if stopped.is_cancelled() {
                break;
            }
            let begun = Instant::now();
            let stream = mailbox_stream(journal.programme(), *number)?;
            let version = journal.version_of(&stream).await?;
            let (mailbox, today) = {
                let known = journal.known().await?;
                let today = domain::civil_date(journal.now(), chrono_tz::Europe::Rome);
                (projections::mailbox_now(known.state(), *number), today)
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
            times.record(u64::try_from(begun.elapsed().as_micros())?)?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
    });
    running.clock.set(running.plan.starts_at(3));
    running.engine.store.directory.set_clock(Some(running.plan.starts_at(3))).await?;
    // Until the phase is complete and not until nothing is left: the holds themselves make work.
    while !running.has_completed("access-closed").await? {
        running.engine.tick().await?;
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let times = commands.await?.map_err(|error| error.to_string())?;
    println!(
        "command latency   {:>12.2} ms p50, {:.2} ms p99 of {} during a sweep of the population",
        ms(times.value_at_quantile(0.5)),
        ms(times.value_at_quantile(0.99)),
        times.len()
    );
    Ok(())
}

fn ms(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1_000.0
}
