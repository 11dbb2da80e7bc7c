//! The events of the notices in plain words.

use domain::Event;

use super::{mailboxes, utc};

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::NoticesReleased(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{} may go to {many}, for {}", event.notice, utc(event.scheduled_for))
    } else if let Event::NoticesClaimed(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{} is about to be handed over for {many}", event.notice)
    } else if let Event::NoticesSent(event) = event {
        format!("{} went to {}", event.notice, mailboxes(event.mailboxes.len()))
    } else if let Event::NoticesDeferred(event) = event {
        format!(
            "{} did not go to {} ({}), attempt {}, again from {}",
            event.notice,
            mailboxes(event.mailboxes.len()),
            event.cause,
            event.attempts,
            utc(event.retry_at)
        )
    } else if let Event::NoticesFailed(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{} can't go to {many} ({})", event.notice, event.cause)
    } else if let Event::NoticesInDoubt(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("nobody knows whether {} went to {many} ({})", event.notice, event.cause)
    } else if let Event::NoticesRetried(event) = event {
        format!("{} is handed over again for {}", event.notice, mailboxes(event.mailboxes.len()))
    } else if let Event::NoticesBounced(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("{} came back for {many} ({})", event.notice, event.cause)
    } else {
        String::new()
    }
}

/// To the holder of one of its mailboxes; empty for any other event.
pub(super) fn told(event: &Event) -> String {
    if let Event::NoticesReleased(event) = event {
        format!("notice {} was to go to its holder", event.notice)
    } else if let Event::NoticesClaimed(event) = event {
        format!("notice {} was about to be handed to the mail relay", event.notice)
    } else if let Event::NoticesSent(event) = event {
        format!("its holder was told by notice {}", event.notice)
    } else if let Event::NoticesDeferred(event) = event {
        format!("notice {} did not go ({}); it is tried again", event.notice, event.cause)
    } else if let Event::NoticesFailed(event) = event {
        format!("its holder could not be told by notice {} ({})", event.notice, event.cause)
    } else if let Event::NoticesInDoubt(event) = event {
        let (notice, cause) = (&event.notice, &event.cause);
        format!("nobody knows whether notice {notice} reached its holder ({cause})")
    } else if let Event::NoticesRetried(event) = event {
        format!("an operator has notice {} sent again", event.notice)
    } else if let Event::NoticesBounced(event) = event {
        format!("notice {} came back ({})", event.notice, event.cause)
    } else {
        String::new()
    }
}
