//! Whom an event concerns: the one table from event to mailboxes.

use std::borrow::Cow;

use domain::{DateColumn, Event};
use roaring::RoaringBitmap;

/// The mailboxes that an event names. `None` for what concerns the programme as a whole.
pub(crate) fn concerned(event: &Event) -> Option<Cow<'_, RoaringBitmap>> {
    match event {
        Event::MailboxesRegistered(event) => {
            Some(Cow::Owned(numbers(event.first, &event.activated_on)))
        }
        Event::MailboxesActivated(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::RegistrationsCorrected(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::MailboxWithdrawn(event) => Some(Cow::Owned([event.number].into())),
        Event::HoldPlaced(event) => Some(Cow::Owned([event.number].into())),
        Event::HoldReleased(event) => Some(Cow::Owned([event.number].into())),
        Event::PhaseStarted(event) => Some(Cow::Borrowed(&event.population)),
        Event::PhaseCompleted(event) => {
            let held = RoaringBitmap::clone(&event.held);
            let given_up = event.given_up.iter().map(|given_up| &*given_up.mailboxes);
            Some(Cow::Owned(given_up.fold(held, |all, set| all | set)))
        }
        Event::RegistrationsLapsed(outcome)
        | Event::SendingDisabled(outcome)
        | Event::ModifyingDisabled(outcome)
        | Event::ReceivingDisabled(outcome)
        | Event::AccessClosed(outcome) => Some(Cow::Borrowed(&outcome.mailboxes)),
        Event::RightsRestored(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::RightsArmed(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::TransientFailure(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::IncidentOpened(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::IncidentRetried(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::IncidentResolved(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::DriftFound(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::DriftSettled(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::DriftChecked(event) => {
            Some(Cow::Owned(&*event.unknown_to_registry | &*event.unknown_to_platform))
        }
        Event::NoticesReleased(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesClaimed(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesSent(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesDeferred(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesFailed(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesInDoubt(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesRetried(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::NoticesBounced(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::CanaryProbed(event) => Some(Cow::Owned([event.number].into())),
        Event::VouchersRequested(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VouchersVerified(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VouchersRefused(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VouchersIssued(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VouchersDelivered(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VoucherRedeemed(event) => Some(Cow::Owned([event.number].into())),
        Event::VouchersExpired(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::VoucherRevoked(event) => Some(Cow::Owned([event.number].into())),
        Event::VoucherReissued(event) => Some(Cow::Owned([event.number].into())),
        Event::VoucherRemindersClaimed(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::ErasureOrdered(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::HoldersErased(event) => Some(Cow::Borrowed(&event.mailboxes)),
        Event::LogRequested(event) => Some(Cow::Owned([event.number].into())),
        Event::LogRequesterVerified(event) => Some(Cow::Owned([event.number].into())),
        Event::LogExtractPrepared(event) => Some(Cow::Owned([event.number].into())),
        Event::LogExtractAccessed(event) => Some(Cow::Owned([event.number].into())),
        Event::LogExtractExpired(event) => Some(Cow::Owned([event.number].into())),
        Event::LogRequestRefused(event) => Some(Cow::Owned([event.number].into())),
        Event::PlanAdopted(_)
        | Event::PlanAmended(_)
        | Event::AmendmentProposed(_)
        | Event::AmendmentDropped(_)
        | Event::ProgrammePaused(_)
        | Event::ProgrammeResumed(_)
        | Event::PaceChanged(_)
        | Event::RecurringWorkDue(_)
        | Event::RegistryImported(_)
        | Event::LogsDestroyed(_)
        | Event::KeysRotated(_) => None,
    }
}

/// The numbers of a batch of registrations.
pub(crate) fn numbers(first: u32, column: &DateColumn) -> RoaringBitmap {
    let count = u32::try_from(column.len()).unwrap_or(u32::MAX);
    let mut numbers = RoaringBitmap::new();
    numbers.insert_range(first..first.saturating_add(count));
    numbers
}
