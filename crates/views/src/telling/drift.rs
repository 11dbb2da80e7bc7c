//! What was found when the platform was compared with the log, in plain words.

use domain::{DriftChecked, DriftFound, Event, Standing};

use super::{mailboxes, utc};

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::DriftFound(found) = event {
        format!(
            "{} of {} should be {} and is {}; it is {}",
            found.capability,
            mailboxes(found.mailboxes.len()),
            standing(found.expected),
            standing(found.found),
            repair(found)
        )
    } else if let Event::DriftSettled(settled) = event {
        let many = mailboxes(settled.mailboxes.len());
        format!("{} of {many} is as it should be again", settled.capability)
    } else if let Event::DriftChecked(check) = event {
        checked(check)
    } else {
        String::new()
    }
}

/// What it meant to one of the mailboxes it names; empty for any other event.
pub(super) fn told(event: &Event, number: u32) -> String {
    if let Event::DriftFound(found) = event {
        format!(
            "the platform had {} as {} where it should be {}: somebody else changed it; it is {}",
            found.capability,
            standing(found.found),
            standing(found.expected),
            repair(found)
        )
    } else if let Event::DriftSettled(settled) = event {
        format!("the platform has {} as it should be again", settled.capability)
    } else if let Event::DriftChecked(check) = event {
        if check.unknown_to_platform.contains(number) {
            "the platform did not know this mailbox when it was compared".to_owned()
        } else {
            "the platform knew this number, and the registry no mailbox of it".to_owned()
        }
    } else {
        String::new()
    }
}

/// How a right stands, after *should be* or *is*.
pub fn standing(standing: Standing) -> String {
    match standing {
        Standing::Allowed => "allowed".to_owned(),
        Standing::Until(end) => format!("allowed until {}", utc(end)),
        Standing::Gone => "gone".to_owned(),
    }
}

fn checked(check: &DriftChecked) -> String {
    format!(
        "{} compared with the platform: {} rights drifted, {} unknown to the registry, {} unknown \
         to the platform",
        mailboxes(check.mailboxes),
        check.drifting(),
        check.unknown_to_registry.len().saturating_add(check.numberless),
        check.unknown_to_platform.len()
    )
}

fn repair(found: &DriftFound) -> &'static str {
    if found.repair { "put right" } else { "only reported" }
}
