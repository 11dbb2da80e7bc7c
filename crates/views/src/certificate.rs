//! The certificate of a day without drift, and its evidence.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Compared, DriftChecked, Drifting, State};
use serde::Serialize;

/// A comparison of the platform with the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckView {
    /// When it ended.
    pub recorded_at: DateTime<Utc>,
    /// Its position in the log.
    pub position: u64,
    /// The position of the log when it started.
    pub from_position: u64,
    /// The position of the log when it ended.
    pub to_position: u64,
    /// Mailboxes of the registry that were compared.
    pub mailboxes: u64,
    /// The number of rights compared, by capability.
    pub capabilities: Vec<Compared>,
    /// Mailboxes that the platform knew.
    pub known: u64,
    /// Mailboxes of the platform unknown to the registry.
    pub unknown_to_registry: u64,
    /// Mailboxes of the registry unknown to the platform.
    pub unknown_to_platform: u64,
    /// Drifting rights.
    pub drifting: u64,
}

/// Open drift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenDrift {
    /// The drift.
    #[serde(flatten)]
    pub drift: Drifting,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

/// Certifies that no drift was open at the end of a day, with the evidence; or states why that
/// cannot be certified.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftCertificate {
    /// The day.
    pub date: NaiveDate,
    /// The certified instant: the end of that day, or now.
    pub as_of: DateTime<Utc>,
    /// Is it certified?
    pub certified: bool,
    /// Why not, a sentence each.
    pub because: Vec<String>,
    /// The number of comparisons before.
    pub checks: usize,
    /// The last comparison before.
    pub last_check: Option<CheckView>,
    /// The first comparison after.
    pub next_check: Option<CheckView>,
    /// Open drift.
    pub open: Vec<OpenDrift>,
}

impl CheckView {
    /// A comparison, with its position and time of recording.
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
    /// Derives the certificate from the state as of that instant and all comparisons, in order.
    pub fn of(
        date: NaiveDate,
        as_of: DateTime<Utc>,
        state: &State,
        checks: Vec<CheckView>,
    ) -> Self {
        let open = state.drift.open.iter();
        let open =
            open.map(|drift| OpenDrift { drift: drift.clone(), mailboxes: drift.mailboxes.len() });
        let open: Vec<_> = open.collect();
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
        None => because.push("the platform had not been compared before".to_owned()),
        Some(last) if last.unknown_to_platform > 0 => because.push(format!(
            "the platform lacked {} of the registry",
            crate::words::mailboxes(last.unknown_to_platform)
        )),
        Some(_) => {}
    }
    let drifting: u64 = open.iter().map(|open| open.mailboxes).sum();
    if drifting > 0 {
        because.push(format!("{drifting} drifting rights were not repaired"));
    }
    if let Some(next) = next.filter(|next| next.drifting > 0) {
        because.push(format!(
            "the next comparison, at position {}, found {} drifting rights, which may have drifted \
             before",
            next.position, next.drifting
        ));
    }
    because
}
