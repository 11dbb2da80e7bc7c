//! Mailboxes of our own that are probed beside each boundary: when, and what is known from it.
//!
//! Invariants: a probe *before* an instant is made in the second before it or never; a probe *after* it that
//! was missed is made late, until the next phase's instant, from which on it would show another phase. What
//! did not agree is probed again by the plan's retry rule, and the latest probe counts; the earlier ones stay
//! in the log. Deliberately absent: the conversations, which are the prober's.

mod answer;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use answer::{access_found, login_found, modify_found, receive_found, send_found};

use crate::{CanaryProbed, Capability, Finding, PhaseId, Plan, Side, State};

/// How far from a boundary it is probed.
const ASIDE: TimeDelta = TimeDelta::seconds(1);

/// What the latest probe of a canary beside a phase's instant found. Its transcripts are in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The phase.
    pub phase: PhaseId,
    /// On which side of its instant.
    pub side: Side,
    /// The canary's mailbox.
    pub number: u32,
    /// The phase's instant, as it was known then.
    pub due_at: DateTime<Utc>,
    /// When the probe began.
    pub began_at: DateTime<Utc>,
    /// When its last answer had come.
    pub ended_at: DateTime<Utc>,
    /// What it found.
    pub findings: Vec<Finding>,
    /// The position of the event that holds its transcripts.
    pub position: u64,
    /// Probes made for that instant so far.
    pub attempts: u32,
    /// How many probes before this one, for that instant, found a right other than expected.
    pub contradicted: u32,
}

/// What is known from the canaries, in the order in which it became known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Canaries {
    probes: Vec<Probe>,
}

/// A time in which canaries are probed for one side of a boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The phase.
    pub phase: PhaseId,
    /// On which side of its instant.
    pub side: Side,
    /// Its instant.
    pub due_at: DateTime<Utc>,
    /// From when it is open.
    pub opens_at: DateTime<Utc>,
    /// When it is over; `None` after the last phase.
    pub closes_at: Option<DateTime<Utc>>,
}

/// What is to be probed now, and when there will be something by the mere passing of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProbesDue {
    /// Which windows, and the canaries that are probed for each.
    pub now: Vec<(Window, Vec<u32>)>,
    /// When there is something to do again.
    pub next_wake: Option<DateTime<Utc>>,
}

impl Probe {
    fn of(event: &CanaryProbed, position: u64) -> Self {
        Self {
            phase: event.phase.clone(),
            side: event.side,
            number: event.number,
            due_at: event.due_at,
            began_at: event.began_at,
            ended_at: event.ended_at,
            findings: event.findings.clone(),
            position,
            attempts: 1,
            contradicted: 0,
        }
    }

    /// What was found other than expected.
    pub fn contradictions(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.agrees() == Some(false))
    }

    /// Was everything found, and found as expected?
    pub fn agrees(&self) -> bool {
        self.findings.iter().all(|finding| finding.agrees() == Some(true))
    }

    fn is_for(&self, window: &Window, number: u32) -> bool {
        let Window { phase, side, due_at, .. } = window;
        self.number == number
            && self.side == *side
            && self.phase == *phase
            && self.due_at == *due_at
    }
}

impl Canaries {
    /// The latest probe for each boundary, side and canary.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// The latest probe for that side of a boundary.
    pub fn probe(&self, window: &Window, number: u32) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.is_for(window, number))
    }

    /// The rights found other than expected in each canary's latest probe.
    pub fn contradictions(&self) -> Vec<(&Probe, &Finding)> {
        let latest = self.probes.iter().enumerate().filter(|(place, probe)| {
            let later = self.probes.iter().skip(place.saturating_add(1));
            !later.into_iter().any(|other| other.number == probe.number)
        });
        latest
            .flat_map(|(_, probe)| probe.contradictions().map(move |finding| (probe, finding)))
            .collect()
    }

    pub(crate) fn evolve(&mut self, event: &CanaryProbed, position: u64) {
        let mut probe = Probe::of(event, position);
        let earlier = self.probes.iter().position(|known| {
            (known.number, known.side) == (probe.number, probe.side) && known.phase == probe.phase
        });
        if let Some(earlier) = earlier.map(|place| self.probes.remove(place))
            && earlier.due_at == probe.due_at
        {
            probe.attempts = earlier.attempts.saturating_add(1);
            let wrong = u32::from(earlier.contradictions().next().is_some());
            probe.contradicted = earlier.contradicted.saturating_add(wrong);
        }
        self.probes.push(probe);
    }
}

/// Both sides of each of a plan's boundaries, in order.
pub fn windows(plan: &Plan) -> Vec<Window> {
    let mut windows = Vec::with_capacity(plan.phases.len().saturating_mul(2));
    for (place, phase) in plan.phases.iter().enumerate() {
        let due_at = plan.starts_at(place);
        let next = place.saturating_add(1);
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
    /// Is it a time to probe for this side of the boundary?
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && !self.is_over(now)
    }

    /// Is it too late for it?
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.closes_at.is_some_and(|closes_at| closes_at <= now)
    }
}

/// What is to be probed now, of the canaries with these mailboxes.
pub fn probes_due(state: &State, numbers: &[u32], now: DateTime<Utc>) -> ProbesDue {
    let mut due = ProbesDue::default();
    let Some(plan) = state.plan().filter(|plan| plan.canaries.is_some()) else { return due };
    let mut wakes = Vec::new();
    for window in windows(plan) {
        if window.opens_at > now {
            wakes.push(window.opens_at);
        }
        if !window.is_open(now) {
            continue;
        }
        let mut these = Vec::new();
        for number in numbers {
            match state.canaries.probe(&window, *number) {
                None => these.push(*number),
                Some(probe) => match again_at(plan, probe) {
                    Some(at) if at <= now => these.push(*number),
                    Some(at) => wakes.push(at),
                    None => {}
                },
            }
        }
        if !these.is_empty() {
            due.now.push((window, these));
        }
    }
    due.next_wake = wakes.into_iter().min();
    due
}

/// When a probe that did not find everything as expected is made again. One before its instant never is: the
/// second is over. What is not known is given up after the plan's attempts; what contradicts is not.
fn again_at(plan: &Plan, probe: &Probe) -> Option<DateTime<Utc>> {
    let contradicts = probe.contradictions().next().is_some();
    let given_up = probe.attempts >= plan.retry.attempts && !contradicts;
    if probe.side == Side::Before || probe.agrees() || given_up {
        return None;
    }
    let wait = TimeDelta::seconds(plan.retry.longest_wait(probe.attempts).into());
    probe.ended_at.checked_add_signed(wait)
}

/// The capabilities that a mail server can be asked about, and the door at which each is.
pub const PROBED: [Capability; 4] =
    [Capability::Receive, Capability::Send, Capability::Access, Capability::Modify];
