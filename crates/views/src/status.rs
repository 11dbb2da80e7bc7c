use chrono::{DateTime, Utc};
use domain::{Capability, PhaseId, ProgrammeId, State, VoucherProgress};
use projections::{IncidentGroup, PhaseProgress, Status as Projection, phase_progress};
use serde::Serialize;

use crate::canaries::{Contradiction, contradictions};
use crate::next::{self, Next};
use crate::notices::{NoticeProgress, notice_progress};

/// Where a programme stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The programme.
    pub programme: ProgrammeId,
    /// What people call it.
    pub title: String,
    /// The revision of the plan in force.
    pub revision: u32,
    /// The zone that its dates are civil in.
    pub zone: String,
    /// The instant that all of this is said of.
    pub now: DateTime<Utc>,
    /// The phase that the plan is in; `None` while it is in service.
    pub phase: Option<Current>,
    /// Did an operator stop the sweep?
    pub paused: bool,
    /// How many mailboxes there are.
    pub population: Population,
    /// The phases, in the order of the plan.
    pub phases: Vec<PhaseProgress>,
    /// The notices, in the order of the plan.
    pub notices: Vec<NoticeProgress>,
    /// How far requests for vouchers have come; `None` where the plan has no vouchers.
    pub vouchers: Option<VoucherProgress>,
    /// Where the platform says something else than the log.
    pub drift: DriftStatus,
    /// What the latest probe of each of our own mailboxes found other than expected.
    pub canaries: Vec<Contradiction>,
    /// The revision of an amendment that waits for the platform to call off what it moves.
    pub proposed: Option<u32>,
    /// Permanent failures.
    pub incidents: Vec<IncidentGroup>,
    /// What comes next.
    pub next: Option<Next>,
    /// The last position of the log.
    pub log: u64,
    /// How far what is derived from the log has come.
    pub projections: Vec<Projection>,
}

/// The phase that a plan is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Current {
    /// Its name.
    pub phase: PhaseId,
    /// What people call it.
    pub title: String,
    /// Since when, by the plan.
    pub since: DateTime<Utc>,
    /// Was it started? One that is due and was not waits for an engine to run.
    pub started: bool,
}

/// The state of drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DriftStatus {
    /// When the platform was last compared with the log to the end.
    pub checked_at: Option<DateTime<Utc>>,
    /// Rights that were found otherwise and are not put right yet, one for each mailbox and
    /// capability.
    pub open: u64,
}

impl DriftStatus {
    fn of(state: &State) -> Self {
        Self {
            checked_at: state.drift.last_check().map(|(at, _)| *at),
            open: state.drift.open_rights(),
        }
    }
}

/// How many mailboxes stand where in their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Population {
    /// Asked for.
    pub registered: u64,
    /// Activated at a post office, those withdrawn later included.
    pub activated: u64,
    /// Withdrawn by their holders before the end.
    pub withdrawn: u64,
    /// Never activated, and no longer activatable.
    pub lapsed: u64,
    /// Kept something by a hold that is in force.
    pub held: u64,
}

impl Status {
    /// Where a programme stands at an instant; `None` before a plan was adopted.
    pub fn of(
        state: &State,
        now: DateTime<Utc>,
        log: u64,
        projections: Vec<Projection>,
    ) -> Option<Self> {
        let plan = state.plan()?;
        let phase = plan.phase_at(now).and_then(|place| {
            let phase = plan.phases.get(place)?;
            Some(Current {
                phase: phase.id.clone(),
                title: phase.title.clone(),
                since: plan.starts_at(place),
                started: state.phases.has_started(&phase.id),
            })
        });
        let held = Capability::ALL
            .iter()
            .map(|capability| state.rights.held(*capability, now, plan.zone))
            .reduce(|all, set| all | set);
        let population = Population {
            registered: state.rights.registered().len(),
            activated: state.rights.activated().len(),
            withdrawn: state.rights.withdrawn().len(),
            lapsed: state.rights.lapsed().len(),
            held: held.map_or(0, |held| held.len()),
        };
        Some(Self {
            programme: plan.programme.clone(),
            title: plan.title.clone(),
            revision: state.programme.revision(),
            zone: plan.zone.name().to_owned(),
            now,
            phase,
            paused: state.programme.is_paused(),
            population,
            phases: phase_progress(state, now),
            notices: notice_progress(state, now),
            vouchers: plan.vouchers.as_ref().map(|_| state.voucher_progress()),
            drift: DriftStatus::of(state),
            canaries: contradictions(state),
            proposed: state.programme.proposed().map(|(_, proposed)| proposed.revision),
            incidents: projections::incidents(state),
            next: next::of_programme(state, plan, now),
            log,
            projections,
        })
    }

    /// How many mailboxes wait for an operator.
    pub fn open_incidents(&self) -> u64 {
        self.incidents.iter().map(|incident| incident.open).sum()
    }
}
