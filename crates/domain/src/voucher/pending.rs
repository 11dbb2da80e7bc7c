//! Vouchers that are still to be issued: verified requests less vouchers issued, as a difference of
//! sets.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::Serialize;

use super::decide::{in_time, window};
use super::{VoucherContext, Vouchers};
use crate::failure::Attempted;
use crate::{State, VoucherRules, civil_date};

/// The progress of voucher requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct VoucherProgress {
    /// Open requests whose requester has not been verified.
    pub unverified: u64,
    /// Verified requests not yet processed, including those beyond the plan's limit.
    pub pending: u64,
    /// Verified requests that failed and will be retried.
    pub retrying: u64,
    /// Verified requests that failed permanently; an operator has to act.
    pub failed: u64,
    /// Vouchers issued, ever.
    pub issued: u64,
    /// Vouchers whose present code was delivered.
    pub delivered: u64,
}

impl Vouchers {
    /// Those of these mailboxes that a voucher may be issued to, were there no limit.
    pub(super) fn eligible(
        &self,
        mailboxes: &RoaringBitmap,
        context: &VoucherContext<'_>,
    ) -> RoaringBitmap {
        let verified = &(mailboxes & &self.verified) - context.rights.withdrawn();
        (verified - context.erased) - &self.issued
    }

    /// Removes the mailboxes beyond the plan's limit, the highest numbers first; returns whether
    /// there were any.
    pub(super) fn limit(&self, mailboxes: &mut RoaringBitmap, rules: &VoucherRules) -> bool {
        let Some(limit) = rules.max_issued else { return false };
        let left = limit.saturating_sub(self.issued.len());
        let beyond = mailboxes.len().saturating_sub(left);
        mailboxes.remove_biggest(beyond);
        beyond > 0
    }
}

impl State {
    /// The mailboxes to which a voucher is to be issued now: eligible ones with a verified request,
    /// within the plan's window and limit, except those that wait for another attempt or failed
    /// permanently.
    pub fn vouchers_to_issue(&self, now: DateTime<Utc>) -> RoaringBitmap {
        let none = RoaringBitmap::new;
        let Some(context) =
            self.voucher_context(now).filter(|_| !self.vouchers.verified.is_empty())
        else {
            return none();
        };
        let Some(rules) = &context.plan.vouchers else { return none() };
        let today = civil_date(now, context.plan.zone);
        if window(&context).and_then(|()| in_time(rules, today)).is_err() {
            return none();
        }
        let mut desired = self.vouchers.eligible(&self.vouchers.verified, &context);
        desired -= self.failures.backing_off(Attempted::Vouchers, now);
        desired -= self.failures.failed(Attempted::Vouchers);
        self.vouchers.limit(&mut desired, rules);
        desired
    }

    /// How far requests for vouchers have come.
    pub fn voucher_progress(&self) -> VoucherProgress {
        let Vouchers { requested, verified, issued, delivered, .. } = &*self.vouchers;
        let failed = verified & self.failures.failed(Attempted::Vouchers);
        let retrying = verified & self.failures.retrying(Attempted::Vouchers);
        VoucherProgress {
            unverified: requested.difference_len(verified),
            pending: (verified - &failed).difference_len(&retrying),
            retrying: retrying.len(),
            failed: failed.len(),
            issued: issued.len(),
            delivered: delivered.len(),
        }
    }
}
