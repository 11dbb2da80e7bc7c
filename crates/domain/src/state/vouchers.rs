//! The vouchers of a programme.

mod causes;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::causes::Causes;
use super::snapshot::{Named, named};
use crate::{Event, Plan, ProviderId, civil_date};

/// The vouchers of a programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouchers {
    /// Pending requests: neither issued nor refused.
    #[serde(skip)]
    pub requested: RoaringBitmap,
    /// Pending requests whose requester was verified.
    #[serde(skip)]
    pub verified: RoaringBitmap,
    /// Mailboxes whose last request was refused.
    #[serde(skip)]
    pub refused: RoaringBitmap,
    /// All issued vouchers, whatever their outcome.
    #[serde(skip)]
    pub issued: RoaringBitmap,
    /// Vouchers whose current code was delivered.
    #[serde(skip)]
    pub delivered: RoaringBitmap,
    /// Expired vouchers.
    #[serde(skip)]
    pub expired: RoaringBitmap,
    /// Revoked vouchers.
    #[serde(skip)]
    pub revoked: RoaringBitmap,
    /// Redeemed vouchers by provider and civil day.
    #[serde(with = "super::snapshot::keys")]
    pub redeemed: BTreeMap<(ProviderId, NaiveDate), RoaringBitmap>,
    /// All redeemed vouchers: the union of `redeemed`, for fast lookups.
    #[serde(skip)]
    spent: RoaringBitmap,
    /// The number of the current code of each reissued voucher.
    reissued: BTreeMap<u32, u32>,
    /// Counts by month of the civil day, e.g. `2015-04`.
    pub months: BTreeMap<String, VoucherMonth>,
    /// Vouchers by the civil day of delivery; a reissued voucher is listed under each delivery.
    #[serde(with = "super::snapshot::keys")]
    delivered_on: BTreeMap<NaiveDate, RoaringBitmap>,
    /// Claimed rounds of reminders, oldest first.
    pub reminders: Vec<ReminderRound>,
    /// What led to each open request.
    causes: Causes,
}

/// A claimed round of reminders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReminderRound {
    /// The instant at which it was due.
    pub scheduled_for: DateTime<Utc>,
    /// The civil day of the claim.
    pub on: NaiveDate,
    /// The mailboxes.
    #[serde(skip)]
    pub mailboxes: RoaringBitmap,
}

/// Counts of one month. Redemptions are counted by provider and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherMonth {
    /// Vouchers issued.
    pub issued: u64,
    /// Vouchers expired.
    pub expired: u64,
    /// Vouchers revoked.
    pub revoked: u64,
}

/// The state of one holder's voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoucherStanding {
    /// Not requested.
    None,
    /// Requested.
    Requested,
    /// Requested, and the requester was verified.
    Verified,
    /// The last request was refused.
    Refused,
    /// Issued and redeemable.
    Valid,
    /// Redeemed.
    Redeemed {
        /// The provider that opened the mailbox.
        provider: ProviderId,
        /// The civil day.
        on: NaiveDate,
    },
    /// Not redeemed in time.
    Expired,
    /// Revoked by an operator.
    Revoked,
}

impl Vouchers {
    /// Valid vouchers according to the log.
    pub fn valid(&self) -> RoaringBitmap {
        &(&(&self.issued - &self.expired) - &self.revoked) - &self.spent
    }

    /// The number of the current code; 1 if it was never reissued.
    pub fn issue_of(&self, number: u32) -> u32 {
        self.reissued.get(&number).copied().unwrap_or(1)
    }

    /// The state of one holder's voucher.
    pub fn standing(&self, number: u32) -> VoucherStanding {
        let spent = self.spent.contains(number);
        let mut redeemed = self.redeemed.iter().filter(|_| spent);
        if let Some(((provider, on), _)) = redeemed.find(|(_, set)| set.contains(number)) {
            VoucherStanding::Redeemed { provider: provider.clone(), on: *on }
        } else if self.revoked.contains(number) {
            VoucherStanding::Revoked
        } else if self.expired.contains(number) {
            VoucherStanding::Expired
        } else if self.issued.contains(number) {
            VoucherStanding::Valid
        } else if self.verified.contains(number) {
            VoucherStanding::Verified
        } else if self.requested.contains(number) {
            VoucherStanding::Requested
        } else if self.refused.contains(number) {
            VoucherStanding::Refused
        } else {
            VoucherStanding::None
        }
    }

    /// Vouchers delivered on the latest days, back to the first day that is not of interest.
    pub(crate) fn delivered_while(
        &self,
        of_interest: impl Fn(NaiveDate) -> bool,
    ) -> impl Iterator<Item = &RoaringBitmap> {
        let latest = self.delivered_on.iter().rev();
        latest.take_while(move |(day, _)| of_interest(**day)).map(|(_, delivered)| delivered)
    }

    /// Why the vouchers forbid an amendment to this plan; `None` if they do not.
    pub(crate) fn amendment_problem(&self, next: &Plan, now: DateTime<Utc>) -> Option<String> {
        let issued = self.issued.len();
        let Some(rules) = &next.vouchers else {
            return (issued > 0)
                .then(|| format!("{issued} vouchers are issued; keep the section [vouchers]"));
        };
        if let Some(limit) = rules.max_issued.filter(|limit| *limit < issued) {
            return Some(format!(
                "max-issued = {limit} is less than the {issued} vouchers issued; write {issued} or \
                 more"
            ));
        }
        let today = civil_date(now, next.zone);
        let past = rules.redeem_by.filter(|last| *last < today)?;
        let valid = self.valid().len();
        (valid > 0).then(|| {
            format!(
                "redeem-by = {past} is in the past and would expire {valid} valid vouchers at \
                 once; write {today} or later"
            )
        })
    }

    /// The event that led to the open request of a mailbox: that recorded it or, later, that
    /// verified it.
    pub fn cause_of(&self, number: u32) -> Option<Uuid> {
        self.causes.of(number)
    }

    /// Splits mailboxes with open requests by the event that led to them.
    pub fn by_cause(&self, mailboxes: &RoaringBitmap) -> BTreeMap<Uuid, RoaringBitmap> {
        self.causes.split(mailboxes)
    }

    pub(super) fn add_sets<'a>(&'a mut self, sets: &mut Vec<Named<'a>>) {
        let of_one_kind = [
            ("requested", &mut self.requested),
            ("verified", &mut self.verified),
            ("refused", &mut self.refused),
            ("issued", &mut self.issued),
            ("delivered", &mut self.delivered),
            ("expired", &mut self.expired),
            ("revoked", &mut self.revoked),
            ("spent", &mut self.spent),
        ];
        sets.extend(of_one_kind.map(|(what, set)| (format!("voucher/{what}"), set)));
        for ((provider, on), set) in &mut self.redeemed {
            sets.push((format!("voucher/redeemed/{provider}/{on}"), set));
        }
        for (nth, round) in self.reminders.iter_mut().enumerate() {
            sets.push((format!("voucher/reminders/{nth}"), &mut round.mailboxes));
        }
        sets.extend(named("voucher/delivered-on", &mut self.delivered_on));
        sets.extend(named("voucher/cause", &mut self.causes.sets));
    }

    /// The next state, after an event of this id on a civil day. Never fails and never decides.
    pub(super) fn evolve(&mut self, event: &Event, id: Uuid, on: NaiveDate) {
        if let Event::VouchersRequested(event) = event {
            self.requested |= &*event.mailboxes;
            self.refused -= &*event.mailboxes;
            self.causes.set(&event.mailboxes, id);
        } else if let Event::VouchersVerified(event) = event {
            self.verified |= &*event.mailboxes;
            self.causes.set(&event.mailboxes, id);
        } else if let Event::VouchersRefused(event) = event {
            self.answer(&event.mailboxes);
            self.refused |= &*event.mailboxes;
        } else if let Event::VouchersIssued(event) = event {
            self.answer(&event.mailboxes);
            self.issued |= &*event.mailboxes;
            self.month(on).issued += event.mailboxes.len();
        } else if let Event::VouchersDelivered(event) = event {
            self.delivered |= &*event.mailboxes;
            *self.delivered_on.entry(on).or_default() |= &*event.mailboxes;
        } else if let Event::VoucherRedeemed(event) = event {
            let key = (event.provider.clone(), event.on);
            self.redeemed.entry(key).or_default().insert(event.number);
            self.spent.insert(event.number);
        } else if let Event::VouchersExpired(event) = event {
            self.expired |= &*event.mailboxes;
            self.month(on).expired += event.mailboxes.len();
        } else if let Event::VoucherRevoked(event) = event {
            self.revoked.insert(event.number);
            self.month(on).revoked += 1;
        } else if let Event::VoucherReissued(event) = event {
            self.reissued.insert(event.number, event.issue);
            self.delivered.remove(event.number);
        } else if let Event::VoucherRemindersClaimed(event) = event {
            let (scheduled_for, mailboxes) = (event.scheduled_for, (*event.mailboxes).clone());
            self.reminders.push(ReminderRound { scheduled_for, on, mailboxes });
        }
    }

    /// These requests are not open any more.
    fn answer(&mut self, mailboxes: &RoaringBitmap) {
        self.requested -= mailboxes;
        self.verified -= mailboxes;
        self.causes.remove(mailboxes);
    }

    fn month(&mut self, on: NaiveDate) -> &mut VoucherMonth {
        self.months.entry(on.format("%Y-%m").to_string()).or_default()
    }
}
