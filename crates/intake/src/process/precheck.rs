//! Checks a letter against the current state just before it is sent.
//!
//! A letter may have waited: meanwhile the voucher of a reminder was redeemed, an export expired, a
//! mailbox closed. Replies and codes are checked where they are made.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use domain::{LogStanding, State, VoucherCommand, reminder_holds};
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::reminders::{receives, route};
use crate::store::{DueLetter, LetterKind, Route};

/// How soon an export that is not prepared yet is checked again.
const RECHECK: TimeDelta = TimeDelta::minutes(5);
/// How soon a voucher that a worker is about to issue is checked again.
const ISSUING: TimeDelta = TimeDelta::seconds(2);
/// The same while the programme is paused, or after a failure.
const ISSUING_LATER: TimeDelta = TimeDelta::minutes(1);

/// Facts of a reminder or export, read when its letter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The address that its holder reads now.
    pub(super) route: Option<Route>,
    /// The last day on which the voucher can be redeemed.
    pub(super) redeem_by: Option<NaiveDate>,
    /// When the link expires, in the plan's zone.
    pub(super) until: Option<NaiveDateTime>,
}

/// What to do with a letter that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precheck {
    /// Send it.
    Send(Facts),
    /// Check again at this instant.
    Postpone(DateTime<Utc>),
    /// Drop it: its content no longer applies.
    Obsolete,
    /// Its mailbox no longer receives, so that nobody can confirm there: an operator decides.
    MailboxClosed,
}

/// The log request of a letter with an export.
pub(super) fn request_of(letter: &DueLetter) -> Option<Uuid> {
    let request = letter.why.as_deref().filter(|_| letter.kind == LetterKind::Export);
    request.and_then(|request| request.parse().ok())
}

/// Checks a letter. `links` is whether this process can make links of exports.
pub(super) fn precheck(
    state: &State,
    letter: &DueLetter,
    links: bool,
    now: DateTime<Utc>,
) -> Precheck {
    match (letter.kind, letter.mailbox) {
        (LetterKind::Reminder, Some(mailbox)) if reminder_holds(state, mailbox, now) => {
            let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
            let redeem_by = rules.and_then(|rules| rules.redeem_by);
            let route = Some(route(state, mailbox, now));
            Precheck::Send(Facts { route, redeem_by, until: None })
        }
        (LetterKind::Export, Some(mailbox)) => export(state, letter, mailbox, links, now),
        (LetterKind::Reminder, _) | (LetterKind::Export, None) => Precheck::Obsolete,
        (LetterKind::Confirm | LetterKind::Granted, Some(mailbox))
            if letter.route == Route::Mailbox && !receives(state, mailbox, now) =>
        {
            Precheck::MailboxClosed
        }
        (LetterKind::Granted, Some(mailbox)) if is_pending(state, mailbox, now) => {
            let soon = state.vouchers_to_issue(now).contains(mailbox);
            let soon = soon && !state.programme.paused;
            Precheck::Postpone(now + if soon { ISSUING } else { ISSUING_LATER })
        }
        (
            LetterKind::Received
            | LetterKind::Help
            | LetterKind::Closed
            | LetterKind::Confirm
            | LetterKind::Granted
            | LetterKind::Refused,
            _,
        ) => Precheck::Send(Facts::default()),
    }
}

/// Is a worker still to issue the voucher?
fn is_pending(state: &State, mailbox: u32, now: DateTime<Utc>) -> bool {
    let issue = || VoucherCommand::Issue { mailboxes: RoaringBitmap::from_iter([mailbox]) };
    state.vouchers.verified.contains(mailbox) && state.decide_voucher(issue(), now).is_ok()
}

fn export(
    state: &State,
    letter: &DueLetter,
    mailbox: u32,
    links: bool,
    now: DateTime<Utc>,
) -> Precheck {
    let open = request_of(letter).and_then(|request| state.log_requests.open.get(&request));
    let Some(open) = open.filter(|open| open.number == mailbox) else { return Precheck::Obsolete };
    match &open.standing {
        LogStanding::Prepared { expires_at, .. } if *expires_at <= now => Precheck::Obsolete,
        LogStanding::Prepared { expires_at, .. } if links => {
            let zone = state.plan().map_or(chrono_tz::UTC, |plan| plan.zone);
            let until = Some(expires_at.with_timezone(&zone).naive_local());
            let route = Some(route(state, mailbox, now));
            Precheck::Send(Facts { route, redeem_by: None, until })
        }
        LogStanding::Prepared { .. } | LogStanding::Verified | LogStanding::Requested => {
            Precheck::Postpone(now + RECHECK)
        }
    }
}
