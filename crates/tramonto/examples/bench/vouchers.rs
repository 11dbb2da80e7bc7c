//! Vouchers by the shipped commands, from requests to codes in a file: one process per command,
//! with fsync for the log, the registry and the store of codes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::report::{Report, seconds, whole};
use crate::{Args, Fallible, rate};

/// The target from request to code on one machine, in vouchers per second.
const AIM: f64 = 20_000.0;

/// The shipped plan, with its end a lifetime ahead: vouchers can be requested today.
fn plan() -> String {
    domain::Plan::CEC_PAC.replace("from = 2018-03-18", "from = 2090-03-18")
}

pub(crate) fn measure(args: &Args, report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let registrations = args.registrations.to_string();
    fs::write(folder.path().join("plan.toml"), plan())?;
    run(folder.path(), &["plan", "adopt", "plan.toml", "--reason", "bench"])?;
    run(
        folder.path(),
        &["registry", "generate", "--registrations", &registrations, "--out", "registry.csv"],
    )?;
    run(folder.path(), &["registry", "import", "registry.csv"])?;
    let mut everyone = String::new();
    for number in 0..args.registrations {
        writeln!(everyone, "{number}")?;
    }
    fs::write(folder.path().join("everyone.txt"), everyone)?;

    let many = ["--from", "everyone.txt", "--reason", "bench"];
    let asked = run(folder.path(), &[&["voucher", "request"], &many[..]].concat())?;
    let verified = run(folder.path(), &[&["voucher", "verify"], &many[..]].concat())?;
    let all = ["voucher", "issue", "--all", "--out", "codes.csv", "--reason", "bench"];
    let issued = run(folder.path(), &all)?;
    let codes = fs::read_to_string(folder.path().join("codes.csv"))?.lines().count();
    let codes = u64::try_from(codes.saturating_sub(1))?;

    report.section(format!("### Vouchers: {} registrations, SQLite", args.registrations));
    for (what, took) in [("requested", asked), ("verified", verified), ("issued", issued)] {
        let each = format!("{} in {}", whole(rate(codes, took)), seconds(took));
        report.row(format!("vouchers {what} a second, by one bulk command"), each, "");
    }
    let whole_way = rate(codes, asked + verified + issued);
    report.row(
        format!("{codes} requests to codes in a file, a second"),
        whole(whole_way),
        format!("{} asked for", whole(AIM)),
    );
    Ok(())
}

/// How long a command takes that must succeed.
fn run(folder: &Path, arguments: &[&str]) -> Fallible<Duration> {
    let binary = std::env::current_exe()?.with_file_name("../tramonto");
    let begun = Instant::now();
    let ran = Command::new(binary).args(arguments).current_dir(folder).output()?;
    let took = begun.elapsed();
    if ran.status.success() {
        return Ok(took);
    }
    Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr)).into())
}
