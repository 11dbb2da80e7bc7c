//! `just bench`: what the engine costs beside the script one would write instead, embedded and as
//! services.
//!
//! Everything is on the same file system, with fsync on, one after the other; medians where a
//! figure is compared. Whoever measures hands its figures to the [`Report`], which prints them all
//! at the end. It never fails on a figure: machines are noisy.

mod append;
mod embedded;
mod lmtp;
mod logs;
mod report;
mod services;
mod vouchers;
mod webhook;

use std::error::Error;
use std::time::Duration;

use clap::builder::RangedI64ValueParser;
use clap::{Parser, ValueEnum, value_parser};
use tokio::signal::unix::{SignalKind, signal};

use report::Report;

/// All registrations of CEC-PAC; 1,200,000 of them are active mailboxes.
const ALL: u32 = 2_121_783;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// What is measured.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench")]
struct Args {
    /// Only these; without any, all but `answers`, which `embedded` includes.
    #[arg(value_enum)]
    only: Vec<Way>,
    /// Registrations.
    #[arg(long, value_name = "N", default_value_t = ALL)]
    registrations: u32,
    /// Measurements of a figure that is compared; the median is reported.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least(1))]
    rounds: u32,
    /// Phases of a small population that are timed from their instants.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = at_least(1))]
    small_phases: u32,
    /// Lines of mail logs that are read into the index.
    #[arg(long, value_name = "N", default_value_t = 5_000_000, value_parser = at_least(1_000))]
    lines: u32,
}

fn at_least(least: i64) -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(least..)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// In one process, on SQLite.
    Embedded,
    /// Every service a process of its own, on PostgreSQL and JetStream.
    Services,
    /// Of the embedded, the answers to mail servers alone.
    Answers,
    /// On a provider's API.
    Webhook,
    /// From requests for vouchers to codes in a file.
    Vouchers,
    /// E-mails delivered to the intake.
    Lmtp,
    /// Mail servers' logs read into the index, and exports out of it.
    Logs,
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let args = Args::parse();
    let mut report = Report::begin();
    let mut terminated = signal(SignalKind::terminate())?;
    // What was started ends with what started it.
    tokio::select! {
        measured = measure(&args, &mut report) => measured?,
        _ = tokio::signal::ctrl_c() => return Err("interrupted".into()),
        _ = terminated.recv() => return Err("terminated".into()),
    }
    report.print();
    Ok(())
}

async fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    use Way::{Answers, Embedded, Lmtp, Logs, Services, Vouchers, Webhook};
    let all = [Embedded, Services, Webhook, Vouchers, Lmtp, Logs];
    let ways: &[Way] = if args.only.is_empty() { &all } else { &args.only };
    for way in ways {
        match way {
            Embedded => Box::pin(embedded::measure(args, report)).await?,
            Services => services::measure(args, report).await?,
            Answers => Box::pin(embedded::answers_alone(args, report)).await?,
            Webhook => webhook::measure(report).await?,
            Vouchers => vouchers::measure(args, report)?,
            Lmtp => lmtp::measure(args, report).await?,
            Logs => Box::pin(logs::measure(args, report)).await?,
        }
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    percentile(&mut times, 50)
}

/// The time that this percentage of all do not exceed: of few, the worst.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// So many in that time, per second.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(many: u64, took: Duration) -> f64 {
    many as f64 / took.as_secs_f64()
}
