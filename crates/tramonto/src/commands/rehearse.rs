//! `tramonto rehearse`: the main job, with a bar for each phase and a report at its end.

mod bars;
mod print;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::{Global, RehearseArgs};
use crate::exit::Exit;
use crate::{Error, Home};
use bars::Bars;
use engine::EngineSettings;
use engine::parts::NoticeDelivery;
use print::Outcome;
use rehearsal::generate::{Options, generate};
use rehearsal::{
    Holders, Rehearsal, RehearsalSettings, VirtualClock, begins_at, load, phases, prove,
};

/// Runs the programme through under a virtual clock.
pub(super) async fn execute(args: RehearseArgs, _global: &Global) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let plan = super::plan_or_default(args.plan.as_deref())?;
    let folder = Folder::new(args.store.clone())?;
    let home = Home::new(folder.path());
    if home.exists() {
        return Err(Error::Refused(format!(
            "{} already holds a store, and a rehearsal starts with a new one; name another folder",
            home.folder().display()
        )));
    }
    home.create()?;
    let clock = Arc::new(VirtualClock::at(begins_at(&plan)));
    let mut bars = Bars::new(args.json);
    let registry = registry_file(&args, &home, &bars)?;
    let imported = load(&home, &clock, &plan, &registry, &mut bars.importing()).await?;
    let settings = EngineSettings {
        arm_ahead: args.arming.arm_ahead.0,
        faults: args.faults,
        notices: NoticeDelivery::sink(),
        seed: args.seed,
        ..EngineSettings::default()
    };
    let rehearsal = RehearsalSettings { plan, engine: settings, crash_every: args.crash_every };
    let engine_begun = Instant::now();
    let mut running = Rehearsal::open(&home, clock, rehearsal).await?;
    running.holders = Holders::new(args.asking, args.seed);
    running.run(&mut bars).await?;
    let holders = running.holders.outcome().clone();
    let crashes = running.crashes;
    let engine_took = engine_begun.elapsed();
    let (reports, events) = {
        let journal = &running.engine.journal;
        let state = journal.state().await?;
        (phases(&state, journal.now()), state.position())
    };
    running.engine.stop().await?;
    let proof = prove(&home).await?;
    let holds = proof.holds() && holders.wrong.is_empty();
    let speeds = bars.finish();
    let kept = args.store.clone();
    let took = begun.elapsed();
    let outcome = Outcome {
        reports,
        speeds,
        proof,
        holders,
        imported,
        crashes,
        events,
        engine_took,
        took,
        kept,
    };
    outcome.print(args.json)?;
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

/// The registry that was named, or one that is generated.
fn registry_file(args: &RehearseArgs, home: &Home, bars: &Bars) -> Result<PathBuf, Error> {
    if let Some(named) = &args.registry {
        return Ok(named.clone());
    }
    let path = home.folder().join("registry.csv");
    let registrations = args.registrations.unwrap_or(rehearsal::generate::REGISTRATIONS);
    bars.say(&format!("generating {registrations} registrations"));
    let failed = |source| {
        Error::file(&path, "cannot write the generated registry; check the space on the disk")(
            source,
        )
    };
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    generate(&Options { registrations, seed: args.seed }, &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(path)
}
