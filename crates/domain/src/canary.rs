//! Canaries: mailboxes of our own that are probed before and after each boundary of the plan.
//!
//! An unexpected result is probed again by the plan's retry policy; the latest probe counts,
//! earlier ones stay in the log. Deliberately absent: the dialogues with mail servers, which belong
//! to the prober.

mod answer;

use chrono::{DateTime, TimeDelta, Utc};

pub use answer::{access_answer, login_answer, modify_answer, receive_answer, send_answer};

use crate::{Capability, Plan, Probe, Side, State, Window, windows};

/// The probes that are due now, and the next instant at which some may become due.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProbesDue {
    /// The open windows, each with the canaries to probe.
    pub now: Vec<(Window, Vec<u32>)>,
    /// The next instant at which probes may become due.
    pub next_wake: Option<DateTime<Utc>>,
}

/// The probes that are due now for the canaries with these mailbox numbers.
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

/// When a probe that does not agree is repeated. A probe before the instant never is: its second is
/// over. An unknown answer is repeated up to the plan's attempts, a contradiction without limit.
fn again_at(plan: &Plan, probe: &Probe) -> Option<DateTime<Utc>> {
    let contradicts = probe.contradictions().next().is_some();
    let exhausted = probe.attempts >= plan.retry.attempts && !contradicts;
    if probe.event.side == Side::Before || probe.agrees() || exhausted {
        return None;
    }
    let wait = TimeDelta::seconds(plan.retry.longest_wait(probe.attempts).into());
    probe.event.ended_at.checked_add_signed(wait)
}

/// The capabilities that a mail server can be probed for.
pub const PROBED_CAPABILITIES: [Capability; 4] =
    [Capability::Receive, Capability::Send, Capability::Access, Capability::Modify];
