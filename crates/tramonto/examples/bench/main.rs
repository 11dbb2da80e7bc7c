//! `just bench`: what the engine costs, beside the script one would write instead, from one run.
//!
//! Everything is on the same file system, with fsync on, one after the other. Medians of three where a
//! figure is compared. It prints; it never fails on a figure: machines are noisy.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod append;
mod read;
mod script;
mod world;

use std::error::Error;
use std::time::{Duration, Instant};

use world::World;

/// All registrations of CEC-PAC, and the active ones among them.
const ALL: u32 = 2_121_783;
const SMALL: u32 = 100_000;
const RUNS: usize = 3;

type Fallible<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let world = World::import(&folder.path().join("all"), ALL).await?;
    println!("import            {:>12.0} rows/s   ({ALL} rows)", world.rows_per_second);
    println!(
        "bytes on disk     {:>12.0} a registration, log alone {:.1}",
        world.bytes()?,
        world.log_bytes()?
    );

    println!("\none phase change, from phase-started to the proven completion");
    let mut script = Vec::new();
    let (mut at_date, mut armed) = (Vec::new(), Vec::new());
    let mut lag = Vec::new();
    for run in 0..RUNS {
        let home = world.copy(&folder.path().join(format!("run-{run}")))?;
        let mut running = home.engine().await?;
        script.push(script::run(folder.path(), running.active().await?).await?);
        let phase = running.phase_at_date().await?;
        at_date.push(phase.took);
        lag.push(phase.lag);
        armed.push(running.phase_armed().await?.took);
        let [bare, a, b] = [&script, &at_date, &armed]
            .map(|times| times.last().map_or(0.0, Duration::as_secs_f64));
        println!("run {run}: script {bare:.2} s, (a) {a:.2} s, (b) {b:.2} s");
        if run == RUNS - 1 {
            running.idle().await?;
            read::measure(&mut running).await?;
        }
        running.close().await?;
        std::fs::remove_dir_all(folder.path().join(format!("run-{run}")))?;
    }
    let (script, at_date, armed) = (median(script), median(at_date), median(armed));
    println!("bare script       {:>12.2} s", script.as_secs_f64());
    println!(
        "(a) at the date   {:>12.2} s   ratio {:.2} (two capabilities)",
        at_date.as_secs_f64(),
        ratio(at_date, script)
    );
    println!(
        "(b) armed ahead   {:>12.2} s   ratio {:.2}",
        armed.as_secs_f64(),
        ratio(armed, script)
    );
    println!(
        "row-per-mailbox   {:>12.2} s   behind the completion of (a)",
        median(lag).as_secs_f64()
    );

    append::measure(folder.path()).await?;

    println!("\ngrowth");
    let small = World::import(&folder.path().join("small"), SMALL).await?;
    let mut times = Vec::new();
    for run in 0..RUNS {
        let home = small.copy(&folder.path().join(format!("small-{run}")))?;
        let mut running = home.engine().await?;
        let active = running.active().await?.len();
        let took = running.phase_at_date().await?.took;
        times.push(took.div_f64(f64::from(u32::try_from(active)?)));
        running.close().await?;
    }
    let active = f64::from(1_200_000);
    let each = at_date.div_f64(active);
    println!(
        "a mailbox         {:>12.2} µs at {ALL}, {:.2} µs at {SMALL}: ratio {:.2}",
        each.as_secs_f64() * 1e6,
        median(times.clone()).as_secs_f64() * 1e6,
        ratio(each, median(times))
    );
    println!("\npeak memory       {:>12} MB", peak_memory()?);
    println!("whole bench       {:>12.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// The most memory this process ever had, from the kernel (`VmHWM`).
fn peak_memory() -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(kilobytes / 1_024)
}
