//! `tramonto rehearse`: the main job, with a bar for each phase and a report at its end.

mod bars;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use rehearsal::generate::REGISTRATIONS;
use rehearsal::{Population, Script, rehearse};
use tempfile::TempDir;

use crate::cli::{Global, RehearseArgs};
use crate::exit::Exit;
use crate::{Error, Home};
use bars::Bars;
use print::Report;

/// Runs the programme through under a virtual clock.
pub(super) async fn execute(args: RehearseArgs, global: &Global) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let plan = super::plan_or_default(args.plan.as_deref())?;
    let (folder, _guard) = folder(args.store.as_ref())?;
    let mut bars = Bars::new(global.json);
    let generated = Population::Generated(args.registrations.unwrap_or(REGISTRATIONS));
    let script = Script {
        plan,
        population: args.registry.map_or(generated, Population::File),
        asking: args.asking,
        faults: args.faults,
        arm_ahead: args.arming.arm_ahead.0,
        crash_every: args.crash_every,
        seed: args.seed,
    };
    let outcome = Box::pin(rehearse(&Home::new(folder), script, &mut bars)).await?;
    let holds = outcome.holds();
    let report = Report { outcome, speeds: bars.finish(), took: begun.elapsed(), kept: args.store };
    report.print(global.json)?;
    Ok(if holds { Exit::Done.into() } else { Exit::Found.into() })
}

/// The folder that was named, or a temporary one, which is deleted with its guard.
fn folder(named: Option<&PathBuf>) -> Result<(PathBuf, Option<TempDir>), Error> {
    if let Some(folder) = named {
        return Ok((folder.clone(), None));
    }
    let made = tempfile::Builder::new().prefix("tramonto-rehearsal-").tempdir();
    let made = made.map_err(Error::file(
        std::env::temp_dir(),
        "cannot create a temporary folder; name a folder with --store",
    ))?;
    Ok((made.path().to_owned(), Some(made)))
}
