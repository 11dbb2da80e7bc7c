//! Mail servers' logs into the index, and exports out of it: generated lines of Postfix and
//! Dovecot in rotated files, most of them compressed, as a service of 1,200,000 mailboxes writes
//! them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use archive::{Domains, Export, Index, IndexRequest, LogArchive, Period, Subject};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ProgrammeId;
use keyring::Keyring;
use uuid::Uuid;

use crate::report::{Report, milliseconds, seconds, whole};
use crate::{Args, Fallible, median, rate};

mod written;

/// The longest that an export may take.
const AIM: Duration = Duration::from_secs(1);
/// Fewer lines are not told of by tenths while they are read.
const SEVERAL: u64 = 5_000_000;
/// Mailboxes that are asked for, beside the one that has most.
const ASKED: u32 = 30;

pub(crate) async fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let zone = chrono_tz::Europe::Rome;
    let wanted = u64::from(args.lines);
    report.section(format!("### Logs of messages: {} lines, SQLite", whole_of(wanted)));
    let begun = Instant::now();
    let files = written::logs(folder.path(), wanted)?;
    let on_disk: u64 =
        files.iter().map(|file| Ok(file.metadata()?.len())).sum::<Fallible<u64>>()?;
    report.tell(format_args!(
        "{} files of {} MB written in {}",
        files.len(),
        on_disk >> 20,
        seconds(begun.elapsed())
    ));

    forget_peak()?;
    let path = folder.path().join("archive.db");
    let index = Index::open(&path).await?;
    let (read, lasted) = read(&index, &files, wanted, report).await?;
    let lines = read.counts.lines;
    let peak = crate::embedded::peak_memory()?;
    report.row(
        "lines of mail logs read into the index, a second",
        whole(rate(lines, lasted.0)),
        "",
    );
    let tenth = |took: Duration| whole(rate(lines / 10, took));
    if lines >= SEVERAL {
        let both = format!("{} / {}", tenth(lasted.1), tenth(lasted.2));
        report.row("of the first tenth / of the last tenth", both, "");
    }
    report.row("peak memory while they are read", format!("{peak} MB"), "");
    index.close().await?;
    let size = path.metadata()?.len();
    report.row(
        format!("on disk, of {} messages", whole_of(read.messages)),
        format!("{} bytes a line", tenths(size, lines)),
        format!("{} MB; the logs themselves {} MB", size >> 20, on_disk >> 20),
    );
    for file in &files {
        std::fs::remove_file(file)?;
    }
    exports(folder.path(), &path, zone, report).await
}

/// What was read; how long it took in all, for the first tenth and for the last.
async fn read(
    index: &Index,
    files: &[PathBuf],
    lines: u64,
    report: &Report,
) -> Fallible<(archive::Indexed, (Duration, Duration, Duration))> {
    let begun = Instant::now();
    let request = IndexRequest {
        files: files.to_vec(),
        domains: Domains::new([written::DOMAIN.to_owned()]),
        zone: chrono_tz::Europe::Rome,
        not_after: Some(written::first() + TimeDelta::days(900)),
    };
    let (first, before_last, told) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let so_far = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let progress = |read: u64| {
        if read <= lines / 10 {
            first.store(so_far(), Ordering::Relaxed);
        }
        if read <= lines / 10 * 9 {
            before_last.store(so_far(), Ordering::Relaxed);
        }
        if read / 10_000_000 > told.swap(read, Ordering::Relaxed) / 10_000_000 {
            report.tell(format_args!("{read} lines read"));
        }
    };
    let read = index.read_logs(request, progress).await?;
    let took = begun.elapsed();
    let first = Duration::from_millis(first.into_inner());
    let last = took.saturating_sub(Duration::from_millis(before_last.into_inner()));
    Ok((read, (took, first, last)))
}

/// From an address to a signed ZIP file, the index just opened.
async fn exports(
    folder: &Path,
    path: &Path,
    zone: chrono_tz::Tz,
    report: &mut Report,
) -> Fallible<()> {
    let now: DateTime<Utc> = written::first() + TimeDelta::days(900);
    let keys = Keyring::open_or_make(&folder.join("keys"), now, &mut rand::rngs::SysRng)?;
    let mut took = Vec::new();
    let mut largest = 0;
    // The first has most messages; the others have what most have.
    for number in (0..=ASKED).map(|step| step * 7_919) {
        let address = written::address(number);
        let subject = Subject {
            programme: "bench".parse::<ProgrammeId>()?,
            request: Uuid::nil(),
            number,
            address: address.clone(),
            from: None,
            through: None,
            zone,
        };
        let begun = Instant::now();
        let index = Index::open_read_only(path).await?;
        let entries = index.messages(&address, Period::ALL).await?;
        let export = Export::pack(&subject, &entries, &keys, now)?;
        let lasted = begun.elapsed();
        index.close().await?;
        if number == 0 {
            largest = export.rows;
            let what = format!("export of the mailbox with most entries, {}", whole_of(largest));
            report.row(what, milliseconds(lasted), format!("{} asked for", seconds(AIM)));
        } else {
            took.push(lasted);
        }
    }
    let worst = took.iter().max().copied().unwrap_or_default();
    report.row(
        format!("export of one mailbox, signed and packed, of {ASKED}"),
        format!("{} at the median", milliseconds(median(took))),
        format!("{} at worst", milliseconds(worst)),
    );
    if largest == 0 { Err("the busiest mailbox has no entries".into()) } else { Ok(()) }
}

/// Forgets the most memory that this process ever had.
fn forget_peak() -> Fallible<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// A count for people.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure for people")]
fn whole_of(count: u64) -> String {
    whole(count as f64)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure for people")]
fn tenths(size: u64, lines: u64) -> String {
    format!("{:.1}", size as f64 / lines as f64)
}
