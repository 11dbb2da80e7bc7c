//! The events of requests for the log of messages in plain words.

use domain::{Event, ExtractAccess, Proof, Requester};

use super::{mailboxes, utc};

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::LogsDestroyed(event) = event {
        let kept = if event.kept.is_empty() {
            String::new()
        } else {
            format!(", those of {} kept by a hold", mailboxes(event.kept.len()))
        };
        return format!(
            "{} messages, {} addresses and {} extracts destroyed{kept}",
            event.messages, event.addresses, event.extracts
        );
    }
    match concerned(event) {
        Some(number) => format!("mailbox {number}: {}", told(event)),
        None => String::new(),
    }
}

/// To the holder of the mailbox; empty for any other event.
pub(super) fn told(event: &Event) -> String {
    if let Event::LogRequested(event) = event {
        let who = match event.by {
            Requester::Holder => "its holder",
            Requester::Authority => "an authority",
        };
        format!("{who} asked for the log of its messages")
    } else if let Event::LogRequesterVerified(event) = event {
        let how = match event.proof {
            Proof::Confirmation => "by a confirmation",
            Proof::Officer => "by an officer",
        };
        format!("who asked for the log was verified {how}")
    } else if let Event::LogExtractPrepared(event) = event {
        let (rows, expires) = (event.rows, utc(event.expires_at));
        format!("the extract of its log was prepared: {rows} entries, by a link until {expires}")
    } else if let Event::LogExtractAccessed(event) = event {
        let came = match event.outcome {
            ExtractAccess::Looked => "the extract's page was looked at",
            ExtractAccess::Delivered => "the extract was handed out",
            ExtractAccess::Expired => "the extract's link was opened too late",
            ExtractAccess::NotTheHolder => {
                "the extract's link was opened by somebody who could not say whose mailbox it is"
            }
            ExtractAccess::Missing => "the extract's link was opened and the extract was not there",
        };
        came.to_owned()
    } else if let Event::LogExtractExpired(_) = event {
        "the time of the extract's link is over; the extract was deleted".to_owned()
    } else if let Event::LogRequestRefused(event) = event {
        format!("the request for the log was refused ({})", event.cause)
    } else {
        summary(event)
    }
}

fn concerned(event: &Event) -> Option<u32> {
    if let Event::LogRequested(event) = event {
        Some(event.number)
    } else if let Event::LogRequesterVerified(event) = event {
        Some(event.number)
    } else if let Event::LogExtractPrepared(event) = event {
        Some(event.number)
    } else if let Event::LogExtractAccessed(event) = event {
        Some(event.number)
    } else if let Event::LogExtractExpired(event) = event {
        Some(event.number)
    } else if let Event::LogRequestRefused(event) = event {
        Some(event.number)
    } else {
        None
    }
}
