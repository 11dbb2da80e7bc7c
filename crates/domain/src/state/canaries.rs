//! The latest probes of canaries, and the windows in which they are made.
//!
//! Invariants: a probe *before* an instant happens in the second before it or never. A missed probe
//! *after* it happens late, but before the next phase's instant, after which it would test another
//! phase.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{CanaryProbed, Finding, PhaseId, Plan, Side};

/// The distance of a probe from its boundary.
const ASIDE: TimeDelta = TimeDelta::seconds(1);

/// The latest probe of a canary at one side of a phase's instant. Its transcripts are in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its event, without the transcripts.
    pub event: CanaryProbed,
    /// The log position of its event.
    pub position: u64,
    /// Probes made for this instant so far.
    pub attempts: u32,
    /// Number of earlier probes for this instant that contradicted the expectation.
    pub contradicted: u32,
}

/// The latest probes, in the order in which they were recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Canaries {
    /// The latest probe of each boundary, side and canary.
    pub probes: Vec<Probe>,
}

/// The time window in which canaries are probed for one side of a boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The phase.
    pub phase: PhaseId,
    /// The side of the phase's instant.
    pub side: Side,
    /// The phase's instant.
    pub due_at: DateTime<Utc>,
    /// When the window opens.
    pub opens_at: DateTime<Utc>,
    /// When the window closes; `None` after the last phase.
    pub closes_at: Option<DateTime<Utc>>,
}

impl Probe {
    /// The findings that contradict the expectation.
    pub fn contradictions(&self) -> impl Iterator<Item = &Finding> {
        self.event.findings.iter().filter(|finding| finding.agrees() == Some(false))
    }

    /// Do all findings agree with the expectation?
    pub fn agrees(&self) -> bool {
        self.event.findings.iter().all(|finding| finding.agrees() == Some(true))
    }

    fn is_for(&self, window: &Window, number: u32) -> bool {
        let CanaryProbed { phase, side, due_at, .. } = &self.event;
        self.event.number == number
            && (phase, side, due_at) == (&window.phase, &window.side, &window.due_at)
    }
}

impl Canaries {
    /// The latest probe of a canary for this window.
    pub fn probe(&self, window: &Window, number: u32) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.is_for(window, number))
    }

    /// The contradicting findings of each canary's latest probe.
    pub fn contradictions(&self) -> Vec<(&Probe, &Finding)> {
        let latest = self.probes.iter().enumerate().filter(|(index, probe)| {
            let later = self.probes.iter().skip(index.saturating_add(1));
            !later.into_iter().any(|other| other.event.number == probe.event.number)
        });
        latest
            .flat_map(|(_, probe)| probe.contradictions().map(move |finding| (probe, finding)))
            .collect()
    }

    pub(super) fn evolve(&mut self, event: &CanaryProbed, position: u64) {
        let without_transcripts = CanaryProbed { transcripts: Vec::new(), ..event.clone() };
        let mut probe =
            Probe { event: without_transcripts, position, attempts: 1, contradicted: 0 };
        let earlier = self.probes.iter().position(|Probe { event: known, .. }| {
            (known.number, known.side) == (event.number, event.side) && known.phase == event.phase
        });
        if let Some(earlier) = earlier.map(|index| self.probes.remove(index))
            && earlier.event.due_at == event.due_at
        {
            probe.attempts = earlier.attempts.saturating_add(1);
            let contradicted = u32::from(earlier.contradictions().next().is_some());
            probe.contradicted = earlier.contradicted.saturating_add(contradicted);
        }
        self.probes.push(probe);
    }
}

/// The two windows of each boundary of the plan, in order.
pub fn windows(plan: &Plan) -> Vec<Window> {
    let mut windows = Vec::with_capacity(plan.phases.len().saturating_mul(2));
    for (index, phase) in plan.phases.iter().enumerate() {
        let due_at = plan.starts_at(index);
        let next = index.saturating_add(1);
        let closes_at = (next < plan.phases.len()).then(|| plan.starts_at(next));
        let (Some(before), Some(after)) =
            (due_at.checked_sub_signed(ASIDE), due_at.checked_add_signed(ASIDE))
        else {
            continue;
        };
        let sides = [(Side::Before, before, Some(due_at)), (Side::After, after, closes_at)];
        windows.extend(sides.map(|(side, opens_at, closes_at)| Window {
            phase: phase.id.clone(),
            side,
            due_at,
            opens_at,
            closes_at,
        }));
    }
    windows
}

impl Window {
    /// Is the window open?
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && !self.is_over(now)
    }

    /// Is the window closed for good?
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.closes_at.is_some_and(|closes_at| closes_at <= now)
    }
}
