//! What became of the vouchers, in numbers.

use std::collections::BTreeMap;

use chrono::Datelike;
use domain::{ProviderId, State};
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
    /// How many the plan grants at most; absent where it sets no limit.
    pub limit: Option<u64>,
    /// How many are left of the limit.
    pub left: Option<u64>,
    /// Redemptions, by provider and month.
    pub redemptions: Vec<ProviderMonth>,
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
    /// What is known of them.
    pub fn known(state: &State) -> Self {
        let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
        let (vouchers, limit) = (&state.vouchers, rules.and_then(|rules| rules.max_issued));
        let mut months: BTreeMap<(&ProviderId, (i32, u32)), u64> = BTreeMap::new();
        for ((provider, on), set) in vouchers.redeemed() {
            *months.entry((provider, (on.year(), on.month()))).or_default() += set.len();
        }
        let issued = vouchers.issued().len();
        let month = |((provider, (year, month)), redeemed): ((&ProviderId, (i32, u32)), u64)| {
            let provider = provider.clone();
            ProviderMonth { provider, month: format!("{year:04}-{month:02}"), redeemed }
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
            limit,
            left: limit.map(|limit| limit.saturating_sub(issued)),
            redemptions: months.into_iter().map(month).collect(),
        }
    }
}
