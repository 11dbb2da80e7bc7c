//! The notices: who was told of a phase, who is still to be told, and what did not work.
//!
//! Each mailbox is told once per notice. Invariant: a mailbox is in at most one of sent, failed, in doubt
//! and waiting; those released that are in none of the first three, nor claimed, are to be handed to the relay. What the log
//! says of a notice is kept although an amendment removed it: a name is never used for another announcement.

mod outgoing;
mod parts;
pub(crate) mod wording;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, MailboxSet, NoticeRule, PhaseId, Plan};

pub use outgoing::{
    ClaimOver, NoticeStanding, Outgoing, TellAll, claims_over, may_go_out, next_notice_wake,
    notice_account, outgoing, release,
};
pub(crate) use parts::NoticesRest;
pub use wording::{MAILBOX, NoticeWords};

/// Mailboxes that a sender is handing to the relay, or was when it was lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// None of them is handed over after this instant.
    pub until: DateTime<Utc>,
    /// Those of whom no outcome is recorded yet.
    pub mailboxes: RoaringBitmap,
}

/// Mailboxes that wait for their next attempt together.
#[derive(Debug, Clone, PartialEq)]
pub struct Deferred {
    /// Why the last attempt did not work, as a short code.
    pub cause: String,
    /// Attempts made so far.
    pub attempts: u32,
    /// Not before this instant.
    pub retry_at: DateTime<Utc>,
    /// Whose.
    pub mailboxes: RoaringBitmap,
}

/// All that the log says of one notice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// The phase that it announced, and the last occurrence that let a batch go out.
    pub(crate) last: Option<Release>,
    /// All that were ever let go out.
    pub(crate) released: RoaringBitmap,
    pub(crate) sent: RoaringBitmap,
    pub(crate) claims: BTreeMap<Uuid, Claim>,
    pub(crate) waiting: Vec<Deferred>,
    pub(crate) in_doubt: BTreeMap<String, RoaringBitmap>,
    pub(crate) failed: BTreeMap<String, RoaringBitmap>,
    pub(crate) bounced: BTreeMap<String, RoaringBitmap>,
}

/// The last batch that was let go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The phase that the notice announces.
    pub announces: PhaseId,
    /// The occurrence.
    pub scheduled_for: DateTime<Utc>,
}

/// The notices, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notices {
    pub(crate) told: BTreeMap<PhaseId, Told>,
}

impl Notices {
    /// What the log says of a notice; `None` where none of it was ever let go out.
    pub fn get(&self, notice: &PhaseId) -> Option<&Told> {
        self.told.get(notice)
    }

    /// Why a plan can't be amended to the next: a notice that has begun to go out would announce another
    /// phase, and those who were told of the first would not be told of it.
    pub(crate) fn amendment_problem(&self, next: &Plan) -> Option<String> {
        let turned = next.notices.iter().find(|rule| {
            let last = self.get(&rule.id).and_then(|told| told.last.as_ref());
            last.is_some_and(|last| last.announces != rule.phase)
        })?;
        let NoticeRule { id, phase, .. } = turned;
        Some(format!(
            "notice {id} has begun to go out for another phase and can't announce {phase}; give it another \
             id"
        ))
    }

    /// The next state; an event of anything else changes nothing.
    pub(crate) fn evolve(&mut self, event: &Event) {
        if let Event::NoticesReleased(event) = event {
            let (announces, scheduled_for) = (event.announces.clone(), event.scheduled_for);
            let told = self.of(&event.notice);
            told.last = Some(Release { announces, scheduled_for });
            told.released |= &*event.mailboxes;
        } else if let Event::NoticesClaimed(event) = event {
            let mailboxes = event.mailboxes.clone().into_inner();
            // How many attempts were made before stays known.
            let claim = Claim { until: event.until, mailboxes };
            self.of(&event.notice).claims.insert(event.claim, claim);
        } else if let Event::NoticesSent(event) = event {
            let told = self.of(&event.notice);
            told.forget(&event.mailboxes);
            told.sent |= &*event.mailboxes;
        } else if let Event::NoticesDeferred(event) = event {
            let told = self.of(&event.notice);
            told.forget(&event.mailboxes);
            told.waiting.push(Deferred {
                cause: event.cause.clone(),
                attempts: event.attempts,
                retry_at: event.retry_at,
                mailboxes: event.mailboxes.clone().into_inner(),
            });
        } else if let Event::NoticesFailed(event) = event {
            let told = self.of(&event.notice);
            told.forget(&event.mailboxes);
            *told.failed.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        } else if let Event::NoticesInDoubt(event) = event {
            let told = self.of(&event.notice);
            told.forget(&event.mailboxes);
            *told.in_doubt.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        } else if let Event::NoticesRetried(event) = event {
            self.of(&event.notice).forget(&event.mailboxes);
        } else if let Event::NoticesBounced(event) = event {
            let told = self.of(&event.notice);
            *told.bounced.entry(event.cause.clone()).or_default() |= &*event.mailboxes;
        }
    }

    fn of(&mut self, notice: &PhaseId) -> &mut Told {
        self.told.entry(notice.clone()).or_default()
    }
}

impl Told {
    /// The last batch that was let go out.
    pub fn last(&self) -> Option<&Release> {
        self.last.as_ref()
    }

    /// All that were ever let go out.
    pub fn released(&self) -> &RoaringBitmap {
        &self.released
    }

    /// Those whose notice the relay took over.
    pub fn sent(&self) -> &RoaringBitmap {
        &self.sent
    }

    /// Those that a sender has in hand, by claim.
    pub fn claims(&self) -> &BTreeMap<Uuid, Claim> {
        &self.claims
    }

    /// Those that wait for another attempt.
    pub fn waiting(&self) -> &[Deferred] {
        &self.waiting
    }

    /// Those of whom nobody knows, by cause.
    pub fn in_doubt(&self) -> &BTreeMap<String, RoaringBitmap> {
        &self.in_doubt
    }

    /// Those that failed, by cause.
    pub fn failed(&self) -> &BTreeMap<String, RoaringBitmap> {
        &self.failed
    }

    /// Those whose notice came back, by cause.
    pub fn bounced(&self) -> &BTreeMap<String, RoaringBitmap> {
        &self.bounced
    }

    /// The mailboxes split by how many attempts were made before.
    pub fn by_attempts(&self, mailboxes: &MailboxSet) -> BTreeMap<u32, RoaringBitmap> {
        let mut rest = RoaringBitmap::clone(mailboxes);
        let mut split: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
        for waiting in &self.waiting {
            let these = &waiting.mailboxes & &rest;
            if !these.is_empty() {
                rest -= &these;
                *split.entry(waiting.attempts).or_default() |= these;
            }
        }
        if !rest.is_empty() {
            split.insert(0, rest);
        }
        split
    }

    /// Those that are done with, one way or another: nothing more happens to them by itself.
    fn settled(&self) -> RoaringBitmap {
        let ends = self.failed.values().chain(self.in_doubt.values());
        ends.fold(self.sent.clone(), |all, set| all | set)
    }

    fn claimed(&self) -> RoaringBitmap {
        self.claims.values().fold(RoaringBitmap::new(), |all, claim| all | &claim.mailboxes)
    }

    /// Those that wait for another attempt, due or not.
    fn deferred(&self) -> RoaringBitmap {
        self.waiting.iter().fold(RoaringBitmap::new(), |all, waiting| all | &waiting.mailboxes)
    }

    /// Takes the mailboxes from wherever they stood.
    fn forget(&mut self, mailboxes: &RoaringBitmap) {
        self.sent -= mailboxes;
        let named = self.failed.values_mut().chain(self.in_doubt.values_mut());
        let all = named
            .chain(self.claims.values_mut().map(|claim| &mut claim.mailboxes))
            .chain(self.waiting.iter_mut().map(|waiting| &mut waiting.mailboxes));
        for set in all {
            *set -= mailboxes;
        }
        self.failed.retain(|_, set| !set.is_empty());
        self.in_doubt.retain(|_, set| !set.is_empty());
        self.claims.retain(|_, claim| !claim.mailboxes.is_empty());
        self.waiting.retain(|waiting| !waiting.mailboxes.is_empty());
    }
}
