//! Notices: which holders were notified of a phase, which will be, and what failed.
//!
//! Each mailbox gets a notice at most once. Invariant: a mailbox is in at most one of sent, failed,
//! in doubt and waiting; a released mailbox in none of the first three, and not claimed, is ready
//! to send. The state of a notice outlives its removal by an amendment: its id is never reused for
//! another phase.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::{MultiOps, RoaringBitmap};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::snapshot::{Named, named};
use super::split_by_attempts;
use crate::{Event, NoticeRule, NoticesClaimed, NoticesDeferred, PhaseId, Plan};

/// The state of one notice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeState {
    /// The last released batch.
    pub last: Option<Release>,
    /// All mailboxes released so far.
    #[serde(skip)]
    pub released: RoaringBitmap,
    /// Mailboxes whose notice the relay accepted.
    #[serde(skip)]
    pub sent: RoaringBitmap,
    /// Claims by id, each with the mailboxes that have no recorded outcome.
    pub claims: BTreeMap<Uuid, NoticesClaimed>,
    /// Deferrals, each with the mailboxes that still wait for its next attempt.
    pub waiting: Vec<NoticesDeferred>,
    /// Mailboxes whose delivery is in doubt, by cause.
    #[serde(with = "super::snapshot::keys")]
    pub in_doubt: BTreeMap<String, RoaringBitmap>,
    /// Mailboxes whose notice failed permanently, by cause.
    #[serde(with = "super::snapshot::keys")]
    pub failed: BTreeMap<String, RoaringBitmap>,
    /// Mailboxes whose notice bounced, by cause.
    #[serde(with = "super::snapshot::keys")]
    pub bounced: BTreeMap<String, RoaringBitmap>,
}

/// A released batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The phase that the notice announces.
    pub announces: PhaseId,
    /// The occurrence.
    pub scheduled_for: DateTime<Utc>,
}

/// The notices, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notices {
    by_notice: BTreeMap<PhaseId, NoticeState>,
}

impl Notices {
    /// The state of a notice; `None` before its first batch is released.
    pub fn get(&self, notice: &PhaseId) -> Option<&NoticeState> {
        self.by_notice.get(notice)
    }

    /// All notices with a released batch.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&PhaseId, &NoticeState)> {
        self.by_notice.iter()
    }

    /// Why the plan cannot be amended to the next one: a released notice would announce another
    /// phase, and the holders notified so far would never learn of it.
    pub(crate) fn amendment_problem(&self, next: &Plan) -> Option<String> {
        let changed = next.notices.iter().find(|rule| {
            let last = self.get(&rule.id).and_then(|state| state.last.as_ref());
            last.is_some_and(|last| last.announces != rule.phase)
        })?;
        let NoticeRule { id, phase, .. } = changed;
        Some(format!(
            "notice {id} has already been sent for another phase and cannot announce {phase}; give \
             it another id"
        ))
    }

    pub(super) fn add_sets<'a>(&'a mut self, sets: &mut Vec<Named<'a>>) {
        for (notice, state) in &mut self.by_notice {
            let name = |what: &str| format!("notice/{notice}/{what}");
            sets.push((name("released"), &mut state.released));
            sets.push((name("sent"), &mut state.sent));
            for (claim, made) in &mut state.claims {
                sets.push((name(&format!("claim/{claim}")), made.mailboxes.inner_mut()));
            }
            for (nth, waiting) in state.waiting.iter_mut().enumerate() {
                sets.push((name(&format!("waiting/{nth}")), waiting.mailboxes.inner_mut()));
            }
            sets.extend(named(&name("in-doubt"), &mut state.in_doubt));
            sets.extend(named(&name("failed"), &mut state.failed));
            sets.extend(named(&name("bounced"), &mut state.bounced));
        }
    }

    /// The next state after an event about notices.
    pub(super) fn evolve(&mut self, event: &Event) {
        if let Event::NoticesReleased(event) = event {
            let (announces, scheduled_for) = (event.announces.clone(), event.scheduled_for);
            let state = self.of(&event.notice);
            state.last = Some(Release { announces, scheduled_for });
            state.released |= &*event.mailboxes;
        } else if let Event::NoticesClaimed(event) = event {
            // The mailboxes stay in `waiting`, which holds the number of attempts.
            self.of(&event.notice).claims.insert(event.claim, event.clone());
        } else if let Event::NoticesSent(event) = event {
            let state = self.of(&event.notice);
            state.clear(&event.mailboxes);
            state.sent |= &*event.mailboxes;
        } else if let Event::NoticesDeferred(event) = event {
            let state = self.of(&event.notice);
            state.clear(&event.mailboxes);
            state.waiting.push(event.clone());
        } else if let Event::NoticesFailed(event) = event {
            let state = self.of(&event.notice);
            state.clear(&event.mailboxes);
            *state.failed.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        } else if let Event::NoticesInDoubt(event) = event {
            let state = self.of(&event.notice);
            state.clear(&event.mailboxes);
            *state.in_doubt.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        } else if let Event::NoticesRetried(event) = event {
            self.of(&event.notice).clear(&event.mailboxes);
        } else if let Event::NoticesBounced(event) = event {
            let state = self.of(&event.notice);
            *state.bounced.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        }
    }

    fn of(&mut self, notice: &PhaseId) -> &mut NoticeState {
        self.by_notice.entry(notice.clone()).or_default()
    }
}

impl NoticeState {
    /// The mailboxes by the number of attempts so far.
    pub fn by_attempts(&self, mailboxes: &RoaringBitmap) -> BTreeMap<u32, RoaringBitmap> {
        split_by_attempts(mailboxes, self.waiting.iter().map(|it| (it.attempts, &*it.mailboxes)))
    }

    /// Mailboxes that are sent, failed or in doubt: the engine does nothing more for them by
    /// itself.
    pub(crate) fn settled(&self) -> RoaringBitmap {
        let ends = self.failed.values().chain(self.in_doubt.values());
        ends.chain([&self.sent]).union()
    }

    pub(crate) fn claimed(&self) -> RoaringBitmap {
        self.claims.values().map(|claim| &*claim.mailboxes).union()
    }

    /// Removes the mailboxes from every set but `released` and `bounced`.
    fn clear(&mut self, mailboxes: &RoaringBitmap) {
        self.sent -= mailboxes;
        let named = self.failed.values_mut().chain(self.in_doubt.values_mut());
        let all = named
            .chain(self.claims.values_mut().map(|claim| claim.mailboxes.inner_mut()))
            .chain(self.waiting.iter_mut().map(|waiting| waiting.mailboxes.inner_mut()));
        for set in all {
            *set -= mailboxes;
        }
        self.failed.retain(|_, set| !set.is_empty());
        self.in_doubt.retain(|_, set| !set.is_empty());
        self.claims.retain(|_, claim| !claim.mailboxes.is_empty());
        self.waiting.retain(|waiting| !waiting.mailboxes.is_empty());
    }
}
