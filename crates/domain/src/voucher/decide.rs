//! Commands about vouchers and their decisions.
//!
//! A command about one holder is rejected with its reason. A command about many skips ineligible
//! mailboxes. A repeated command yields no event.

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;

use super::free_through;
use crate::{
    Capability, Eligible, Event, MailboxSet, Plan, ProviderId, Rejection, State, Verification,
    VoucherRedeemed, VoucherReissued, VoucherRevoked, VoucherRules, VoucherStanding, Vouchers,
    VouchersDelivered, VouchersExpired, VouchersIssued, VouchersRefused, VouchersRequested,
    VouchersVerified, civil_date,
};

/// A command about vouchers.
#[derive(Debug, Clone, PartialEq)]
pub enum VoucherCommand {
    /// Record requests.
    Request {
        /// The mailboxes.
        mailboxes: RoaringBitmap,
        /// Mailboxes requested before the plan's `registered-before`, according to the registry.
        requested_in_time: RoaringBitmap,
    },
    /// Record that requesters were verified.
    Verify {
        /// The mailboxes.
        mailboxes: RoaringBitmap,
        /// How they were verified.
        proof: Verification,
    },
    /// Refuse pending requests.
    Refuse {
        /// The mailboxes.
        mailboxes: RoaringBitmap,
        /// Why, as a short code.
        cause: String,
    },
    /// Issue vouchers for verified requests, by ascending number up to the plan's limit.
    Issue {
        /// The mailboxes.
        mailboxes: RoaringBitmap,
    },
    /// Record that codes were delivered.
    Deliver {
        /// The mailboxes.
        mailboxes: RoaringBitmap,
    },
    /// Redeem a voucher.
    Redeem {
        /// The mailbox of the voucher.
        number: u32,
        /// The number of the presented code.
        issue: u32,
        /// The provider that opens the mailbox.
        provider: ProviderId,
    },
    /// Expire vouchers that were not redeemed in time.
    Expire,
    /// Claim a round of reminders.
    Remind {
        /// The instant of the round.
        scheduled_for: DateTime<Utc>,
    },
    /// Revoke a voucher.
    Revoke {
        /// The mailbox.
        number: u32,
    },
    /// Replace a lost code.
    Reissue {
        /// The mailbox.
        number: u32,
    },
}

/// A state at an instant, with the plan's rules for vouchers.
pub(super) struct Case<'a> {
    pub(super) state: &'a State,
    pub(super) vouchers: &'a Vouchers,
    pub(super) plan: &'a Plan,
    pub(super) rules: &'a VoucherRules,
    pub(super) now: DateTime<Utc>,
    pub(super) today: NaiveDate,
}

pub(super) type Decided = Result<Vec<Event>, Rejection>;

/// Why an erased holder gets no voucher.
const ERASED: &str = "the holder's personal data were erased: no voucher can be delivered";
const HAD_ONE: &str = "the holder has had a voucher; each holder gets one, ever";
const NO_REQUEST: &str = "the mailbox has no pending voucher request; record one first";

impl State {
    /// Decides a command about vouchers. The events belong to the programme's voucher stream, at
    /// the version of the decision.
    pub fn decide_voucher(&self, command: VoucherCommand, now: DateTime<Utc>) -> Decided {
        let plan = self.adopted_plan()?;
        match &plan.vouchers {
            Some(rules) => Case::new(self, plan, rules, now).decide(command),
            None => Rejection::because("the plan does not provide for vouchers"),
        }
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(
        state: &'a State,
        plan: &'a Plan,
        rules: &'a VoucherRules,
        now: DateTime<Utc>,
    ) -> Self {
        let today = civil_date(now, plan.zone);
        Self { state, vouchers: &state.vouchers, plan, rules, now, today }
    }

    fn decide(&self, command: VoucherCommand) -> Decided {
        let vouchers = self.vouchers;
        match command {
            VoucherCommand::Request { mailboxes, requested_in_time } => {
                self.request(&mailboxes, &requested_in_time)
            }
            VoucherCommand::Verify { mailboxes, proof } => {
                let these = &(&mailboxes & &vouchers.requested) - &vouchers.verified;
                let done = vouchers.verified.is_superset(&mailboxes);
                let event = |mailboxes| VouchersVerified { proof, mailboxes };
                self.pending(&mailboxes, these, done, |set| Event::VouchersVerified(event(set)))
            }
            VoucherCommand::Refuse { mailboxes, cause } => {
                let done = vouchers.refused.is_superset(&mailboxes);
                let these = &mailboxes & &vouchers.requested;
                let event = |mailboxes| VouchersRefused { cause: cause.clone(), mailboxes };
                self.pending(&mailboxes, these, done, |set| Event::VouchersRefused(event(set)))
            }
            VoucherCommand::Issue { mailboxes } => self.issue(&mailboxes),
            VoucherCommand::Deliver { mailboxes } => {
                let these = &(&mailboxes & vouchers.valid()) - &vouchers.delivered;
                let event = |mailboxes| Event::VouchersDelivered(VouchersDelivered { mailboxes });
                Ok(some(these).map(event).into_iter().collect())
            }
            VoucherCommand::Redeem { number, issue, provider } => {
                self.redeem(number, issue, provider)
            }
            VoucherCommand::Expire => {
                let Some(redeem_by) = self.rules.redeem_by.filter(|last| self.today > *last) else {
                    return Ok(Vec::new());
                };
                let event =
                    |mailboxes| Event::VouchersExpired(VouchersExpired { redeem_by, mailboxes });
                Ok(some(vouchers.valid()).map(event).into_iter().collect())
            }
            VoucherCommand::Remind { scheduled_for } => self.remind(scheduled_for),
            VoucherCommand::Revoke { number } if vouchers.revoked.contains(number) => {
                Ok(Vec::new())
            }
            VoucherCommand::Revoke { number } => {
                self.must_be_valid(number)?;
                Ok(vec![Event::VoucherRevoked(VoucherRevoked { number })])
            }
            VoucherCommand::Reissue { number } => {
                self.must_be_valid(number)?;
                self.in_time()?;
                let issue = vouchers.issue_of(number).saturating_add(1);
                Ok(vec![Event::VoucherReissued(VoucherReissued { number, issue })])
            }
        }
    }

    fn request(&self, mailboxes: &RoaringBitmap, requested_in_time: &RoaringBitmap) -> Decided {
        let Self { rules, vouchers, .. } = self;
        if vouchers.requested.is_superset(mailboxes) {
            // A request repeated after the last day was made in time.
            return Ok(Vec::new());
        }
        self.window()?;
        if let Some(why) = rules.too_late_to_ask(self.today) {
            return Rejection::because(why);
        }
        let (rights, erased) = (&self.state.rights, &self.state.erasure.ordered);
        let mut these = &(mailboxes & &rights.registered) - &rights.withdrawn;
        these -= erased;
        these &= requested_in_time;
        if rules.eligible == Eligible::Activated {
            these &= &rights.activated;
        }
        these -= &vouchers.issued;
        these -= &vouchers.requested;
        if let Some(mailboxes) = some(these) {
            return Ok(vec![Event::VouchersRequested(VouchersRequested { mailboxes })]);
        }
        let Some(number) = only(mailboxes) else { return Ok(Vec::new()) };
        if vouchers.issued.contains(number) {
            return Rejection::because(HAD_ONE);
        }
        if erased.contains(number) {
            return Rejection::because(ERASED);
        }
        match rules.ineligible(rights.lifecycle(number), requested_in_time.contains(number)) {
            Some(why) => Rejection::because(why),
            None => Ok(Vec::new()),
        }
    }

    /// Decides a command about pending requests: an event for `these`, the mailboxes that it
    /// applies to, or the reason why it applies to none.
    fn pending(
        &self,
        asked: &RoaringBitmap,
        these: RoaringBitmap,
        done: bool,
        event: impl FnOnce(MailboxSet) -> Event,
    ) -> Decided {
        match (some(these), only(asked)) {
            (Some(these), _) => Ok(vec![event(these)]),
            (None, Some(number)) if !done && self.vouchers.issued.contains(number) => {
                Rejection::because("the voucher was already issued")
            }
            (None, Some(_)) if !done => Rejection::because(NO_REQUEST),
            (None, _) => Ok(Vec::new()),
        }
    }

    fn issue(&self, mailboxes: &RoaringBitmap) -> Decided {
        self.window()?;
        self.in_time()?;
        let mut these = self.eligible(mailboxes);
        if these.is_empty() {
            return match only(mailboxes).map(|number| self.vouchers.standing(number)) {
                None => Ok(Vec::new()),
                Some(VoucherStanding::Verified)
                    if !self.state.erasure.ordered.is_disjoint(mailboxes) =>
                {
                    Rejection::because(ERASED)
                }
                Some(VoucherStanding::Verified) => Rejection::because("the mailbox was withdrawn"),
                Some(VoucherStanding::Requested) => Rejection::because(
                    "the requester has not been verified; verify the request first",
                ),
                Some(VoucherStanding::None | VoucherStanding::Refused) => {
                    Rejection::because(NO_REQUEST)
                }
                Some(
                    VoucherStanding::Valid
                    | VoucherStanding::Redeemed { .. }
                    | VoucherStanding::Expired
                    | VoucherStanding::Revoked,
                ) => Rejection::because(HAD_ONE),
            };
        }
        if let Some(limit) = self.rules.max_issued
            && self.limit(&mut these)
            && these.is_empty()
        {
            return Rejection::because(format!("all {limit} vouchers of the plan were issued"));
        }
        let (revision, mailboxes) = (self.state.programme.revision(), MailboxSet::from(these));
        Ok(vec![Event::VouchersIssued(VouchersIssued { revision, mailboxes })])
    }

    fn redeem(&self, number: u32, issue: u32, provider: ProviderId) -> Decided {
        let replaced = issue != self.vouchers.issue_of(number);
        if let VoucherStanding::Redeemed { provider: by, .. } = self.vouchers.standing(number)
            && by == provider
            && !replaced
        {
            return Ok(Vec::new());
        }
        self.must_be_valid(number)?;
        if replaced {
            return Rejection::because("the code was replaced by a newer one");
        }
        self.in_time()?;
        let (on, free_through) = (self.today, free_through(self.today));
        Ok(vec![Event::VoucherRedeemed(VoucherRedeemed {
            number,
            issue,
            provider,
            on,
            free_through,
        })])
    }

    fn must_be_valid(&self, number: u32) -> Result<(), Rejection> {
        match self.vouchers.standing(number) {
            VoucherStanding::Valid => Ok(()),
            VoucherStanding::Redeemed { provider, on } => {
                Rejection::because(format!("the voucher was redeemed by {provider} on {on}"))
            }
            VoucherStanding::Expired => Rejection::because("the voucher has expired"),
            VoucherStanding::Revoked => Rejection::because("the voucher was revoked"),
            VoucherStanding::None
            | VoucherStanding::Requested
            | VoucherStanding::Verified
            | VoucherStanding::Refused => {
                Rejection::because("no voucher was issued for the mailbox")
            }
        }
    }

    /// Does the plan allow vouchers now?
    pub(super) fn window(&self) -> Result<(), Rejection> {
        let (plan, voucher) = (self.plan, Capability::RequestVoucher);
        if plan.allowed_at(self.now).contains(voucher) {
            return Ok(());
        }
        let mut upcoming = plan.phases.iter().skip(plan.due(self.now).end);
        match upcoming.find(|phase| phase.allows.contains(voucher)) {
            Some(phase) => {
                Rejection::because(format!("vouchers can be requested from {} on", phase.from))
            }
            None => Rejection::because("vouchers can no longer be requested"),
        }
    }

    /// Can vouchers still be redeemed?
    pub(super) fn in_time(&self) -> Result<(), Rejection> {
        match self.rules.redeem_by.filter(|last| self.today > *last) {
            Some(last) => {
                Rejection::because(format!("the last day to redeem a voucher was {last}"))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn some(set: RoaringBitmap) -> Option<MailboxSet> {
    (!set.is_empty()).then(|| MailboxSet::from(set))
}

fn only(set: &RoaringBitmap) -> Option<u32> {
    set.min().filter(|_| set.len() == 1)
}
