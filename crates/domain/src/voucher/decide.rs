//! What can be asked of the vouchers, and what it leads to.
//!
//! A command about one holder is refused with its reason; of a command about many, those who can are
//! taken and the others left as they are. What is so already is no event.

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;

use super::{VoucherStanding, Vouchers, free_through};
use crate::programme::Rejection;
use crate::rights::Rights;
use crate::{
    Capability, Eligible, Event, Lifecycle, MailboxSet, Plan, Proof, ProviderId, VoucherRedeemed,
    VoucherReissued, VoucherRevoked, VoucherRules, VouchersDelivered, VouchersExpired,
    VouchersIssued, VouchersRefused, VouchersRequested, VouchersVerified, civil_date,
};

/// What can be asked of the vouchers.
#[derive(Debug, Clone, PartialEq)]
pub enum VoucherCommand {
    /// Holders ask for theirs.
    Request {
        /// Who.
        mailboxes: RoaringBitmap,
        /// Whose mailbox was asked for before the plan's `registered-before`, as the registry says.
        asked_in_time: RoaringBitmap,
    },
    /// It is sure who asked.
    Verify {
        /// Whose.
        mailboxes: RoaringBitmap,
        /// How that was made sure.
        proof: Proof,
    },
    /// Requests are turned down.
    Refuse {
        /// Whose.
        mailboxes: RoaringBitmap,
        /// Why, as a short code.
        cause: String,
    },
    /// Verified requests are granted, by ascending number until the plan's limit.
    Issue {
        /// Whose.
        mailboxes: RoaringBitmap,
    },
    /// Codes were handed over.
    Deliver {
        /// Whose.
        mailboxes: RoaringBitmap,
    },
    /// A provider opens the mailbox.
    Redeem {
        /// Whose voucher.
        number: u32,
        /// Which code of it was shown.
        issue: u32,
        /// Who opens the mailbox.
        provider: ProviderId,
    },
    /// What was not redeemed in time ends.
    Expire,
    /// Who did not use theirs is to be reminded.
    Remind {
        /// The instant of the round.
        scheduled_for: DateTime<Utc>,
    },
    /// An operator takes a voucher back.
    Revoke {
        /// Whose.
        number: u32,
    },
    /// A lost code is replaced.
    Reissue {
        /// Whose.
        number: u32,
    },
}

/// What a decision looks at beside the vouchers.
pub(crate) struct Light<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) revision: u32,
    pub(crate) rights: &'a Rights,
    /// Of whom nothing personal is kept, or will be.
    pub(crate) forgotten: &'a RoaringBitmap,
    pub(crate) now: DateTime<Utc>,
}

type Decided = Result<Vec<Event>, Rejection>;

/// Why nothing is granted to who can't be written to any more.
const FORGOTTEN: &str = "its holder was erased: nobody is left to hand a voucher to";

impl Vouchers {
    /// What a command leads to.
    pub(crate) fn decide(&self, command: VoucherCommand, light: &Light<'_>) -> Decided {
        let Some(rules) = &light.plan.vouchers else {
            return Rejection::because("the programme has no vouchers");
        };
        let today = civil_date(light.now, light.plan.zone);
        match command {
            VoucherCommand::Request { mailboxes, asked_in_time } => {
                self.request(&mailboxes, &asked_in_time, rules, light)
            }
            VoucherCommand::Verify { mailboxes, proof } => {
                let these = &(&mailboxes & &self.requested) - &self.verified;
                let known = self.verified.is_superset(&mailboxes);
                let event = |mailboxes| VouchersVerified { proof, mailboxes };
                self.open(&mailboxes, these, known, |set| Event::VouchersVerified(event(set)))
            }
            VoucherCommand::Refuse { mailboxes, cause } => {
                let known = self.refused.is_superset(&mailboxes);
                let these = &mailboxes & &self.requested;
                let event = |mailboxes| VouchersRefused { cause: cause.clone(), mailboxes };
                self.open(&mailboxes, these, known, |set| Event::VouchersRefused(event(set)))
            }
            VoucherCommand::Issue { mailboxes } => self.issue(&mailboxes, rules, today, light),
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
            VoucherCommand::Remind { scheduled_for } => self.remind(scheduled_for, rules, light),
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
        asked_in_time: &RoaringBitmap,
        rules: &VoucherRules,
        light: &Light<'_>,
    ) -> Decided {
        if self.requested.is_superset(mailboxes) {
            // It waits already: what is asked again after the last day was asked in time.
            return Ok(Vec::new());
        }
        window(light)?;
        let today = civil_date(light.now, light.plan.zone);
        if let Some(why) = rules.too_late_to_ask(today) {
            return Rejection::because(why);
        }
        let rights = light.rights;
        let mut these = &(mailboxes & rights.registered()) - rights.withdrawn();
        these -= light.forgotten;
        these &= asked_in_time;
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
            return Rejection::because(
                "its holder has had a voucher; there is one for each holder, ever",
            );
        }
        if light.forgotten.contains(number) {
            return Rejection::because(FORGOTTEN);
        }
        match rules.ineligible(lifecycle(rights, number), asked_in_time.contains(number)) {
            Some(why) => Rejection::because(why),
            None => Ok(Vec::new()),
        }
    }

    /// What concerns requests that wait: an event for those it can be said of, or why there are none.
    fn open(
        &self,
        asked: &RoaringBitmap,
        these: RoaringBitmap,
        known: bool,
        event: impl FnOnce(MailboxSet) -> Event,
    ) -> Decided {
        match (some(these), only(asked)) {
            (Some(these), _) => Ok(vec![event(these)]),
            (None, Some(number)) if !known && self.issued.contains(number) => {
                Rejection::because("the request was granted already")
            }
            (None, Some(_)) if !known => {
                Rejection::because("no request of this mailbox waits; record one first")
            }
            (None, _) => Ok(Vec::new()),
        }
    }

    fn issue(
        &self,
        mailboxes: &RoaringBitmap,
        rules: &VoucherRules,
        today: NaiveDate,
        light: &Light<'_>,
    ) -> Decided {
        window(light)?;
        in_time(rules, today)?;
        let mut these = &(mailboxes & &self.verified) - light.rights.withdrawn();
        these -= light.forgotten;
        these -= &self.issued;
        if these.is_empty() {
            return match only(mailboxes).map(|number| self.standing(number)) {
                None => Ok(Vec::new()),
                Some(VoucherStanding::Verified) if !light.forgotten.is_disjoint(mailboxes) => {
                    Rejection::because(FORGOTTEN)
                }
                Some(VoucherStanding::Verified) => {
                    Rejection::because("the mailbox was given up by its holder")
                }
                Some(VoucherStanding::Requested) => {
                    Rejection::because("it is not sure yet who asked; verify the request first")
                }
                Some(VoucherStanding::None | VoucherStanding::Refused) => {
                    Rejection::because("no request of this mailbox waits; record one first")
                }
                Some(
                    VoucherStanding::Valid
                    | VoucherStanding::Redeemed { .. }
                    | VoucherStanding::Expired
                    | VoucherStanding::Revoked,
                ) => Rejection::because(
                    "its holder has had a voucher; there is one for each holder, ever",
                ),
            };
        }
        if let Some(limit) = rules.max_issued {
            let left = limit.saturating_sub(self.issued.len());
            if left == 0 {
                return Rejection::because(format!("all {limit} vouchers of the plan are issued"));
            }
            these.remove_biggest(these.len().saturating_sub(left));
        }
        let (revision, mailboxes) = (light.revision, MailboxSet::from(these));
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
            return Rejection::because("this code was replaced by a later one");
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
            | VoucherStanding::Refused => Rejection::because("no voucher was issued to it"),
        }
    }
}

/// At which point of its life a mailbox is; one that lapsed is as good as registered here.
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

/// Do the phases let vouchers be granted now?
fn window(light: &Light<'_>) -> Result<(), Rejection> {
    let (plan, voucher) = (light.plan, Capability::RequestVoucher);
    if plan.allowed_at(light.now).contains(voucher) {
        return Ok(());
    }
    let to_come = plan.phases.iter().skip(plan.due(light.now).end);
    match to_come.clone().find(|phase| phase.allows.contains(voucher)) {
        Some(phase) => {
            Rejection::because(format!("vouchers can be asked for from {} on", phase.from))
        }
        None => Rejection::because("vouchers can't be asked for any more"),
    }
}

fn in_time(rules: &VoucherRules, today: NaiveDate) -> Result<(), Rejection> {
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
