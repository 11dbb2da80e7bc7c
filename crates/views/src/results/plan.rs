//! Results of actions on the plan, and on the tables of a store.

use std::fmt;

use domain::ProgrammeId;
use projections::Rebuilt as Digests;
use serde::Serialize;

use crate::words::count;

/// A plan was adopted.
#[derive(Debug, Clone, Serialize)]
pub struct PlanAdopted {
    /// The programme.
    pub programme: ProgrammeId,
}

sentence!(PlanAdopted { programme }, "the plan of {programme} is in force");

/// The outcome of an amendment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amended {
    /// It is in force.
    InForce,
    /// It waits until the platform has disarmed what it moves.
    Proposed,
    /// The same amendment was proposed before and waits.
    ProposedBefore,
    /// The plan in force was proposed: the waiting amendment is dropped.
    Dropped,
}

/// A plan was amended, or will be.
#[derive(Debug, Clone, Serialize)]
pub struct PlanAmendment {
    /// The revision of the amendment.
    pub revision: u32,
    /// Its outcome.
    pub outcome: Amended,
}

impl fmt::Display for PlanAmendment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.revision;
        let is = match self.outcome {
            Amended::InForce => {
                return write!(f, "the plan is amended: revision {revision} is in force");
            }
            Amended::Dropped => {
                return f
                    .write_str("the waiting amendment is dropped; the plan in force is unchanged");
            }
            Amended::Proposed => "is proposed",
            Amended::ProposedBefore => "was proposed before",
        };
        write!(
            f,
            "the amendment {is}: revision {revision} is adopted once the platform has disarmed the \
             instants that it moves; until then the plan in force stays, see `tramonto plan show`"
        )
    }
}

/// Migration steps of the tables of a shared store.
#[derive(Debug, Clone, Serialize)]
pub struct Migrations {
    /// Whether they were only listed.
    pub dry_run: bool,
    /// The steps, each with its part.
    pub migrations: Vec<String>,
}

impl fmt::Display for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.migrations.is_empty() {
            return f.write_str("nothing to migrate: the tables are up to date");
        }
        let done = if self.dry_run { "would make" } else { "made" };
        let lines: Vec<_> = self.migrations.iter().map(|one| format!("{done} {one}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Read models were rebuilt.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// Whether they equal the former ones; `None` if those could not be read.
    pub equal: Option<bool>,
    /// The digests before and after, of an embedded store.
    #[serde(flatten)]
    pub digests: Option<Digests>,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("derived again")?;
        if let Some(digests) = &self.digests {
            write!(f, " from {} events", count(digests.events))?;
        }
        f.write_str(match self.equal {
            Some(true) => ": equal to the former ones",
            Some(false) => ": NOT equal to the former ones, which were wrong",
            None => ": the former ones could not be read",
        })
    }
}
