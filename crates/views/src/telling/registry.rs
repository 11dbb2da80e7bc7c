//! What the registry told of holders, and that it knows them no more, in plain words.

use domain::{Event, Ground};

use super::mailboxes;

/// In one line; empty for any other event.
pub(super) fn summary(event: &Event) -> String {
    if let Event::MailboxesRegistered(event) = event {
        let activated = event.activated_on.iter().flatten().count();
        format!(
            "{} from number {}, {activated} of them activated",
            mailboxes(u64::try_from(event.requested_on.len()).unwrap_or(u64::MAX)),
            event.first
        )
    } else if let Event::MailboxesActivated(event) = event {
        mailboxes(event.mailboxes.len())
    } else if let Event::RegistrationsCorrected(event) = event {
        format!("{}: {}", mailboxes(event.mailboxes.len()), event.fields.join(", "))
    } else if let Event::RegistryImported(event) = event {
        format!(
            "read {} = accepted {} + unchanged {} + changed {} + rejected {}",
            event.read, event.accepted, event.unchanged, event.changed, event.rejected
        )
    } else if let Event::ErasureOrdered(event) = event {
        let many = mailboxes(event.mailboxes.len());
        format!("personal data of {many} are to go ({})", ground(event.ground))
    } else if let Event::HoldersErased(event) = event {
        format!("personal data of {} are gone", mailboxes(event.mailboxes.len()))
    } else {
        String::new()
    }
}

/// To the holder of one of its mailboxes; empty for any other event.
pub(super) fn told(event: &Event, number: u32) -> String {
    if let Event::MailboxesRegistered(event) = event {
        let place = number.checked_sub(event.first).and_then(|at| usize::try_from(at).ok());
        let requested = place.and_then(|place| event.requested_on.get(place));
        let activated = place.and_then(|place| event.activated_on.get(place));
        let requested = requested.map_or(String::new(), |day| format!(" on {day}"));
        match activated {
            Some(day) => format!("asked for{requested}, activated at a post office on {day}"),
            None => format!("asked for{requested}, not activated"),
        }
    } else if let Event::MailboxesActivated(event) = event {
        let rank = event.mailboxes.rank(number).checked_sub(1);
        let place = rank.and_then(|rank| usize::try_from(rank).ok());
        let day = place.and_then(|place| event.activated_on.get(place));
        let day = day.map_or(String::new(), |day| format!(" on {day}"));
        format!("activated at a post office{day}, as a later registry file told")
    } else if let Event::RegistrationsCorrected(event) = event {
        format!("its registration was corrected: {}", event.fields.join(", "))
    } else if let Event::ErasureOrdered(event) = event {
        format!("the personal data of its holder are to go ({})", ground(event.ground))
    } else if let Event::HoldersErased(_) = event {
        "the personal data of its holder are gone".to_owned()
    } else {
        String::new()
    }
}

fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::End => "the programme has ended",
        Ground::Demand => "on demand",
    }
}
