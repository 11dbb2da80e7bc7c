//! Erasure of holders' personal data: who is eligible, ordered and erased.
//!
//! Invariants: no holder is erased while something is still due to the mailbox or a hold is in
//! force; an ordered erasure stays pending until every store has confirmed it, so a crash leaves
//! work and no doubt. Deliberately absent: personal data, and where they are stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::{MultiOps, RoaringBitmap};

use crate::{
    Capabilities, Capability, ErasureGround, ErasureOrdered, Event, HoldersErased, LogStanding,
    MailboxSet, Plan, Rejection, State,
};

/// A command about erasure.
#[derive(Debug, Clone, PartialEq)]
pub enum ErasureCommand {
    /// Order erasure. Of several mailboxes the ineligible are skipped; a single one is rejected
    /// with its reason.
    Order {
        /// Why.
        ground: ErasureGround,
        /// The mailboxes.
        mailboxes: RoaringBitmap,
    },
    /// Record that every store has erased the holders' data.
    Done {
        /// Erased records by store.
        places: BTreeMap<String, u64>,
        /// The mailboxes that were pending when the stores erased them.
        mailboxes: RoaringBitmap,
    },
}

impl State {
    /// Decides a command about erasure. The events belong to the programme's erasure stream, at the
    /// version of the decision.
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
        ground: ErasureGround,
        mailboxes: &RoaringBitmap,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        let Some(plan) = self.plan() else {
            return Rejection::because(
                "no plan is adopted; run `tramonto plan adopt FILE --reason TEXT` first",
            );
        };
        if ground == ErasureGround::End
            && let Some(last) = plan.phases.last()
            && !self.has_ended()
        {
            let last = &last.id;
            return Rejection::because(format!(
                "the programme has not ended: its last phase, {last}, has not completed; to erase \
                 a holder on request, name the mailbox"
            ));
        }
        let new = &(mailboxes & &self.rights.registered) - &self.erasure.ordered;
        let mut these = new.clone();
        for (_, ineligible) in self.ineligible(plan, now) {
            these -= ineligible;
        }
        if !these.is_empty() {
            let mailboxes = MailboxSet::from(these);
            return Ok(vec![Event::ErasureOrdered(ErasureOrdered { ground, mailboxes })]);
        }
        let Some(number) = mailboxes.min().filter(|_| mailboxes.len() == 1) else {
            return Ok(Vec::new());
        };
        if !self.rights.registered.contains(number) {
            return Rejection::because("the mailbox is not registered");
        }
        match self.ineligible(plan, now).into_iter().find(|(_, set)| set.contains(number)) {
            Some((why, _)) if new.contains(number) => Rejection::because(why),
            _ => Ok(Vec::new()),
        }
    }

    /// Mailboxes that are not eligible for erasure now, by reason.
    fn ineligible(&self, plan: &Plan, now: DateTime<Utc>) -> Vec<(&'static str, RoaringBitmap)> {
        let rights = &self.rights;
        let open = Capabilities::OF_PLATFORM.iter().map(|capability| rights.open(capability));
        let vouchers = &self.vouchers;
        let waiting = self.log_requests.open.values().filter(|request| {
            !matches!(request.standing, LogStanding::Prepared { delivered: true, .. })
        });
        vec![
            (
                "the mailbox has an unfinished log request; serve or refuse it first",
                waiting.map(|request| request.number).collect(),
            ),
            (
                "a hold on the mailbox is in force; release it first",
                rights.under_hold(now, plan.zone),
            ),
            (
                "the registration can still be activated; record the holder's withdrawal first",
                rights.pending(),
            ),
            (
                "the mailbox is still open on the platform; record the holder's withdrawal and \
                 wait until the mailbox is closed",
                open.union(),
            ),
            (
                "the link of a message-log export is still valid; wait until it expires, then run \
                 `tramonto log-request expire --reason TEXT`",
                self.log_requests.open.values().map(|open| open.number).collect(),
            ),
            (
                "the mailbox has a pending voucher request; issue or refuse the voucher first",
                if plan.allowed_at(now).contains(Capability::RequestVoucher) {
                    vouchers.requested.clone()
                } else {
                    RoaringBitmap::new()
                },
            ),
            (
                "the voucher's code was not delivered; deliver it or revoke the voucher first",
                vouchers.valid() - &vouchers.delivered,
            ),
        ]
    }
}
