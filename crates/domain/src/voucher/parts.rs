//! The vouchers taken apart into sets by name and the small rest, as [`State`](crate::State) is.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::{VoucherMonth, Vouchers};
use crate::ProviderId;

/// All of the vouchers but their sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VouchersRest {
    redeemed: Vec<(ProviderId, NaiveDate)>,
    reissued: BTreeMap<u32, u32>,
    months: BTreeMap<String, VoucherMonth>,
}

fn redeemed_name(provider: &ProviderId, on: NaiveDate) -> String {
    format!("voucher/redeemed/{provider}/{on}")
}

impl Vouchers {
    pub(crate) fn sets(&self) -> impl Iterator<Item = (String, &RoaringBitmap)> {
        let named = [
            ("requested", &self.requested),
            ("verified", &self.verified),
            ("refused", &self.refused),
            ("issued", &self.issued),
            ("delivered", &self.delivered),
            ("expired", &self.expired),
            ("revoked", &self.revoked),
        ];
        let named = named.into_iter().map(|(name, set)| (format!("voucher/{name}"), set));
        let redeemed = self.redeemed.iter();
        named.chain(redeemed.map(|((provider, on), set)| (redeemed_name(provider, *on), set)))
    }

    pub(crate) fn rest(&self) -> VouchersRest {
        VouchersRest {
            redeemed: self.redeemed.keys().cloned().collect(),
            reissued: self.reissued.clone(),
            months: self.months.clone(),
        }
    }

    pub(crate) fn from_parts(
        rest: VouchersRest,
        mut find: impl FnMut(&str) -> RoaringBitmap,
    ) -> Self {
        let redeemed = rest.redeemed.into_iter().map(|(provider, on)| {
            let set = find(&redeemed_name(&provider, on));
            ((provider, on), set)
        });
        let redeemed = redeemed.collect();
        Self {
            requested: find("voucher/requested"),
            verified: find("voucher/verified"),
            refused: find("voucher/refused"),
            issued: find("voucher/issued"),
            delivered: find("voucher/delivered"),
            expired: find("voucher/expired"),
            revoked: find("voucher/revoked"),
            redeemed,
            reissued: rest.reissued,
            months: rest.months,
        }
    }
}
