//! A whole rehearsal: a population in a new store, the programme run to its end, and the
//! completeness check of what it left.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::Plan;
use engine::parts::NoticeDelivery;
use engine::{EngineSettings, Error, Home};
use platform::{Chance, Faults};
use registry::Summary;

use crate::generate::{Options, generate};
use crate::{
    HolderOutcome, Holders, Observer, PhaseReport, Proof, Rehearsal, RehearsalSettings,
    VirtualClock, begins_at, load, phases, prove,
};

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Script {
    /// The plan.
    pub plan: Plan,
    /// The registrations.
    pub population: Population,
    /// The share of holders who request a voucher.
    pub asking: Chance,
    /// Faults that the platform injects.
    pub faults: Option<Faults>,
    /// How long before its instant an end is armed on the platform.
    pub arm_ahead: Option<TimeDelta>,
    /// Events between two simulated crashes of the engine.
    pub crash_every: Option<u64>,
    /// The seed of generated people and faults.
    pub seed: u64,
}

/// Where the registrations of a rehearsal come from.
#[derive(Debug, Clone)]
pub enum Population {
    /// A registry file.
    File(PathBuf),
    /// Generated, this many.
    Generated(u32),
}

/// The outcome of a rehearsal.
#[derive(Debug)]
pub struct Outcome {
    /// Where every phase stands at the end.
    pub phases: Vec<PhaseReport>,
    /// The completeness check.
    pub proof: Proof,
    /// The holders' requests.
    pub holders: HolderOutcome,
    /// The import.
    pub imported: Summary,
    /// The number of simulated crashes.
    pub crashes: u64,
    /// The number of events in the log.
    pub events: u64,
    /// How long the engine ran.
    pub engine_took: Duration,
}

impl Outcome {
    /// Whether every mailbox is accounted for and every request was answered rightly.
    pub fn holds(&self) -> bool {
        self.proof.holds() && self.holders.wrong.is_empty()
    }
}

/// Rehearses a plan in a folder that holds no store yet.
pub async fn rehearse(
    home: &Home,
    script: Script,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    if home.exists() {
        return Err(Error::Refused(format!(
            "{} already holds a store, and a rehearsal starts with a new one; name another folder",
            home.folder().display()
        )));
    }
    home.create()?;
    let Script { plan, population, asking, faults, arm_ahead, crash_every, seed } = script;
    let registry = match population {
        Population::File(file) => file,
        Population::Generated(registrations) => {
            observer.generating(registrations);
            generated(home, &Options { registrations, seed })?
        }
    };
    let clock = Arc::new(VirtualClock::at(begins_at(&plan)));
    let mut progress = |read| observer.imported(read);
    let imported = load(home, &clock, &plan, &registry, &mut progress).await?;
    let notices = NoticeDelivery::sink();
    let engine = EngineSettings { arm_ahead, faults, notices, seed, ..EngineSettings::default() };
    let begun = Instant::now();
    let settings = RehearsalSettings { plan, engine, crash_every };
    let mut running = Box::pin(Rehearsal::open(home, clock, settings)).await?;
    running.holders = Holders::new(asking, seed);
    Box::pin(running.run(observer)).await?;
    let engine_took = begun.elapsed();
    let Rehearsal { engine, holders, crashes, .. } = running;
    let (phases, events) = {
        let state = engine.journal.state().await?;
        (phases(&state, engine.journal.now()), state.position())
    };
    engine.stop().await?;
    let (proof, holders) = (prove(home).await?, holders.outcome().clone());
    Ok(Outcome { phases, proof, holders, imported, crashes, events, engine_took })
}

/// Generates a registry file beside the store.
fn generated(home: &Home, options: &Options) -> Result<PathBuf, Error> {
    let path = home.folder().join("registry.csv");
    let failed = |source| {
        Error::file(&path, "cannot write the generated registry; check the space on the disk")(
            source,
        )
    };
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    generate(options, &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(path)
}
