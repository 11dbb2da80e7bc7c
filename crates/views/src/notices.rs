//! The progress of the plan's notices.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::{
    NoticeAccount, NoticeRule, NoticeStanding, PhaseId, Plan, State, notice_account,
    notice_standing,
};
use roaring::RoaringBitmap;
use serde::Serialize;

/// A batch without progress for so long has no sender.
const STALLED: TimeDelta = TimeDelta::minutes(15);

/// The progress of one notice. Every count is of mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeProgress {
    /// The notice.
    pub notice: PhaseId,
    /// The phase that it announces.
    pub announces: PhaseId,
    /// When it opens.
    pub opens_at: DateTime<Utc>,
    /// When it closes: the start of its phase.
    pub closes_at: DateTime<Utc>,
    /// The time zone of civil dates.
    pub zone: Tz,
    /// Its standing in time.
    pub standing: NoticeStanding,
    /// Accepted by the relay.
    pub sent: u64,
    /// Of those, bounced.
    pub bounced: u64,
    /// Failed, and not retried automatically.
    pub failed: u64,
    /// In doubt.
    pub in_doubt: u64,
    /// Released and not settled: not started, in flight, or waiting for another attempt.
    pub waiting: u64,
    /// Not released yet.
    pub left: u64,
    /// Once the phase has started: never notified.
    pub never_told: u64,
    /// Does no process send released notices?
    pub stalled: bool,
    /// Failures, by cause.
    pub failures: BTreeMap<String, u64>,
    /// Doubts, by cause.
    pub doubts: BTreeMap<String, u64>,
    /// Bounces, by cause.
    pub bounces: BTreeMap<String, u64>,
}

/// The progress of every notice of the plan, in order.
pub fn notice_progress(state: &State, now: DateTime<Utc>) -> Vec<NoticeProgress> {
    let Some(plan) = state.plan() else { return Vec::new() };
    plan.notices.iter().filter_map(|rule| progress(state, plan, rule, now)).collect()
}

fn progress(
    state: &State,
    plan: &Plan,
    rule: &NoticeRule,
    now: DateTime<Utc>,
) -> Option<NoticeProgress> {
    let (opens_at, closes_at) = rule.window(plan)?;
    let standing = notice_standing(state, plan, rule, now);
    let NoticeAccount { sent, failed, in_doubt, claimed, deferred, released, left } =
        notice_account(state, rule);
    let waiting = claimed.len() + deferred.len() + released.len();
    let told = state.notices.get(&rule.id);
    let counted = |sets: Option<&BTreeMap<String, RoaringBitmap>>| -> BTreeMap<String, u64> {
        sets.into_iter().flatten().map(|(cause, set)| (cause.clone(), set.len())).collect()
    };
    let bounces = counted(told.map(|told| &told.bounced));
    let over = standing == NoticeStanding::Over;
    let last = told.and_then(|told| told.last.as_ref());
    let stalled = standing == NoticeStanding::Open
        && !state.programme.paused
        && !released.is_empty()
        && last.is_some_and(|last| now.signed_duration_since(last.scheduled_for) > STALLED);
    Some(NoticeProgress {
        notice: rule.id.clone(),
        announces: rule.phase.clone(),
        opens_at,
        closes_at,
        zone: plan.zone,
        standing,
        sent: sent.len(),
        bounced: bounces.values().sum(),
        failed: failed.len(),
        in_doubt: in_doubt.len(),
        waiting: if over { 0 } else { waiting },
        left: if over { 0 } else { left.len() },
        never_told: if over { left.len() + waiting } else { 0 },
        stalled,
        failures: counted(told.map(|told| &told.failed)),
        doubts: counted(told.map(|told| &told.in_doubt)),
        bounces,
    })
}
