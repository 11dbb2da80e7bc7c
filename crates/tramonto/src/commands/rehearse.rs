//! `tramonto rehearse`: the main job, with a bar for each phase and a report at its end.

mod bars;
mod print;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rehearsal::generate::REGISTRATIONS;
use rehearsal::{Population, Script, rehearse};

use crate::cli::{Global, RehearseArgs};
use crate::exit::Exit;
use crate::{Error, Home};
use bars::Bars;
use print::Report;

/// Runs the programme through under a virtual clock.
pub(super) async fn execute(args: RehearseArgs, global: &Global) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let plan = super::plan_or_default(args.plan.as_deref())?;
    let folder = Folder::new(args.store.clone())?;
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
    let outcome = Box::pin(rehearse(&Home::new(folder.path()), script, &mut bars)).await?;
    let holds = outcome.holds();
    let report = Report { outcome, speeds: bars.finish(), took: begun.elapsed(), kept: args.store };
    report.print(global.json)?;
    Ok(if holds { Exit::Done.into() } else { Exit::Found.into() })
}

/// The folder of a rehearsal's store: one that was named, or one that is deleted afterwards.
enum Folder {
    Kept(PathBuf),
    Deleted(tempfile::TempDir),
}

impl Folder {
    fn new(kept: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(folder) = kept {
            return Ok(Self::Kept(folder));
        }
        let made = tempfile::Builder::new().prefix("tramonto-rehearsal-").tempdir();
        made.map(Self::Deleted).map_err(Error::file(
            std::env::temp_dir(),
            "cannot create a temporary folder; name a folder with --store",
        ))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Deleted(folder) => folder.path(),
        }
    }
}
