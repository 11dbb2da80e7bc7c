//! The erasure of what is known of holders as people: who can be erased, who is to be, and who was.
//!
//! Invariants: nobody is erased while something is still due to their mailbox, or while a hold keeps any of
//! it; who was ordered to be erased stays to be until every place has said that it is done, so that a
//! crash in between leaves work and no doubt. Deliberately absent: names, and where they are kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::programme::Rejection;
use crate::state::State;
use crate::{
    Capabilities, ErasureOrdered, Event, Ground, HoldersErased, LogStanding, MailboxSet, Plan,
    civil_date,
};

/// Who was, and who is to be, erased; folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Erasure {
    /// Of whom it was decided, those who are erased included.
    pub(crate) ordered: RoaringBitmap,
    pub(crate) erased: RoaringBitmap,
}

/// What can be asked about erasure.
#[derive(Debug, Clone, PartialEq)]
pub enum ErasureCommand {
    /// The personal data of these are to go. Of many, those go who can; one alone is refused with its reason.
    Order {
        /// On what ground.
        ground: Ground,
        /// Whose.
        mailboxes: RoaringBitmap,
    },
    /// Every place has erased those who were to be.
    Done {
        /// How much, by place.
        places: BTreeMap<String, u64>,
        /// Whose: those who were to be when the places were gone through.
        mailboxes: RoaringBitmap,
    },
}

impl Erasure {
    /// Of whom it was decided.
    pub fn ordered(&self) -> &RoaringBitmap {
        &self.ordered
    }

    /// Whose data are gone from every place.
    pub fn erased(&self) -> &RoaringBitmap {
        &self.erased
    }

    /// Who is still to be erased.
    pub fn pending(&self) -> RoaringBitmap {
        &self.ordered - &self.erased
    }

    /// The next state. Never fails and never decides.
    pub(crate) fn evolve(&mut self, event: &Event) {
        if let Event::ErasureOrdered(event) = event {
            self.ordered |= &*event.mailboxes;
        } else if let Event::HoldersErased(event) = event {
            self.erased |= &*event.mailboxes;
        }
    }
}

impl State {
    /// What a command about erasure leads to. Its events are for the programme's stream of erasures, at the
    /// version they were decided at.
    pub fn decide_erasure(
        &self,
        command: ErasureCommand,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        match command {
            ErasureCommand::Order { ground, mailboxes } => self.order(ground, &mailboxes, now),
            ErasureCommand::Done { places, mailboxes } => {
                let these = mailboxes & self.erasure.pending();
                if these.is_empty() {
                    return Ok(Vec::new());
                }
                let mailboxes = MailboxSet::from(these);
                Ok(vec![Event::HoldersErased(HoldersErased { places, mailboxes })])
            }
        }
    }

    /// Has the last phase of the plan completed?
    pub fn has_ended(&self) -> bool {
        let last = self.plan().and_then(|plan| plan.phases.last());
        let last = last.and_then(|last| self.phases.get(&last.id));
        last.is_some_and(|last| last.completed.is_some())
    }

    fn order(
        &self,
        ground: Ground,
        mailboxes: &RoaringBitmap,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        let Some(plan) = self.plan() else {
            return Rejection::because("the programme has no plan yet; adopt one first");
        };
        if ground == Ground::End
            && let Some(last) = plan.phases.last()
            && !self.has_ended()
        {
            let last = &last.id;
            return Rejection::because(format!(
                "the programme has not ended: its last phase, {last}, has not completed; name a \
                 mailbox whose holder asks for it"
            ));
        }
        let new = &(mailboxes & self.rights.registered()) - &self.erasure.ordered;
        let mut these = new.clone();
        for (_, kept) in self.kept(plan, now) {
            these -= kept;
        }
        if !these.is_empty() {
            let mailboxes = MailboxSet::from(these);
            return Ok(vec![Event::ErasureOrdered(ErasureOrdered { ground, mailboxes })]);
        }
        let Some(number) = mailboxes.min().filter(|_| mailboxes.len() == 1) else {
            return Ok(Vec::new());
        };
        if !self.rights.registered().contains(number) {
            return Rejection::because("no such mailbox is registered");
        }
        match self.kept(plan, now).into_iter().find(|(_, kept)| kept.contains(number)) {
            Some((why, _)) if new.contains(number) => Rejection::because(why),
            _ => Ok(Vec::new()),
        }
    }

    /// Who can't be erased now, and why.
    fn kept(&self, plan: &Plan, now: DateTime<Utc>) -> Vec<(&'static str, RoaringBitmap)> {
        let rights = &self.rights;
        let today = civil_date(now, plan.zone);
        let held = rights.holds().values().filter(|hold| hold.is_in_force_on(today));
        let open = Capabilities::OF_PLATFORM.iter().map(|capability| rights.open(capability));
        let vouchers = &self.vouchers;
        let waiting = self.log_requests.open().values().filter(|request| {
            !matches!(request.standing, LogStanding::Prepared { delivered: true, .. })
        });
        vec![
            (
                "a request for the log of its messages waits; serve or refuse it first",
                waiting.map(|request| request.number).collect(),
            ),
            ("a hold keeps the mailbox; release it first", held.map(|hold| hold.number).collect()),
            (
                "the mailbox may still be activated; let its holder withdraw it first",
                rights.pending(),
            ),
            (
                "the mailbox is still open on the platform; let its holder withdraw it, and wait until \
                 it is closed",
                open.fold(RoaringBitmap::new(), |all, open| all | open),
            ),
            (
                "a request for its log is open; serve or refuse it, and let its link end (`tramonto logs expire` \
                 ends those that have had their time)",
                self.log_requests.open().values().map(|open| open.number).collect(),
            ),
            (
                "a request for its voucher waits; grant or refuse it first",
                if plan.allowed_at(now).contains(crate::Capability::RequestVoucher) {
                    vouchers.requested().clone()
                } else {
                    RoaringBitmap::new()
                },
            ),
            (
                "the code of its voucher was not handed over; hand it over, or revoke the voucher first",
                vouchers.valid() - vouchers.delivered(),
            ),
        ]
    }
}
