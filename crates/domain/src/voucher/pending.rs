//! Vouchers that are still to be issued: verified requests less vouchers issued, as a difference of
//! sets.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::Serialize;

use super::decide::Case;
use crate::{Attempted, State};

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

impl Case<'_> {
    /// Those of these mailboxes that a voucher may be issued to, were there no limit.
    pub(super) fn eligible(&self, mailboxes: &RoaringBitmap) -> RoaringBitmap {
        let verified = &(mailboxes & &self.vouchers.verified) - &self.state.rights.withdrawn;
        (verified - &self.state.erasure.ordered) - &self.vouchers.issued
    }

    /// Removes the mailboxes beyond the plan's limit, the highest numbers first; returns whether
    /// there were any.
    pub(super) fn limit(&self, mailboxes: &mut RoaringBitmap) -> bool {
        let Some(limit) = self.rules.max_issued else { return false };
        let left = limit.saturating_sub(self.vouchers.issued.len());
        let beyond = mailboxes.len().saturating_sub(left);
        mailboxes.remove_biggest(beyond);
        beyond > 0
    }

    fn to_issue(&self) -> RoaringBitmap {
        if self.window().and_then(|()| self.in_time()).is_err() {
            return RoaringBitmap::new();
        }
        let failures = &self.state.failures;
        let mut desired = self.eligible(&self.vouchers.verified);
        desired -= failures.backing_off(Attempted::Vouchers, self.now);
        desired -= failures.failed(Attempted::Vouchers);
        self.limit(&mut desired);
        desired
    }
}

impl State {
    /// The mailboxes to which a voucher is to be issued now: eligible ones with a verified request,
    /// within the plan's window and limit, except those that wait for another attempt or failed
    /// permanently.
    pub fn vouchers_to_issue(&self, now: DateTime<Utc>) -> RoaringBitmap {
        let plan = self.plan().filter(|_| !self.vouchers.verified.is_empty());
        let case = plan.and_then(|plan| {
            let rules = plan.vouchers.as_ref()?;
            Some(Case::new(self, plan, rules, now))
        });
        case.map_or_else(RoaringBitmap::new, |case| case.to_issue())
    }

    /// How far requests for vouchers have come.
    pub fn voucher_progress(&self) -> VoucherProgress {
        let (vouchers, verified) = (&self.vouchers, &self.vouchers.verified);
        let failed = verified & self.failures.failed(Attempted::Vouchers);
        let retrying = verified & self.failures.retrying(Attempted::Vouchers);
        VoucherProgress {
            unverified: vouchers.requested.difference_len(verified),
            pending: (verified - &failed).difference_len(&retrying),
            retrying: retrying.len(),
            failed: failed.len(),
            issued: vouchers.issued.len(),
            delivered: vouchers.delivered.len(),
        }
    }
}
