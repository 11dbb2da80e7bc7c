use chrono::{DateTime, Utc};
use domain::{Capability, PhaseId, ProgrammeId, State, VoucherProgress};
use projections::{IncidentGroup, PhaseProgress, Status as Projection, phase_progress};
use serde::Serialize;

use crate::canaries::{Contradiction, contradictions};
use crate::next::{self, Next};
use crate::notices::{NoticeProgress, notice_progress};

/// The status of a programme.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The programme.
    pub programme: ProgrammeId,
    /// Its title.
    pub title: String,
    /// The revision of the plan in force.
    pub revision: u32,
    /// The time zone of its dates.
    pub zone: String,
    /// The instant of the status.
    pub now: DateTime<Utc>,
    /// The plan's phase; `None` while in service.
    pub phase: Option<Current>,
    /// Did an operator pause the sweep?
    pub paused: bool,
    /// The number of mailboxes by lifecycle.
    pub population: Population,
    /// The phases, in the order of the plan.
    pub phases: Vec<PhaseProgress>,
    /// The notices, in the order of the plan.
    pub notices: Vec<NoticeProgress>,
    /// The progress of voucher requests; `None` if the plan has no vouchers.
    pub vouchers: Option<VoucherProgress>,
    /// Differences between the platform and the log.
    pub drift: DriftStatus,
    /// Unexpected findings of the latest probe of each canary.
    pub canaries: Vec<Contradiction>,
    /// The revision of an amendment that waits for the platform to disarm what it moves.
    pub proposed: Option<u32>,
    /// Permanent failures.
    pub incidents: Vec<IncidentGroup>,
    /// The next event.
    pub next: Option<Next>,
    /// The last position of the log.
    pub log: u64,
    /// The checkpoints of the projections.
    pub projections: Vec<Projection>,
}

/// The current phase of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Current {
    /// Its name.
    pub phase: PhaseId,
    /// Its title.
    pub title: String,
    /// Its start by the plan.
    pub since: DateTime<Utc>,
    /// Was it started? A due phase that was not waits for an engine to run.
    pub started: bool,
}

/// The state of drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DriftStatus {
    /// When the last complete comparison of platform and log ended.
    pub checked_at: Option<DateTime<Utc>>,
    /// Rights that differ and are not repaired yet, one for each mailbox and capability.
    pub open: u64,
}

/// The number of mailboxes by lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Population {
    /// Registered.
    pub registered: u64,
    /// Activated, including later withdrawn ones.
    pub activated: u64,
    /// Withdrawn by their holders before the end.
    pub withdrawn: u64,
    /// Never activated, and no longer activatable.
    pub lapsed: u64,
    /// With a hold in force.
    pub held: u64,
}

impl Status {
    /// The status at an instant; `None` before a plan is adopted.
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
        let drift = DriftStatus {
            checked_at: state.drift.last_check().map(|(at, _)| *at),
            open: state.drift.open_rights(),
        };
        let population = Population {
            registered: state.rights.registered.len(),
            activated: state.rights.activated.len(),
            withdrawn: state.rights.withdrawn.len(),
            lapsed: state.rights.lapsed.len(),
            held: held.map_or(0, |held| held.len()),
        };
        Some(Self {
            programme: plan.programme.clone(),
            title: plan.title.clone(),
            revision: state.programme.revision(),
            zone: plan.zone.name().to_owned(),
            now,
            phase,
            paused: state.programme.paused,
            population,
            phases: phase_progress(state, now),
            notices: notice_progress(state, now),
            vouchers: plan.vouchers.as_ref().map(|_| state.voucher_progress()),
            drift,
            canaries: contradictions(state),
            proposed: state.programme.proposed().map(|(_, proposed)| proposed.revision),
            incidents: projections::incidents(state),
            next: next::of_programme(state, plan, now),
            log,
            projections,
        })
    }

    /// The number of mailboxes that wait for an operator.
    pub fn open_incidents(&self) -> u64 {
        self.incidents.iter().map(|incident| incident.open).sum()
    }
}
