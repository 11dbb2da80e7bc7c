//! What our own mailboxes were answered beside each boundary, and which probes were missed.

use chrono::{DateTime, Utc};
use domain::{Finding, PhaseId, Side, State, Transcript, Window, windows};
use serde::Serialize;

/// How one side of a boundary stands for one canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanaryStanding {
    /// The phase.
    pub phase: PhaseId,
    /// On which side of its instant.
    pub side: Side,
    /// Its instant.
    pub due_at: DateTime<Utc>,
    /// The canary's mailbox.
    pub number: u32,
    /// Was it probed?
    pub state: ProbeState,
    /// The latest probe, where there is one.
    pub probe: Option<ProbeMade>,
}

/// Was a canary probed?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeState {
    /// It was.
    Probed,
    /// It can still be.
    Open,
    /// It was not, and can't be any more.
    Missed,
    /// Its time has not come.
    ToCome,
}

/// What one canary is answered now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanaryFindings {
    /// The canary's mailbox.
    pub number: u32,
    /// What was expected and found, by capability.
    pub findings: Vec<Finding>,
    /// The conversations with the mail servers.
    pub transcripts: Vec<Transcript>,
}

/// A probe that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeMade {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When its last answer had come.
    pub ended_at: DateTime<Utc>,
    /// Probes made for that side of the boundary.
    pub attempts: u32,
    /// How many probes before this one found a right other than expected.
    pub contradicted: u32,
    /// What it found.
    pub findings: Vec<Finding>,
    /// Where in the log its conversations are.
    pub position: u64,
    /// The conversations, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transcripts: Vec<Transcript>,
}

/// A right of a canary that its latest probe found other than expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The phase beside whose instant it was probed.
    pub phase: PhaseId,
    /// On which side.
    pub side: Side,
    /// The canary's mailbox.
    pub number: u32,
    /// When it was probed.
    pub began_at: DateTime<Utc>,
    /// What was found.
    pub finding: Finding,
}

/// Both sides of each boundary for each of these canaries, and for those that were probed before;
/// in the order of the plan.
pub fn canaries(state: &State, numbers: &[u32], now: DateTime<Utc>) -> Vec<CanaryStanding> {
    let mut all = numbers.to_vec();
    all.extend(state.canaries.probes().iter().map(|probe| probe.number));
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
            probe: probe.map(|probe| ProbeMade {
                began_at: probe.began_at,
                ended_at: probe.ended_at,
                attempts: probe.attempts,
                contradicted: probe.contradicted,
                findings: probe.findings.clone(),
                position: probe.position,
                transcripts: Vec::new(),
            }),
        })
    };
    let pairs = windows.iter().flat_map(|window| all.iter().map(move |number| (window, *number)));
    pairs.filter_map(|(window, number)| one(window, number)).collect()
}

/// What the latest probe of each canary found other than expected.
pub fn contradictions(state: &State) -> Vec<Contradiction> {
    let found = state.canaries.contradictions().into_iter();
    found
        .map(|(probe, finding)| Contradiction {
            phase: probe.phase.clone(),
            side: probe.side,
            number: probe.number,
            began_at: probe.began_at,
            finding: finding.clone(),
        })
        .collect()
}
