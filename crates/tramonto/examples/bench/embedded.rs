//! The engine in one process on SQLite, beside the bare script on SQLite.

mod answers;
mod read;
mod script;
mod world;

use std::time::Duration;

use crate::report::{Report, seconds, whole};
use crate::{Args, Fallible, append, median, rate, ratio};
use world::World;

/// The population beside which the growth is told.
const SMALL: u32 = 100_000;

pub(crate) async fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let world = World::import(&folder.path().join("all"), args.registrations).await?;
    report.section(format!(
        "Embedded: one process on SQLite, fsync on, {} registrations, medians of {}.",
        whole(f64::from(args.registrations)),
        args.rounds
    ));
    report.row("import", format!("{} rows/s", whole(world.rows_per_second)), "");
    let on_disk = format!("{:.0} bytes a registration", world.bytes()?);
    report.row("on disk", on_disk, format!("the log alone {:.1}", world.log_bytes()?));

    let (mut bare, mut at_date, mut armed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut compared, mut lag) = (Vec::new(), Vec::new());
    let mut active = 0;
    for run in 0..args.rounds {
        let home = world.copy(&folder.path().join(format!("run-{run}")))?;
        let mut running = home.engine().await?;
        let mailboxes = running.active().await?;
        active = mailboxes.len();
        bare.push(script::run(folder.path(), mailboxes).await?);
        compared.push(running.comparison().await?);
        let phase = running.phase_at_date().await?;
        at_date.push(phase.took);
        lag.push(phase.lag);
        armed.push(running.phase_armed().await?.took);
        if run + 1 == args.rounds {
            running.idle().await?;
            read::measure(&mut running, report).await?;
            answers::measure(&running, report).await?;
        }
        running.close().await?;
        std::fs::remove_dir_all(folder.path().join(format!("run-{run}")))?;
    }
    let (script, at_date, armed) = (median(bare), median(at_date), median(armed));
    let beside = |took: Duration| format!("the script: ratio {:.2}", ratio(took, script));
    let mailboxes = whole(rate(active, Duration::from_secs(1)));
    report.row(format!("bare script, {mailboxes} mailboxes"), seconds(script), "");
    let what = "one phase at its date, from `phase-started` to the proven completion (two rights)";
    report.row(what, seconds(at_date), beside(at_date));
    report.row("the same, armed ahead and confirmed (one right)", seconds(armed), beside(armed));
    let done = whole(rate(active, at_date));
    report.row("mailboxes done, at the date", format!("{done} a second"), "");
    let lag = seconds(median(lag));
    report.row("row-per-mailbox table", format!("{lag} behind that"), "nothing waits for it");

    let compared = median(compared);
    let mailboxes = format!("{} mailboxes/s", whole(rate(active, compared)));
    report.row("all of the directory compared with the log", seconds(compared), mailboxes);

    append::embedded(folder.path(), report).await?;

    let small = World::import(&folder.path().join("small"), SMALL).await?;
    let mut times = Vec::new();
    for run in 0..args.rounds {
        let home = small.copy(&folder.path().join(format!("small-{run}")))?;
        let mut running = home.engine().await?;
        let active = running.active().await?.len();
        running.comparison().await?;
        let took = running.phase_at_date().await?.took;
        times.push(took.div_f64(rate(active, Duration::from_secs(1))));
        running.close().await?;
    }
    let (each, small) = (at_date.div_f64(rate(active, Duration::from_secs(1))), median(times));
    let micros = |took: Duration| format!("{:.2} µs", took.as_secs_f64() * 1e6);
    let beside = format!("at {}: {}", whole(f64::from(SMALL)), micros(small));
    report.row("the phase, a mailbox", micros(each), beside);
    report.row("peak memory of the bench", format!("{} MB", peak_memory()?), "");
    Ok(())
}

/// The answers to mail servers, and nothing else.
pub(crate) async fn answers_alone(args: &Args, report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let world = World::import(&folder.path().join("all"), args.registrations).await?;
    let registrations = whole(f64::from(args.registrations));
    report.section(format!("Answers to mail servers, on SQLite, {registrations} registrations."));
    let running = world.engine().await?;
    answers::measure(&running, report).await?;
    running.close().await
}

/// The most memory this process ever had, from the kernel (`VmHWM`).
pub(crate) fn peak_memory() -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(kilobytes / 1024)
}
