//! Rehearsals: the real engine under a virtual clock, over a generated population, and the
//! completeness check of what it left on the disk.
//!
//! Deliberately absent: anything that the engine itself needs. A store is run by the same engine,
//! whether its clock is virtual or real.

mod clock;
pub mod generate;
mod holders;
mod load;
mod proof;
mod rehearse;
mod report;
mod run;

pub use clock::VirtualClock;
pub use holders::{HolderOutcome, Holders};
pub use load::load;
pub use proof::{Proof, prove, prove_shared};
pub use rehearse::{Outcome, Population, Script, rehearse};
pub use report::{PhaseReport, phases};
pub use run::{Observer, Rehearsal, RehearsalSettings, begins_at};
