//! What did not work, in plain words.

use domain::{Event, PhaseId};

use super::{mailboxes, utc};

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::TransientFailure(event) = event {
        format!(
            "{}: {} of {}, attempt {}, again from {}",
            event.cause,
            event.capabilities,
            mailboxes(event.mailboxes.len()),
            event.attempts,
            utc(event.retry_at)
        )
    } else if let Event::IncidentOpened(event) = event {
        format!(
            "{}: {} of {} after {} attempts",
            key(event.phase.as_ref(), &event.cause),
            event.capabilities,
            mailboxes(event.mailboxes.len()),
            event.attempts
        )
    } else if let Event::IncidentRetried(event) = event {
        let key = key(event.phase.as_ref(), &event.cause);
        format!("{key}: {} are tried again", mailboxes(event.mailboxes.len()))
    } else if let Event::IncidentResolved(event) = event {
        let key = key(event.phase.as_ref(), &event.cause);
        format!("{key}: {} were dealt with otherwise", mailboxes(event.mailboxes.len()))
    } else {
        String::new()
    }
}

/// To the holder of one of its mailboxes; empty for any other event.
pub(super) fn told(event: &Event) -> String {
    if let Event::TransientFailure(event) = event {
        format!(
            "taking away {} did not work ({}); it is tried again from {}",
            event.capabilities,
            event.cause,
            utc(event.retry_at)
        )
    } else if let Event::IncidentOpened(event) = event {
        format!(
            "taking away {} was given up after {} attempts ({}); an operator has to look at it",
            event.capabilities, event.attempts, event.cause
        )
    } else if let Event::IncidentRetried(event) = event {
        format!("an operator has it tried again ({})", event.cause)
    } else if let Event::IncidentResolved(event) = event {
        format!("an operator dealt with it otherwise ({})", event.cause)
    } else {
        String::new()
    }
}

fn key(phase: Option<&PhaseId>, cause: &str) -> String {
    domain::IncidentKey { phase: phase.cloned(), cause: cause.to_owned() }.to_string()
}
