//! Vouchers counted by outcome, month and provider.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{ProviderId, State, VoucherMonth, reminders_waiting};
use serde::Serialize;

/// The number of vouchers of a programme, by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Pending requests, including those verified.
    pub requested: u64,
    /// Pending requests whose requester was verified.
    pub verified: u64,
    /// Mailboxes whose last request was refused.
    pub refused: u64,
    /// Issued vouchers.
    pub issued: u64,
    /// Issued vouchers whose current code was delivered.
    pub delivered: u64,
    /// Issued vouchers that were redeemed.
    pub redeemed: u64,
    /// Issued vouchers that expired.
    pub expired: u64,
    /// Issued vouchers that were revoked.
    pub revoked: u64,
    /// Issued vouchers that can still be redeemed.
    pub valid: u64,
    /// Reminders claimed so far.
    pub reminders: u64,
    /// The instant of the round of reminders that is due and has holders to remind.
    pub reminders_due: Option<DateTime<Utc>>,
    /// Holders in the round that is due.
    pub reminders_waiting: u64,
    /// The plan's limit, if it has one.
    pub limit: Option<u64>,
    /// Vouchers left below the limit.
    pub left: Option<u64>,
    /// Vouchers by month.
    pub months: Vec<Month>,
    /// Redemptions, by provider and month.
    pub redemptions: Vec<ProviderMonth>,
}

/// The vouchers of one month. Only redemptions have a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Month {
    /// The month of the civil day, e.g. `2015-04`.
    pub month: String,
    /// Issued.
    pub issued: u64,
    /// Redeemed, by any provider.
    pub redeemed: u64,
    /// Expired.
    pub expired: u64,
    /// Revoked.
    pub revoked: u64,
}

/// The redemptions of one provider in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderMonth {
    /// The provider.
    pub provider: ProviderId,
    /// The month of the civil day, e.g. `2015-04`.
    pub month: String,
    /// Redeemed vouchers.
    pub redeemed: u64,
}

impl Report {
    /// Counts the vouchers of a state.
    pub fn of(state: &State, now: DateTime<Utc>) -> Self {
        let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
        let (vouchers, limit) = (&state.vouchers, rules.and_then(|rules| rules.max_issued));
        let mut providers: BTreeMap<(&ProviderId, String), u64> = BTreeMap::new();
        let mut redeemed: BTreeMap<String, u64> = BTreeMap::new();
        for ((provider, on), set) in &vouchers.redeemed {
            let month = on.format("%Y-%m").to_string();
            *redeemed.entry(month.clone()).or_default() += set.len();
            *providers.entry((provider, month)).or_default() += set.len();
        }
        let issued = vouchers.issued.len();
        let round = reminders_waiting(state, now);
        let provider = |((provider, month), redeemed): ((&ProviderId, String), u64)| {
            ProviderMonth { provider: provider.clone(), month, redeemed }
        };
        let months: BTreeSet<&String> = vouchers.months.keys().chain(redeemed.keys()).collect();
        let month = |month: &String| {
            let counted = vouchers.months.get(month).copied().unwrap_or_default();
            let VoucherMonth { issued, expired, revoked } = counted;
            let redeemed = redeemed.get(month).copied().unwrap_or(0);
            Month { month: month.clone(), issued, redeemed, expired, revoked }
        };
        Self {
            requested: vouchers.requested.len(),
            verified: vouchers.verified.len(),
            refused: vouchers.refused.len(),
            issued,
            delivered: vouchers.delivered.len(),
            redeemed: vouchers.redeemed.values().map(roaring::RoaringBitmap::len).sum(),
            expired: vouchers.expired.len(),
            revoked: vouchers.revoked.len(),
            valid: vouchers.valid().len(),
            reminders: vouchers.reminders.iter().map(|round| round.mailboxes.len()).sum(),
            reminders_due: round.map(|(due, _)| due),
            reminders_waiting: round.map_or(0, |(_, count)| count),
            limit,
            left: limit.map(|limit| limit.saturating_sub(issued)),
            months: months.into_iter().map(month).collect(),
            redemptions: providers.into_iter().map(provider).collect(),
        }
    }
}
