//! What can be said of drift on a day, and what that rests on.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capability, Compared, DriftChecked, State};
use serde::Serialize;

/// A comparison of the platform with the log, as a certificate names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckView {
    /// When it ended.
    pub recorded_at: DateTime<Utc>,
    /// Where it stands in the log.
    pub position: u64,
    /// The position of the log when it began.
    pub from_position: u64,
    /// The position of the log when it ended.
    pub to_position: u64,
    /// Mailboxes of the registry that were compared.
    pub mailboxes: u64,
    /// Capability by capability, how many.
    pub capabilities: Vec<Compared>,
    /// Mailboxes that the platform knew.
    pub known: u64,
    /// How many of those the registry did not know.
    pub unknown_to_registry: u64,
    /// How many mailboxes of the registry the platform did not know.
    pub unknown_to_platform: u64,
    /// How many rights drifted.
    pub drifting: u64,
}

/// Drift that was open.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenDrift {
    /// The capability.
    pub capability: Capability,
    /// What the log said.
    pub expected: String,
    /// What the platform said.
    pub found: String,
    /// Was it to be put right?
    pub repair: bool,
    /// When it was found.
    pub since: DateTime<Utc>,
    /// Where that stands in the log.
    pub found_at: u64,
    /// Of how many.
    pub mailboxes: u64,
}

/// Says of a day that no drift was open at its end, and what was looked at; or why that can't be
/// said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftCertificate {
    /// The day.
    pub date: NaiveDate,
    /// The instant it is said of: the end of that day, or now.
    pub as_of: DateTime<Utc>,
    /// Can it be said?
    pub certified: bool,
    /// Why it can't, a sentence each.
    pub because: Vec<String>,
    /// How many comparisons there had been.
    pub checks: usize,
    /// The last of them.
    pub last_check: Option<CheckView>,
    /// The first one after that.
    pub next_check: Option<CheckView>,
    /// What was open.
    pub open: Vec<OpenDrift>,
}

impl CheckView {
    /// A comparison, with where and when it was recorded.
    pub fn of(check: &DriftChecked, position: u64, recorded_at: DateTime<Utc>) -> Self {
        Self {
            recorded_at,
            position,
            from_position: check.from_position,
            to_position: check.to_position,
            mailboxes: check.mailboxes,
            capabilities: check.capabilities.clone(),
            known: check.known,
            unknown_to_registry: check.unknown_to_registry.len().saturating_add(check.numberless),
            unknown_to_platform: check.unknown_to_platform.len(),
            drifting: check.drifting(),
        }
    }
}

impl DriftCertificate {
    /// From the state as of that instant and all comparisons that were ever made, in their order.
    pub fn of(
        date: NaiveDate,
        as_of: DateTime<Utc>,
        state: &State,
        checks: Vec<CheckView>,
    ) -> Self {
        let open: Vec<OpenDrift> = state.drift.open().iter().map(OpenDrift::of).collect();
        let (mut before, after): (Vec<_>, Vec<_>) =
            checks.into_iter().partition(|check| check.recorded_at <= as_of);
        let (checks, last_check) = (before.len(), before.pop());
        let next_check = after.into_iter().next();
        let because = because(&open, last_check.as_ref(), next_check.as_ref());
        let certified = because.is_empty();
        Self { date, as_of, certified, because, checks, last_check, next_check, open }
    }
}

fn because(open: &[OpenDrift], last: Option<&CheckView>, next: Option<&CheckView>) -> Vec<String> {
    let mut because = Vec::new();
    match last {
        None => because.push("the platform had not been compared by then".to_owned()),
        Some(last) if last.unknown_to_platform > 0 => because.push(format!(
            "the platform did not know {} of the registry",
            crate::words::mailboxes(last.unknown_to_platform)
        )),
        Some(_) => {}
    }
    let drifting: u64 = open.iter().map(|open| open.mailboxes).sum();
    if drifting > 0 {
        because.push(format!("{drifting} rights that had been found to drift were not put right"));
    }
    if let Some(next) = next.filter(|next| next.drifting > 0) {
        because.push(format!(
            "the next comparison, at position {}, found {} rights that drifted, and since when is \
             not known",
            next.position, next.drifting
        ));
    }
    because
}

impl OpenDrift {
    fn of(open: &domain::Drifting) -> Self {
        Self {
            capability: open.capability,
            expected: open.expected.describe(),
            found: open.found.describe(),
            repair: open.repair,
            since: open.since,
            found_at: open.found_at,
            mailboxes: open.mailboxes.len(),
        }
    }
}
