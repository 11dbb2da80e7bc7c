//! Canary probes at each boundary, and missed ones.

use chrono::{DateTime, Utc};
use domain::{Finding, PhaseId, Probe, Side, State, Transcript, Window, windows};
use serde::Serialize;

/// The state of one side of a boundary for one canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanaryStanding {
    /// The phase.
    pub phase: PhaseId,
    /// The side of its instant.
    pub side: Side,
    /// Its instant.
    pub due_at: DateTime<Utc>,
    /// The canary's mailbox.
    pub number: u32,
    /// The state of the probe.
    pub state: ProbeState,
    /// The latest probe, if there is one; with its transcripts if requested.
    pub probe: Option<Probe>,
}

/// The state of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeState {
    /// Made.
    Probed,
    /// Still possible.
    Open,
    /// Not made, and no longer possible.
    Missed,
    /// Not due yet.
    ToCome,
}

/// The current findings for one canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanaryFindings {
    /// The canary's mailbox.
    pub number: u32,
    /// Expected and actual, by capability.
    pub findings: Vec<Finding>,
    /// The transcripts of the dialogues with mail servers.
    pub transcripts: Vec<Transcript>,
}

/// A canary's right that its latest probe found other than expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The phase of the boundary.
    pub phase: PhaseId,
    /// The side of its instant.
    pub side: Side,
    /// The canary's mailbox.
    pub number: u32,
    /// When it was probed.
    pub began_at: DateTime<Utc>,
    /// The finding.
    pub finding: Finding,
}

/// Both sides of each boundary for each of these canaries, and for those probed before; in the
/// order of the plan.
pub fn canaries(state: &State, numbers: &[u32], now: DateTime<Utc>) -> Vec<CanaryStanding> {
    let mut all = numbers.to_vec();
    all.extend(state.canaries.probes.iter().map(|probe| probe.event.number));
    all.sort_unstable();
    all.dedup();
    let windows = state.plan().map(windows).unwrap_or_default();
    let one = |window: &Window, number: u32| {
        let probe = state.canaries.probe(window, number);
        let still = numbers.contains(&number);
        let standing = match probe {
            Some(_) => ProbeState::Probed,
            None if !still => return None,
            None if window.is_over(now) => ProbeState::Missed,
            None if window.is_open(now) => ProbeState::Open,
            None => ProbeState::ToCome,
        };
        Some(CanaryStanding {
            phase: window.phase.clone(),
            side: window.side,
            due_at: window.due_at,
            number,
            state: standing,
            probe: probe.cloned(),
        })
    };
    let pairs = windows.iter().flat_map(|window| all.iter().map(move |number| (window, *number)));
    pairs.filter_map(|(window, number)| one(window, number)).collect()
}

/// Unexpected findings of the latest probe of each canary.
pub fn contradictions(state: &State) -> Vec<Contradiction> {
    let found = state.canaries.contradictions().into_iter();
    found
        .map(|(probe, finding)| Contradiction {
            phase: probe.event.phase.clone(),
            side: probe.event.side,
            number: probe.event.number,
            began_at: probe.event.began_at,
            finding: finding.clone(),
        })
        .collect()
}
