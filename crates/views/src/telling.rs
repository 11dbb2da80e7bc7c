//! Events in plain words: for the log as a whole, and for one of the mailboxes that it names.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    CanaryProbed, Event, Finding, Found, HoldPlaced, Outcome, PaceChanged, PhaseCompleted,
    RightsArmed, Verdict,
};

mod drift;
mod failures;
mod logs;
mod notices;
mod registry;
mod vouchers;

pub use drift::standing;

/// An event in one line, its sets told by their size.
pub fn summary(event: &Event) -> String {
    match event {
        Event::PlanAdopted(event) => {
            format!("plan revision {} with {} phases", event.revision, event.plan.phases.len())
        }
        Event::PlanAmended(event) => format!("plan amended to revision {}", event.revision),
        Event::AmendmentProposed(event) => format!(
            "revision {} is adopted once the platform has called off the instants that it moves",
            event.revision
        ),
        Event::AmendmentDropped(event) => {
            format!("revision {} is not adopted: {}", event.revision, event.because)
        }
        Event::PhaseStarted(event) => format!(
            "phase {} takes away {} from {}{}",
            event.phase,
            event.removes,
            mailboxes(event.population.len()),
            late(event.late_seconds)
        ),
        Event::PhaseCompleted(event) => completed_summary(event),
        Event::ProgrammePaused(_) => "the sweep is paused".to_owned(),
        Event::ProgrammeResumed(_) => "the sweep goes on".to_owned(),
        Event::PaceChanged(event) => pace_summary(event),
        Event::RecurringWorkDue(event) => {
            format!("{} for {}{}", event.name, utc(event.scheduled_for), late(event.late_seconds))
        }
        Event::MailboxesRegistered(_)
        | Event::MailboxesActivated(_)
        | Event::RegistrationsCorrected(_)
        | Event::RegistryImported(_)
        | Event::ErasureOrdered(_)
        | Event::HoldersErased(_) => registry::summary(event),
        Event::MailboxWithdrawn(event) => format!("mailbox {}", event.number),
        Event::HoldPlaced(event) => hold_summary(event),
        Event::HoldReleased(event) => format!("mailbox {}, hold {}", event.number, event.hold),
        Event::RegistrationsLapsed(outcome)
        | Event::SendingDisabled(outcome)
        | Event::ModifyingDisabled(outcome)
        | Event::ReceivingDisabled(outcome)
        | Event::AccessClosed(outcome) => outcome_summary(outcome),
        Event::RightsRestored(event) => {
            format!("{} for {}", event.capabilities, mailboxes(event.mailboxes.len()))
        }
        Event::RightsArmed(event) => armed_summary(event),
        Event::TransientFailure(_)
        | Event::IncidentOpened(_)
        | Event::IncidentRetried(_)
        | Event::IncidentResolved(_) => failures::summary(event),
        Event::DriftFound(_) | Event::DriftSettled(_) | Event::DriftChecked(_) => {
            drift::summary(event)
        }
        Event::NoticesReleased(_)
        | Event::NoticesClaimed(_)
        | Event::NoticesSent(_)
        | Event::NoticesDeferred(_)
        | Event::NoticesFailed(_)
        | Event::NoticesInDoubt(_)
        | Event::NoticesRetried(_)
        | Event::NoticesBounced(_) => notices::summary(event),
        Event::CanaryProbed(event) => canary(event),
        Event::VouchersRequested(_)
        | Event::VouchersVerified(_)
        | Event::VouchersRefused(_)
        | Event::VouchersIssued(_)
        | Event::VouchersDelivered(_)
        | Event::VoucherRedeemed(_)
        | Event::VouchersExpired(_)
        | Event::VoucherRevoked(_)
        | Event::VoucherReissued(_)
        | Event::VoucherRemindersClaimed(_)
        | Event::KeysRotated(_) => vouchers::summary(event),
        Event::LogRequested(_)
        | Event::LogRequesterVerified(_)
        | Event::LogExtractPrepared(_)
        | Event::LogExtractAccessed(_)
        | Event::LogExtractExpired(_)
        | Event::LogRequestRefused(_)
        | Event::LogsDestroyed(_) => logs::summary(event),
    }
}

/// What a mailbox of our own was answered, in one line.
fn canary(probed: &CanaryProbed) -> String {
    let told = |finding: &Finding| {
        let found = match &finding.found {
            Found::Allowed => "allowed",
            Found::Refused(_) => "refused",
            Found::Unknown(_) => "not known",
        };
        let wrong = if finding.agrees() == Some(false) { ", NOT AS IT SHOULD BE" } else { "" };
        format!("{} {found}{wrong}", finding.capability)
    };
    let found: Vec<_> = probed.findings.iter().map(told).collect();
    format!("{} {}: {}", probed.side.name(), probed.phase, found.join(", "))
}

fn completed_summary(phase: &PhaseCompleted) -> String {
    format!(
        "phase {}: {} done, {} already so, {} held, {} given up of {}",
        phase.phase,
        phase.done,
        phase.already_so,
        phase.held.len(),
        phase.given_up.iter().map(|given_up| given_up.mailboxes.len()).sum::<u64>(),
        phase.population
    )
}

fn pace_summary(pace: &PaceChanged) -> String {
    let limit = |limit: Option<u32>| limit.map_or("no limit".to_owned(), |n| n.to_string());
    format!(
        "pace of {}: calls per second {}, at once {}",
        pace.effect,
        limit(pace.calls_per_second),
        limit(pace.concurrent_calls)
    )
}

fn hold_summary(hold: &HoldPlaced) -> String {
    let until = hold.until.map_or("until released".to_owned(), |until| format!("through {until}"));
    format!("mailbox {} keeps {} {until}", hold.number, hold.capabilities)
}

fn armed_summary(armed: &RightsArmed) -> String {
    let (what, whose) = (armed.capabilities, mailboxes(armed.mailboxes.len()));
    match armed.until {
        Some(until) => format!("{what} of {whose} end at {}", utc(until)),
        None => format!("{what} of {whose}: the end that was told is called off"),
    }
}

/// What an event meant to one of the mailboxes it names, as one says it to its holder.
pub fn told(event: &Event, number: u32) -> String {
    match event {
        Event::MailboxesRegistered(_)
        | Event::MailboxesActivated(_)
        | Event::RegistrationsCorrected(_)
        | Event::ErasureOrdered(_)
        | Event::HoldersErased(_) => registry::told(event, number),
        Event::MailboxWithdrawn(_) => "given up by its holder".to_owned(),
        Event::HoldPlaced(event) => format!(
            "a hold keeps {} {}",
            event.capabilities,
            event
                .until
                .map_or("until it is released".to_owned(), |until| format!("through {until}"))
        ),
        Event::HoldReleased(event) => format!("hold {} was released", event.hold),
        Event::PhaseStarted(event) => {
            format!("phase {} began{}", event.phase, late(event.late_seconds))
        }
        Event::PhaseCompleted(event) => {
            let how = if event.held.contains(number) { "kept by a hold" } else { "given up" };
            format!("phase {} was completed; this mailbox was {how}", event.phase)
        }
        Event::RegistrationsLapsed(_) => "lapsed: it can't be activated any more".to_owned(),
        Event::SendingDisabled(outcome) => ended("sending", outcome),
        Event::ModifyingDisabled(outcome) => ended("changing its content", outcome),
        Event::ReceivingDisabled(outcome) => ended("receiving", outcome),
        Event::AccessClosed(outcome) => ended("access", outcome),
        Event::RightsRestored(event) => format!("{} was given back", event.capabilities),
        Event::RightsArmed(event) => match event.until {
            Some(until) => {
                format!("the platform was told that {} ends at {}", event.capabilities, utc(until))
            }
            None => format!("the platform was told that {} does not end then", event.capabilities),
        },
        Event::TransientFailure(_)
        | Event::IncidentOpened(_)
        | Event::IncidentRetried(_)
        | Event::IncidentResolved(_) => failures::told(event),
        Event::DriftFound(_) | Event::DriftSettled(_) | Event::DriftChecked(_) => {
            drift::told(event, number)
        }
        Event::NoticesReleased(_)
        | Event::NoticesClaimed(_)
        | Event::NoticesSent(_)
        | Event::NoticesDeferred(_)
        | Event::NoticesFailed(_)
        | Event::NoticesInDoubt(_)
        | Event::NoticesRetried(_)
        | Event::NoticesBounced(_) => notices::told(event),
        Event::CanaryProbed(event) => {
            format!("this mailbox of our own was probed: {}", canary(event))
        }
        Event::VouchersRequested(_)
        | Event::VouchersVerified(_)
        | Event::VouchersRefused(_)
        | Event::VouchersIssued(_)
        | Event::VouchersDelivered(_)
        | Event::VoucherRedeemed(_)
        | Event::VouchersExpired(_)
        | Event::VoucherRevoked(_)
        | Event::VoucherReissued(_)
        | Event::VoucherRemindersClaimed(_) => vouchers::told(event),
        Event::LogRequested(_)
        | Event::LogRequesterVerified(_)
        | Event::LogExtractPrepared(_)
        | Event::LogExtractAccessed(_)
        | Event::LogExtractExpired(_)
        | Event::LogRequestRefused(_)
        | Event::LogsDestroyed(_) => logs::told(event),
        Event::PlanAdopted(_)
        | Event::PlanAmended(_)
        | Event::AmendmentProposed(_)
        | Event::AmendmentDropped(_)
        | Event::ProgrammePaused(_)
        | Event::ProgrammeResumed(_)
        | Event::PaceChanged(_)
        | Event::RecurringWorkDue(_)
        | Event::RegistryImported(_)
        | Event::KeysRotated(_) => summary(event),
    }
}

fn ended(what: &str, outcome: &Outcome) -> String {
    let how = match outcome.verdict {
        Verdict::Applied => "",
        Verdict::Confirmed => ", as the platform had been told ahead",
        Verdict::AlreadySo => ", found already so",
    };
    match &outcome.phase {
        Some(phase) => format!("{what} ended with phase {phase}{how}"),
        None => format!("{what} ended, as the holder gave the mailbox up{how}"),
    }
}

fn outcome_summary(outcome: &Outcome) -> String {
    let verdict = match outcome.verdict {
        Verdict::Applied => "applied",
        Verdict::Confirmed => "confirmed",
        Verdict::AlreadySo => "already so",
    };
    let cause = outcome.phase.as_ref().map_or("withdrawal".to_owned(), |id| format!("phase {id}"));
    format!("{cause}: {} {verdict}", mailboxes(outcome.mailboxes.len()))
}

pub(crate) fn mailboxes(count: u64) -> String {
    if count == 1 { "1 mailbox".to_owned() } else { format!("{count} mailboxes") }
}

/// By how much something was late, for the end of a sentence; empty where it was on time.
pub fn late(seconds: u64) -> String {
    match seconds {
        0 => String::new(),
        1..120 => format!(", {seconds} s late"),
        120..7_200 => format!(", {} min late", seconds / 60),
        7_200..172_800 => format!(", {} h late", seconds / 3_600),
        _ => format!(", {} days late", seconds / 86_400),
    }
}

pub(crate) fn utc(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}
