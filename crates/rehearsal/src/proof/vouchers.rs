//! Checks the vouchers: none was issued twice, too late, or to an ineligible holder.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};
use domain::{Capability, Eligible, Event, VoucherRedeemed, VoucherRules};
use roaring::RoaringBitmap;

use super::row::Row;

/// What the rows say of vouchers.
#[derive(Default)]
pub(super) struct Granted {
    /// The civil day on which each mailbox was requested, by number.
    asked_on: Vec<Option<NaiveDate>>,
    requested: RoaringBitmap,
    verified: RoaringBitmap,
    issued: RoaringBitmap,
    redeemed: RoaringBitmap,
    /// Expired or revoked ones.
    ended: RoaringBitmap,
    /// The present code of those whose first was replaced.
    replaced: BTreeMap<u32, u32>,
    /// Who was reminded once, twice, and so on.
    reminded: Vec<RoaringBitmap>,
}

impl Granted {
    pub(super) fn issued(&self) -> u64 {
        self.issued.len()
    }

    pub(super) fn redeemed(&self) -> u64 {
        self.redeemed.len()
    }

    /// The day on which a mailbox was requested: rows that come before there is a voucher.
    pub(super) fn know(&mut self, event: &Event) {
        if let Event::MailboxesRegistered(event) = event {
            let days = (event.first..).zip(event.requested_on.iter());
            days.for_each(|(number, day)| self.asked(number, day));
        } else if let Event::RegistrationsCorrected(event) = event {
            let days = event.mailboxes.iter().zip(event.requested_on.iter());
            days.for_each(|(number, day)| self.asked(number, day));
        }
    }

    fn asked(&mut self, number: u32, day: Option<NaiveDate>) {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if self.asked_on.len() <= place {
            self.asked_on.resize(place.saturating_add(1), None);
        }
        if let Some(asked_on) = self.asked_on.get_mut(place) {
            *asked_on = day;
        }
    }

    /// Takes one row about vouchers.
    pub(super) fn add(&mut self, event: &Event, row: &mut Row<'_>) {
        let Some(rules) = row.plan.vouchers.as_deref() else {
            let grants = matches!(event, Event::VouchersIssued(_));
            row.unless(!grants, "issues vouchers under a plan that has none");
            return;
        };
        if let Event::VouchersRequested(event) = event {
            self.request(&event.mailboxes, rules, row);
        } else if let Event::VouchersVerified(event) = event {
            let unasked = &*event.mailboxes - &self.requested;
            row.none(&unasked, "verifies a request that was not made");
            self.verified |= &*event.mailboxes;
        } else if let Event::VouchersRefused(event) = event {
            self.requested -= &*event.mailboxes;
            self.verified -= &*event.mailboxes;
        } else if let Event::VouchersIssued(event) = event {
            self.issue(&event.mailboxes, rules, row);
        } else if let Event::VouchersDelivered(event) = event {
            let unissued = &*event.mailboxes - &self.issued;
            row.none(&unissued, "delivers a code that was not issued");
        } else if let Event::VoucherRedeemed(event) = event {
            self.redeem(event, rules, row);
        } else if let Event::VouchersExpired(event) = event {
            row.none(&(&*event.mailboxes - self.valid()), "ends what could not be redeemed");
            let over = rules.redeem_by.is_some_and(|last| row.day() > last);
            row.unless(over, "ends vouchers before their last day was over");
            self.ended |= &*event.mailboxes;
        } else if let Event::VoucherRemindersClaimed(event) = event {
            self.remind(&event.mailboxes, rules, row);
        } else if let Event::VoucherRevoked(event) = event {
            let valid = self.is_valid(event.number);
            row.unless(valid, "takes back what could not be redeemed");
            self.ended.insert(event.number);
        } else if let Event::VoucherReissued(event) = event {
            let valid = self.is_valid(event.number);
            row.unless(valid, "replaces the code of what could not be redeemed");
            let next = self.present(event.number).saturating_add(1);
            row.unless(event.issue == next, "leaves out a code of a voucher");
            self.replaced.insert(event.number, event.issue);
        }
    }

    fn request(&mut self, mailboxes: &RoaringBitmap, rules: &VoucherRules, row: &mut Row<'_>) {
        let open = row.allowed(Capability::RequestVoucher)
            && rules.last_day.is_none_or(|last| row.day() <= last);
        row.unless(open, "takes requests for vouchers outside their time");
        let late = |number: &u32| {
            let place = usize::try_from(*number).unwrap_or(usize::MAX);
            let day = self.asked_on.get(place).copied().flatten();
            day.is_none_or(|day| day >= rules.registered_before)
        };
        let late: RoaringBitmap = mailboxes.iter().filter(late).collect();
        row.none(&late, "accepts requests for mailboxes that were requested too late");
        if rules.eligible == Eligible::Activated {
            let idle = mailboxes - row.activated;
            row.none(&idle, "takes requests for mailboxes that were never activated");
        }
        self.requested |= mailboxes;
    }

    fn issue(&mut self, mailboxes: &RoaringBitmap, rules: &VoucherRules, row: &mut Row<'_>) {
        row.unless(row.actor == "worker", "issues vouchers though no worker did");
        row.none(&(mailboxes & &self.issued), "issues a second voucher");
        row.none(&(mailboxes - &self.verified), "issues what was not verified");
        row.none(&(mailboxes & row.withdrawn), "issues to a withdrawn mailbox");
        let open = row.allowed(Capability::RequestVoucher)
            && rules.redeem_by.is_none_or(|last| row.day() <= last);
        row.unless(open, "issues vouchers outside their time");
        self.issued |= mailboxes;
        self.requested -= mailboxes;
        self.verified -= mailboxes;
        let within = rules.max_issued.is_none_or(|most| self.issued.len() <= most);
        row.unless(within, "issues more vouchers than the plan allows");
    }

    fn redeem(&mut self, event: &VoucherRedeemed, rules: &VoucherRules, row: &mut Row<'_>) {
        let VoucherRedeemed { number, issue, on, free_through, .. } = event;
        let valid = self.is_valid(*number);
        row.unless(valid, "redeems what could not be redeemed");
        let present = *issue == self.present(*number);
        row.unless(present, "redeems a code that was replaced");
        let in_time = rules.redeem_by.is_none_or(|last| row.day() <= last);
        row.unless(in_time, "redeems a voucher after its last day");
        let year = *on == row.day() && end_of_year(*on) == Some(*free_through);
        row.unless(year, "gives more or less than the year from its day");
        self.redeemed.insert(*number);
    }

    fn remind(&mut self, mailboxes: &RoaringBitmap, rules: &VoucherRules, row: &mut Row<'_>) {
        row.none(&(mailboxes - self.valid()), "reminds of what can't be redeemed");
        let most = rules.remind.as_ref().map_or(0, |remind| remind.at_most);
        let full = usize::try_from(most).ok().and_then(|most| most.checked_sub(1));
        let full = full.map_or(Some(mailboxes), |place| self.reminded.get(place));
        let over = full.map(|full| mailboxes & full).unwrap_or_default();
        row.none(&over, "reminds a holder more often than the plan allows");
        let mut again = mailboxes.clone();
        for before in &mut self.reminded {
            let both = &again & &*before;
            *before |= again;
            again = both;
        }
        if !again.is_empty() {
            self.reminded.push(again);
        }
    }

    fn valid(&self) -> RoaringBitmap {
        (&self.issued - &self.redeemed) - &self.ended
    }

    fn is_valid(&self, number: u32) -> bool {
        let over = self.redeemed.contains(number) || self.ended.contains(number);
        self.issued.contains(number) && !over
    }

    fn present(&self, number: u32) -> u32 {
        self.replaced.get(&number).copied().unwrap_or(1)
    }
}

/// The last day of a year that starts on a day; one that starts on 29 February ends on 28 February.
fn end_of_year(first: NaiveDate) -> Option<NaiveDate> {
    let again = first.checked_add_months(Months::new(12))?;
    if again.day() == first.day() { again.pred_opt() } else { Some(again) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_ends_on_the_day_before_it_begins_again() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (first, last) in [
            ("2015-03-18", "2016-03-17"),
            ("2016-02-29", "2017-02-28"),
            ("2016-02-28", "2017-02-27"),
            ("2015-03-01", "2016-02-29"),
        ] {
            assert_eq!(end_of_year(day(first)), Some(day(last)), "from {first}");
        }
    }
}
