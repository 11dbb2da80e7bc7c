//! Notices that are ready to send, and claims of lost senders.
//!
//! Level-triggered like all work: everything follows from the state and the instant alone.

use chrono::{DateTime, Utc};
use roaring::{MultiOps, RoaringBitmap};
use serde::Serialize;

use crate::{
    Audience, Event, MailboxSet, NoticeRule, NoticeState, NoticesClaimed, NoticesReleased, PhaseId,
    Plan, State, effects, population,
};

/// A notice with respect to its sending window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeStanding {
    /// The window has not opened.
    Upcoming,
    /// The window is open.
    Open,
    /// The announced phase has begun: nothing is sent any more.
    Over,
}

/// The audience of a notice, by progress.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NoticeAccount {
    /// Accepted by the relay, even if it bounced later.
    pub sent: RoaringBitmap,
    /// Failed permanently.
    pub failed: RoaringBitmap,
    /// Delivery in doubt.
    pub in_doubt: RoaringBitmap,
    /// Claimed by a sender.
    pub claimed: RoaringBitmap,
    /// Waiting for the next attempt.
    pub deferred: RoaringBitmap,
    /// Released, and not processed yet.
    pub released: RoaringBitmap,
    /// Not released. Once the phase has begun, these holders were never notified.
    pub left: RoaringBitmap,
}

/// Notices that are ready to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The notice.
    pub notice: PhaseId,
    /// The mailboxes.
    pub mailboxes: RoaringBitmap,
}

/// The standing of a notice. The window closes by the calendar or by the recorded start of the
/// phase.
pub fn notice_standing(
    state: &State,
    plan: &Plan,
    rule: &NoticeRule,
    now: DateTime<Utc>,
) -> NoticeStanding {
    match rule.window(plan) {
        Some((opens, _)) if now < opens => NoticeStanding::Upcoming,
        Some((_, closes)) if now < closes && !state.phases.has_started(&rule.phase) => {
            NoticeStanding::Open
        }
        _ => NoticeStanding::Over,
    }
}

/// The audience of a notice, notified or not.
fn audience(state: &State, plan: &Plan, rule: &NoticeRule) -> RoaringBitmap {
    let rights = &state.rights;
    match rule.to {
        Audience::Active => rights.active(),
        Audience::Registered => &rights.registered - &rights.withdrawn,
        Audience::Losing => {
            let Some(index) = plan.phases.iter().position(|phase| phase.id == rule.phase) else {
                return RoaringBitmap::new();
            };
            let removed = effects(plan.removes(index));
            let at = plan.starts_at(index);
            // A mailbox is exempt only if holds keep every removed capability at that date.
            let held = removed.iter().map(|right| rights.held(right, at, plan.zone));
            let held = held.reduce(|all, set| all & set).unwrap_or_default();
            population(rights, removed) - held
        }
    }
}

/// The audience of a notice, by progress.
pub fn notice_account(state: &State, rule: &NoticeRule) -> NoticeAccount {
    let Some(plan) = state.plan() else { return NoticeAccount::default() };
    let concerned = audience(state, plan, rule);
    let empty = NoticeState::default();
    let notice = state.notices.get(&rule.id).unwrap_or(&empty);
    let claimed = notice.claimed();
    let deferred = notice.waiting.iter().map(|waiting| &*waiting.mailboxes).union() - &claimed;
    let released = &notice.released - notice.settled() - &claimed - &deferred;
    NoticeAccount {
        sent: notice.sent.clone(),
        failed: notice.failed.values().union(),
        in_doubt: notice.in_doubt.values().union(),
        claimed,
        deferred,
        // A hold or withdrawal since the release removes a mailbox from the audience.
        released: released & &concerned,
        left: concerned - &notice.released,
    }
}

/// Releases the next batch of a notice at an occurrence of its cron expression; `None` if no
/// mailbox is left or the previous batch is unfinished.
pub fn release(
    state: &State,
    notice: &PhaseId,
    scheduled_for: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Event> {
    let plan = state.plan().filter(|_| !state.programme.paused)?;
    let rule = plan.notice(notice)?;
    let (opens, _) = rule.window(plan)?;
    if notice_standing(state, plan, rule, now) != NoticeStanding::Open || scheduled_for < opens {
        return None;
    }
    let last = state.notices.get(notice).and_then(|state| state.last.as_ref());
    if last.is_some_and(|last| last.scheduled_for >= scheduled_for) {
        return None;
    }
    let NoticeAccount { claimed, released, mut left, .. } = notice_account(state, rule);
    if !claimed.is_empty() || !released.is_empty() {
        return None;
    }
    if let Some(beyond) = left.select(rule.batch) {
        left.remove_range(beyond..);
    }
    (!left.is_empty()).then(|| {
        Event::NoticesReleased(NoticesReleased {
            notice: notice.clone(),
            announces: rule.phase.clone(),
            revision: state.programme.revision(),
            scheduled_for,
            mailboxes: MailboxSet::from(left),
        })
    })
}

/// The notices that are ready to send, in the order of the plan.
pub fn outgoing(state: &State, now: DateTime<Utc>) -> Vec<Outgoing> {
    let Some(plan) = state.plan().filter(|_| !state.programme.paused) else {
        return Vec::new();
    };
    let of = |rule: &NoticeRule| {
        let notice = state.notices.get(&rule.id)?;
        if notice_standing(state, plan, rule, now) != NoticeStanding::Open {
            return None;
        }
        let waiting = notice.waiting.iter().filter(|waiting| waiting.retry_at > now);
        let mut mailboxes = &notice.released - notice.settled();
        mailboxes -= notice.claimed();
        mailboxes -= waiting.map(|waiting| &*waiting.mailboxes).union();
        if mailboxes.is_empty() {
            return None;
        }
        mailboxes &= audience(state, plan, rule);
        (!mailboxes.is_empty()).then(|| Outgoing { notice: rule.id.clone(), mailboxes })
    };
    plan.notices.iter().filter_map(of).collect()
}

/// The claims past their instant, each with the mailboxes that have no outcome. Their senders were
/// lost and pass nothing to the relay any more: the delivery is in doubt.
pub fn expired_claims(state: &State, now: DateTime<Utc>) -> Vec<NoticesClaimed> {
    let claims = state.notices.all().flat_map(|(_, notice)| notice.claims.values());
    claims.filter(|claim| claim.until < now).cloned().collect()
}

/// The next instant at which a sender may have work: a retry, or the expiry of a claim.
pub fn next_notice_wake(state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let attempts = plan.notices.iter().filter_map(|rule| {
        let (_, closes) = rule.window(plan)?;
        let notice = state.notices.get(&rule.id)?;
        let next = notice.waiting.iter().map(|waiting| waiting.retry_at).filter(|at| *at > now);
        // A notice is not retried after its phase has begun.
        next.min().filter(|at| *at < closes)
    });
    let claims = state.notices.all().flat_map(|(_, notice)| notice.claims.values());
    let a_moment = chrono::TimeDelta::milliseconds(1);
    let ends = claims.filter_map(|claim| claim.until.checked_add_signed(a_moment));
    attempts.chain(ends.filter(|at| *at > now)).min()
}
