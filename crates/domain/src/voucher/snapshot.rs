//! The vouchers' part of a snapshot: named sets and a header, see [`State`](crate::State).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::causes::{Causes, CausesRest};
use super::{ReminderRound, VoucherMonth, Vouchers};
use crate::ProviderId;

/// The vouchers without their sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VouchersHeader {
    redeemed: Vec<(ProviderId, NaiveDate)>,
    reissued: BTreeMap<u32, u32>,
    months: BTreeMap<String, VoucherMonth>,
    delivered_on: Vec<NaiveDate>,
    reminders: Vec<(DateTime<Utc>, NaiveDate)>,
    causes: CausesRest,
}

fn redeemed_name(provider: &ProviderId, on: NaiveDate) -> String {
    format!("voucher/redeemed/{provider}/{on}")
}

fn delivered_name(on: NaiveDate) -> String {
    format!("voucher/delivered-on/{on}")
}

fn reminders_name(round: usize) -> String {
    format!("voucher/reminders/{round}")
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
        let delivered_on = self.delivered_on.iter().map(|(on, set)| (delivered_name(*on), set));
        let rounds = self.reminders.iter().enumerate();
        named
            .chain(redeemed.map(|((provider, on), set)| (redeemed_name(provider, *on), set)))
            .chain(delivered_on)
            .chain(rounds.map(|(round, claimed)| (reminders_name(round), &claimed.mailboxes)))
            .chain(self.causes.sets())
    }

    pub(crate) fn header(&self) -> VouchersHeader {
        VouchersHeader {
            redeemed: self.redeemed.keys().cloned().collect(),
            reissued: self.reissued.clone(),
            months: self.months.clone(),
            delivered_on: self.delivered_on.keys().copied().collect(),
            reminders: self.reminders.iter().map(|it| (it.scheduled_for, it.on)).collect(),
            causes: self.causes.rest(),
        }
    }

    pub(crate) fn from_snapshot(
        header: VouchersHeader,
        mut find: impl FnMut(&str) -> RoaringBitmap,
    ) -> Self {
        let redeemed = header.redeemed.into_iter().map(|(provider, on)| {
            let set = find(&redeemed_name(&provider, on));
            ((provider, on), set)
        });
        let redeemed: BTreeMap<_, RoaringBitmap> = redeemed.collect();
        let delivered_on =
            header.delivered_on.into_iter().map(|on| (on, find(&delivered_name(on)))).collect();
        let reminders = header.reminders.into_iter().enumerate();
        let reminders = reminders.map(|(round, (scheduled_for, on))| ReminderRound {
            scheduled_for,
            on,
            mailboxes: find(&reminders_name(round)),
        });
        let reminders = reminders.collect();
        Self {
            causes: Causes::from_parts(header.causes, &mut find),
            requested: find("voucher/requested"),
            verified: find("voucher/verified"),
            refused: find("voucher/refused"),
            issued: find("voucher/issued"),
            delivered: find("voucher/delivered"),
            expired: find("voucher/expired"),
            revoked: find("voucher/revoked"),
            spent: redeemed.values().fold(RoaringBitmap::new(), |all, set| all | set),
            redeemed,
            reissued: header.reissued,
            months: header.months,
            delivered_on,
            reminders,
        }
    }
}
