//! Vouchers in the scenarios, with every outcome.

use chrono::NaiveDate;
use domain::{
    Event, KeysRotated, MailboxSet, State, Verification, VoucherRedeemed, VoucherReissued,
    VoucherRemindersClaimed, VoucherRevoked, VouchersDelivered, VouchersExpired, VouchersIssued,
    VouchersRefused, VouchersRequested, VouchersVerified, free_through,
};
use eventstore::{keys_stream, voucher_stream};

use crate::derived::scenario::{Scenario, chosen, programme};

impl Scenario {
    /// Some request their vouchers; each is refused, or issued and then redeemed, revoked, reissued
    /// or left.
    pub(crate) async fn grant(&self, state: &State, a: u32, b: u32) {
        let some = |fate: u32| -> MailboxSet {
            let registered = state.rights.registered.iter();
            registered.filter(|number| chosen(*number, a, 7) == fate).collect()
        };
        let together = |fates: std::ops::Range<u32>| -> MailboxSet {
            fates.flat_map(|fate| some(fate).into_inner()).collect()
        };
        let day = NaiveDate::from_ymd_opt(2016, 2, 28 + b % 2).unwrap();
        let mut events = vec![
            Event::VouchersRequested(VouchersRequested { mailboxes: together(0..6) }),
            Event::VouchersVerified(VouchersVerified {
                proof: if b.is_multiple_of(2) {
                    Verification::Officer
                } else {
                    Verification::Confirmation
                },
                mailboxes: together(0..5),
            }),
            Event::VouchersRefused(VouchersRefused {
                cause: "not-the-holder".to_owned(),
                mailboxes: some(5),
            }),
            Event::VouchersIssued(VouchersIssued { revision: 1, mailboxes: together(0..5) }),
            Event::VouchersDelivered(VouchersDelivered { mailboxes: together(1..5) }),
        ];
        if let Some(number) = some(1).min() {
            events.push(Event::VoucherReissued(VoucherReissued { number, issue: 2 }));
        }
        if let Some(number) = some(2).min() {
            events.push(Event::VoucherRedeemed(VoucherRedeemed {
                number,
                issue: 1,
                provider: "posta-sicura".parse().unwrap(),
                on: day,
                free_through: free_through(day),
            }));
        }
        if let Some(number) = some(3).min() {
            events.push(Event::VoucherRevoked(VoucherRevoked { number }));
        }
        events.push(Event::VoucherRemindersClaimed(VoucherRemindersClaimed {
            scheduled_for: self.now(),
            mailboxes: together(2..5),
        }));
        events.push(Event::VouchersExpired(VouchersExpired { redeem_by: day, mailboxes: some(4) }));
        let rotated = KeysRotated {
            kid: format!("new-{a}"),
            retired: format!("old-{a}"),
            at: self.now(),
            verifies_until: b.is_multiple_of(2).then(|| self.now()),
        };
        let keys = keys_stream(&programme()).unwrap();
        self.append(keys, self.now(), &[Event::KeysRotated(rotated)]).await;
        self.append(voucher_stream(&programme()).unwrap(), self.now(), &events).await;
    }
}
