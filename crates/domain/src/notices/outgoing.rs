//! Which notices may go out, to whom, and what is done about those that a lost sender had in hand.
//!
//! Level-triggered, like all work: worked out from the state and the instant alone.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::Told;
use crate::{
    Audience, Event, MailboxSet, NoticeRule, NoticesReleased, PhaseId, Plan, State, effects,
    population,
};

/// Where a notice stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeStanding {
    /// Its first day is to come.
    ToCome,
    /// It goes out.
    Open,
    /// Its phase has begun: it goes to nobody any more.
    Over,
}

/// Everyone whom a notice concerns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TellAll {
    /// Told: the relay took it over, whatever came back later.
    pub sent: RoaringBitmap,
    /// Not told, and not tried again by itself.
    pub failed: RoaringBitmap,
    /// Nobody knows.
    pub in_doubt: RoaringBitmap,
    /// In a sender's hands.
    pub claimed: RoaringBitmap,
    /// Wait for another attempt.
    pub deferred: RoaringBitmap,
    /// Let go out, and not come to yet.
    pub released: RoaringBitmap,
    /// Not let go out yet. Once the phase has begun: those who were never told.
    pub left: RoaringBitmap,
}

/// Notices that are to be handed to the relay now.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The notice.
    pub notice: PhaseId,
    /// To whom.
    pub mailboxes: RoaringBitmap,
}

/// A claim whose sender is gone: of its mailboxes nobody knows.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimOver {
    /// The notice.
    pub notice: PhaseId,
    /// The claim.
    pub claim: Uuid,
    /// Those without an outcome.
    pub mailboxes: RoaringBitmap,
}

/// Where a notice stands at an instant. Both the instant and the log can end it.
pub fn may_go_out(
    state: &State,
    plan: &Plan,
    rule: &NoticeRule,
    now: DateTime<Utc>,
) -> NoticeStanding {
    match rule.window(plan) {
        Some((opens, _)) if now < opens => NoticeStanding::ToCome,
        Some((_, closes)) if now < closes && !state.phases.has_started(&rule.phase) => {
            NoticeStanding::Open
        }
        _ => NoticeStanding::Over,
    }
}

/// Those whom a notice concerns, told or not.
fn audience(state: &State, plan: &Plan, rule: &NoticeRule) -> RoaringBitmap {
    let rights = &state.rights;
    match rule.to {
        Audience::Active => rights.active(),
        Audience::Registered => rights.registered() - rights.withdrawn(),
        Audience::Losing => {
            let Some(place) = plan.phases.iter().position(|phase| phase.id == rule.phase) else {
                return RoaringBitmap::new();
            };
            let removed = effects(plan.removes(place));
            let at = plan.starts_at(place);
            // Kept from it are those whom holds let keep all of it at the date.
            let held = removed.iter().map(|right| rights.held(right, at, plan.zone));
            let held = held.reduce(|all, set| all & set).unwrap_or_default();
            population(rights, removed) - held
        }
    }
}

/// Where everyone whom a notice concerns stands.
pub fn notice_account(state: &State, rule: &NoticeRule) -> TellAll {
    let Some(plan) = state.plan() else { return TellAll::default() };
    let concerned = audience(state, plan, rule);
    let nothing = Told::default();
    let told = state.notices.get(&rule.id).unwrap_or(&nothing);
    let claimed = told.claimed();
    let deferred = told.deferred() - &claimed;
    let all = |sets: &std::collections::BTreeMap<String, RoaringBitmap>| {
        sets.values().fold(RoaringBitmap::new(), |all, set| all | set)
    };
    let released = &told.released - told.settled() - &claimed - &deferred;
    TellAll {
        sent: told.sent.clone(),
        failed: all(&told.failed),
        in_doubt: all(&told.in_doubt),
        claimed,
        deferred,
        // Who is not concerned any more, by a hold or a withdrawal, is not told.
        released: released & &concerned,
        left: concerned - &told.released,
    }
}

/// Lets the next batch of a notice go out at an occurrence of its cron expression; `None` where there is
/// nobody, or where the batch before is not through.
pub fn release(
    state: &State,
    notice: &PhaseId,
    scheduled_for: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Event> {
    let plan = state.plan().filter(|_| !state.programme.is_paused())?;
    let rule = plan.notice(notice)?;
    let (opens, _) = rule.window(plan)?;
    if may_go_out(state, plan, rule, now) != NoticeStanding::Open || scheduled_for < opens {
        return None;
    }
    let last = state.notices.get(notice).and_then(Told::last);
    if last.is_some_and(|last| last.scheduled_for >= scheduled_for) {
        return None;
    }
    let TellAll { claimed, released, mut left, .. } = notice_account(state, rule);
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

/// What is to be handed to the relay now, notice by notice in the order of the plan.
pub fn outgoing(state: &State, now: DateTime<Utc>) -> Vec<Outgoing> {
    let Some(plan) = state.plan().filter(|_| !state.programme.is_paused()) else {
        return Vec::new();
    };
    let of = |rule: &NoticeRule| {
        let told = state.notices.get(&rule.id)?;
        if may_go_out(state, plan, rule, now) != NoticeStanding::Open {
            return None;
        }
        let waiting = told.waiting.iter().filter(|waiting| waiting.retry_at > now);
        let waiting = waiting.fold(RoaringBitmap::new(), |all, waiting| all | &waiting.mailboxes);
        let mut mailboxes = &told.released - told.settled();
        mailboxes -= told.claimed();
        mailboxes -= waiting;
        if mailboxes.is_empty() {
            return None;
        }
        mailboxes &= audience(state, plan, rule);
        (!mailboxes.is_empty()).then(|| Outgoing { notice: rule.id.clone(), mailboxes })
    };
    plan.notices.iter().filter_map(of).collect()
}

/// The claims that are past their instant: whoever made them hands nothing over any more.
pub fn claims_over(state: &State, now: DateTime<Utc>) -> Vec<ClaimOver> {
    let told = state.notices.told.iter();
    let claims = told.flat_map(|(notice, told)| {
        told.claims.iter().map(move |(claim, made)| (notice, claim, made))
    });
    let over = claims.filter(|(_, _, made)| made.until < now);
    let over = over.map(|(notice, claim, made)| ClaimOver {
        notice: notice.clone(),
        claim: *claim,
        mailboxes: made.mailboxes.clone(),
    });
    over.collect()
}

/// When a sender has something to do that it has not now, by the mere passing of time: an attempt, or a
/// claim that ends.
pub fn next_notice_wake(state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let attempts = plan.notices.iter().filter_map(|rule| {
        let (_, closes) = rule.window(plan)?;
        let told = state.notices.get(&rule.id)?;
        let next = told.waiting.iter().map(|waiting| waiting.retry_at).filter(|at| *at > now);
        // A notice whose phase begins first is not tried again.
        next.min().filter(|at| *at < closes)
    });
    let claims = state.notices.told.values().flat_map(|told| told.claims.values());
    let a_moment = chrono::TimeDelta::milliseconds(1);
    let ends = claims.filter_map(|claim| claim.until.checked_add_signed(a_moment));
    attempts.chain(ends.filter(|at| *at > now)).min()
}
