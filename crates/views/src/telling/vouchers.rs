//! The events of the vouchers in plain words.

use domain::{Event, Proof};

use super::{mailboxes, utc};

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::VouchersRequested(event) = event {
        format!("asked for by {}", mailboxes(event.mailboxes.len()))
    } else if let Event::VouchersVerified(event) = event {
        format!("{} verified {}", mailboxes(event.mailboxes.len()), proof(event.proof))
    } else if let Event::VouchersRefused(event) = event {
        format!("refused to {} ({})", mailboxes(event.mailboxes.len()), event.cause)
    } else if let Event::VouchersIssued(event) = event {
        format!("issued to {}", mailboxes(event.mailboxes.len()))
    } else if let Event::VouchersDelivered(event) = event {
        format!("codes handed to {}", mailboxes(event.mailboxes.len()))
    } else if let Event::VouchersExpired(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{many} did not redeem it by {}", event.redeem_by)
    } else if let Event::VoucherRemindersClaimed(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{many} to be reminded in the round of {}", utc(event.scheduled_for))
    } else if let Event::VoucherRedeemed(event) = event {
        format!("that of mailbox {} redeemed by {}", event.number, event.provider)
    } else if let Event::VoucherRevoked(event) = event {
        format!("that of mailbox {} revoked", event.number)
    } else if let Event::VoucherReissued(event) = event {
        format!("that of mailbox {} has its code number {}", event.number, event.issue)
    } else if let Event::KeysRotated(event) = event {
        let (kid, retired, from) = (&event.kid, &event.retired, utc(event.at));
        let until = event
            .verifies_until
            .map_or_else(|| "without end".to_owned(), |end| format!("until {}", utc(end)));
        format!("key {kid} signs from {from} on; what {retired} signed counts {until}")
    } else {
        String::new()
    }
}

/// To the holder of one of its mailboxes; empty for any other event.
pub(super) fn told(event: &Event) -> String {
    if let Event::VouchersRequested(_) = event {
        "its holder asked for the voucher".to_owned()
    } else if let Event::VouchersVerified(event) = event {
        format!("that the holder asked for the voucher was verified {}", proof(event.proof))
    } else if let Event::VouchersRefused(event) = event {
        format!("the voucher was refused ({})", event.cause)
    } else if let Event::VouchersIssued(_) = event {
        "its holder was granted the voucher".to_owned()
    } else if let Event::VouchersDelivered(_) = event {
        "the voucher's code was handed over".to_owned()
    } else if let Event::VouchersExpired(event) = event {
        format!("the voucher expired: it was not redeemed by {}", event.redeem_by)
    } else if let Event::VoucherRemindersClaimed(_) = event {
        "a reminder of the voucher was claimed for a letter".to_owned()
    } else if let Event::VoucherRedeemed(event) = event {
        let (provider, last) = (&event.provider, event.free_through);
        format!("{provider} redeemed the voucher: a certified mailbox, free through {last}")
    } else if let Event::VoucherRevoked(_) = event {
        "the voucher was revoked".to_owned()
    } else if let Event::VoucherReissued(event) = event {
        format!("the voucher's code was replaced; it is number {} now", event.issue)
    } else {
        String::new()
    }
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Confirmation => "by a confirmation",
        Proof::Officer => "by an officer",
    }
}
