//! What became of the vouchers, in numbers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{ProviderId, State, VoucherMonth, reminders_waiting};
use serde::Serialize;

/// The vouchers of a programme, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Requests that wait.
    pub requested: u64,
    /// Those of them of whom it is sure who asked.
    pub verified: u64,
    /// Whose last request was refused.
    pub refused: u64,
    /// Granted, ever.
    pub issued: u64,
    /// Of these, those whose present code was handed over.
    pub delivered: u64,
    /// Of these, redeemed.
    pub redeemed: u64,
    /// Of these, not redeemed in time.
    pub expired: u64,
    /// Of these, taken back.
    pub revoked: u64,
    /// Of these, those that can be redeemed.
    pub valid: u64,
    /// Reminders that were claimed for letters, ever.
    pub reminders: u64,
    /// The round of reminders that came by the plan, was not claimed yet, and has somebody to remind.
    pub reminders_due: Option<DateTime<Utc>>,
    /// How many it would remind.
    pub reminders_waiting: u64,
    /// How many the plan grants at most; absent where it sets no limit.
    pub limit: Option<u64>,
    /// How many are left of the limit.
    pub left: Option<u64>,
    /// What was granted and what ended, by month.
    pub months: Vec<Month>,
    /// Redemptions, by provider and month.
    pub redemptions: Vec<ProviderMonth>,
}

/// What became of vouchers in one month. A voucher is not a provider's until it is redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Month {
    /// The month of the civil day, e.g. `2015-04`.
    pub month: String,
    /// Granted.
    pub issued: u64,
    /// Redeemed, by whichever provider.
    pub redeemed: u64,
    /// Not redeemed in time.
    pub expired: u64,
    /// Taken back.
    pub revoked: u64,
}

/// What one provider redeemed in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderMonth {
    /// Who.
    pub provider: ProviderId,
    /// The month of the civil day, e.g. `2015-04`.
    pub month: String,
    /// How many.
    pub redeemed: u64,
}

impl Report {
    /// What is known of them at an instant.
    pub fn known(state: &State, now: DateTime<Utc>) -> Self {
        let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
        let (vouchers, limit) = (&state.vouchers, rules.and_then(|rules| rules.max_issued));
        let mut providers: BTreeMap<(&ProviderId, String), u64> = BTreeMap::new();
        let mut redeemed: BTreeMap<String, u64> = BTreeMap::new();
        for ((provider, on), set) in vouchers.redeemed() {
            let month = on.format("%Y-%m").to_string();
            *redeemed.entry(month.clone()).or_default() += set.len();
            *providers.entry((provider, month)).or_default() += set.len();
        }
        let issued = vouchers.issued().len();
        let round = reminders_waiting(state, now);
        let provider = |((provider, month), redeemed): ((&ProviderId, String), u64)| {
            ProviderMonth { provider: provider.clone(), month, redeemed }
        };
        let months: BTreeSet<&String> = vouchers.months().keys().chain(redeemed.keys()).collect();
        let month = |month: &String| {
            let counted = vouchers.months().get(month).copied().unwrap_or_default();
            let VoucherMonth { issued, expired, revoked } = counted;
            let redeemed = redeemed.get(month).copied().unwrap_or(0);
            Month { month: month.clone(), issued, redeemed, expired, revoked }
        };
        Self {
            requested: vouchers.requested().len(),
            verified: vouchers.verified().len(),
            refused: vouchers.refused().len(),
            issued,
            delivered: vouchers.delivered().len(),
            redeemed: vouchers.redeemed().values().map(roaring::RoaringBitmap::len).sum(),
            expired: vouchers.expired().len(),
            revoked: vouchers.revoked().len(),
            valid: vouchers.valid().len(),
            reminders: vouchers.reminders().iter().map(|round| round.mailboxes.len()).sum(),
            reminders_due: round.map(|(due, _)| due),
            reminders_waiting: round.map_or(0, |(_, many)| many),
            limit,
            left: limit.map(|limit| limit.saturating_sub(issued)),
            months: months.into_iter().map(month).collect(),
            redemptions: providers.into_iter().map(provider).collect(),
        }
    }
}
