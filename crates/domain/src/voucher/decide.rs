//! Commands about vouchers and their decisions.
//!
//! A command about one holder is rejected with its reason. A command about many skips ineligible
//! mailboxes. A repeated command yields no event.

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;

use super::{VoucherStanding, Vouchers, free_through};
use crate::programme::Rejection;
use crate::rights::Rights;
use crate::{
    Capability, Eligible, Event, Lifecycle, MailboxSet, Plan, ProviderId, Verification,
    VoucherRedeemed, VoucherReissued, VoucherRevoked, VoucherRules, VouchersDelivered,
    VouchersExpired, VouchersIssued, VouchersRefused, VouchersRequested, VouchersVerified,
    civil_date,
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

/// The state that a decision depends on, beside the vouchers.
pub(crate) struct VoucherContext<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) revision: u32,
    pub(crate) rights: &'a Rights,
    /// Mailboxes with an ordered erasure.
    pub(crate) erased: &'a RoaringBitmap,
    pub(crate) now: DateTime<Utc>,
}

type Decided = Result<Vec<Event>, Rejection>;

/// Why an erased holder gets no voucher.
const ERASED: &str = "the holder's personal data were erased: no voucher can be delivered";
const HAD_ONE: &str = "the holder has had a voucher; each holder gets one, ever";
const NO_REQUEST: &str = "the mailbox has no pending voucher request; record one first";

impl Vouchers {
    /// Decides a command.
    pub(crate) fn decide(&self, command: VoucherCommand, context: &VoucherContext<'_>) -> Decided {
        let Some(rules) = &context.plan.vouchers else {
            return Rejection::because("the plan does not provide for vouchers");
        };
        let today = civil_date(context.now, context.plan.zone);
        match command {
            VoucherCommand::Request { mailboxes, requested_in_time } => {
                self.request(&mailboxes, &requested_in_time, rules, context)
            }
            VoucherCommand::Verify { mailboxes, proof } => {
                let these = &(&mailboxes & &self.requested) - &self.verified;
                let done = self.verified.is_superset(&mailboxes);
                let event = |mailboxes| VouchersVerified { proof, mailboxes };
                self.pending(&mailboxes, these, done, |set| Event::VouchersVerified(event(set)))
            }
            VoucherCommand::Refuse { mailboxes, cause } => {
                let done = self.refused.is_superset(&mailboxes);
                let these = &mailboxes & &self.requested;
                let event = |mailboxes| VouchersRefused { cause: cause.clone(), mailboxes };
                self.pending(&mailboxes, these, done, |set| Event::VouchersRefused(event(set)))
            }
            VoucherCommand::Issue { mailboxes } => self.issue(&mailboxes, rules, today, context),
            VoucherCommand::Deliver { mailboxes } => {
                let these = &(&mailboxes & self.valid()) - &self.delivered;
                let event = |mailboxes| Event::VouchersDelivered(VouchersDelivered { mailboxes });
                Ok(some(these).map(event).into_iter().collect())
            }
            VoucherCommand::Redeem { number, issue, provider } => {
                self.redeem(number, issue, provider, rules, today)
            }
            VoucherCommand::Expire => {
                let Some(redeem_by) = rules.redeem_by.filter(|last| today > *last) else {
                    return Ok(Vec::new());
                };
                let event =
                    |mailboxes| Event::VouchersExpired(VouchersExpired { redeem_by, mailboxes });
                Ok(some(self.valid()).map(event).into_iter().collect())
            }
            VoucherCommand::Remind { scheduled_for } => self.remind(scheduled_for, rules, context),
            VoucherCommand::Revoke { number } if self.revoked.contains(number) => Ok(Vec::new()),
            VoucherCommand::Revoke { number } => {
                self.must_be_valid(number)?;
                Ok(vec![Event::VoucherRevoked(VoucherRevoked { number })])
            }
            VoucherCommand::Reissue { number } => {
                self.must_be_valid(number)?;
                in_time(rules, today)?;
                let issue = self.issue_of(number).saturating_add(1);
                Ok(vec![Event::VoucherReissued(VoucherReissued { number, issue })])
            }
        }
    }

    fn request(
        &self,
        mailboxes: &RoaringBitmap,
        requested_in_time: &RoaringBitmap,
        rules: &VoucherRules,
        context: &VoucherContext<'_>,
    ) -> Decided {
        if self.requested.is_superset(mailboxes) {
            // A request repeated after the last day was made in time.
            return Ok(Vec::new());
        }
        window(context)?;
        let today = civil_date(context.now, context.plan.zone);
        if let Some(why) = rules.too_late_to_ask(today) {
            return Rejection::because(why);
        }
        let rights = context.rights;
        let mut these = &(mailboxes & rights.registered()) - rights.withdrawn();
        these -= context.erased;
        these &= requested_in_time;
        if rules.eligible == Eligible::Activated {
            these &= rights.activated();
        }
        these -= &self.issued;
        these -= &self.requested;
        if let Some(mailboxes) = some(these) {
            return Ok(vec![Event::VouchersRequested(VouchersRequested { mailboxes })]);
        }
        let Some(number) = only(mailboxes) else { return Ok(Vec::new()) };
        if self.issued.contains(number) {
            return Rejection::because(HAD_ONE);
        }
        if context.erased.contains(number) {
            return Rejection::because(ERASED);
        }
        match rules.ineligible(lifecycle(rights, number), requested_in_time.contains(number)) {
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
            (None, Some(number)) if !done && self.issued.contains(number) => {
                Rejection::because("the voucher was already issued")
            }
            (None, Some(_)) if !done => Rejection::because(NO_REQUEST),
            (None, _) => Ok(Vec::new()),
        }
    }

    fn issue(
        &self,
        mailboxes: &RoaringBitmap,
        rules: &VoucherRules,
        today: NaiveDate,
        context: &VoucherContext<'_>,
    ) -> Decided {
        window(context)?;
        in_time(rules, today)?;
        let mut these = self.eligible(mailboxes, context);
        if these.is_empty() {
            return match only(mailboxes).map(|number| self.standing(number)) {
                None => Ok(Vec::new()),
                Some(VoucherStanding::Verified) if !context.erased.is_disjoint(mailboxes) => {
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
        if let Some(limit) = rules.max_issued
            && self.limit(&mut these, rules)
            && these.is_empty()
        {
            return Rejection::because(format!("all {limit} vouchers of the plan were issued"));
        }
        let (revision, mailboxes) = (context.revision, MailboxSet::from(these));
        Ok(vec![Event::VouchersIssued(VouchersIssued { revision, mailboxes })])
    }

    fn redeem(
        &self,
        number: u32,
        issue: u32,
        provider: ProviderId,
        rules: &VoucherRules,
        today: NaiveDate,
    ) -> Decided {
        let replaced = issue != self.issue_of(number);
        if let VoucherStanding::Redeemed { provider: by, .. } = self.standing(number)
            && by == provider
            && !replaced
        {
            return Ok(Vec::new());
        }
        self.must_be_valid(number)?;
        if replaced {
            return Rejection::because("the code was replaced by a newer one");
        }
        in_time(rules, today)?;
        let free_through = free_through(today);
        Ok(vec![Event::VoucherRedeemed(VoucherRedeemed {
            number,
            issue,
            provider,
            on: today,
            free_through,
        })])
    }

    fn must_be_valid(&self, number: u32) -> Result<(), Rejection> {
        match self.standing(number) {
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
}

/// The lifecycle of a mailbox; a lapsed registration counts as registered here.
fn lifecycle(rights: &Rights, number: u32) -> Lifecycle {
    if rights.withdrawn().contains(number) {
        Lifecycle::Withdrawn
    } else if rights.activated().contains(number) {
        Lifecycle::Activated
    } else if rights.registered().contains(number) {
        Lifecycle::Registered
    } else {
        Lifecycle::Unknown
    }
}

/// Does the plan allow vouchers now?
pub(super) fn window(context: &VoucherContext<'_>) -> Result<(), Rejection> {
    let (plan, voucher) = (context.plan, Capability::RequestVoucher);
    if plan.allowed_at(context.now).contains(voucher) {
        return Ok(());
    }
    let mut upcoming = plan.phases.iter().skip(plan.due(context.now).end);
    match upcoming.find(|phase| phase.allows.contains(voucher)) {
        Some(phase) => {
            Rejection::because(format!("vouchers can be requested from {} on", phase.from))
        }
        None => Rejection::because("vouchers can no longer be requested"),
    }
}

pub(super) fn in_time(rules: &VoucherRules, today: NaiveDate) -> Result<(), Rejection> {
    match rules.redeem_by.filter(|last| today > *last) {
        Some(last) => Rejection::because(format!("the last day to redeem a voucher was {last}")),
        None => Ok(()),
    }
}

pub(super) fn some(set: RoaringBitmap) -> Option<MailboxSet> {
    (!set.is_empty()).then(|| MailboxSet::from(set))
}

fn only(set: &RoaringBitmap) -> Option<u32> {
    set.min().filter(|_| set.len() == 1)
}
