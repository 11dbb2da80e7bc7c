//! Is what a letter says still true when it is about to leave?
//!
//! Answers and codes are looked after where they are made. A letter that we write by ourselves may have waited:
//! the voucher it reminds of was used, the extract it tells of is gone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use domain::{LogStanding, State, reminder_holds};
use uuid::Uuid;

use super::reminding::{receives, route};
use crate::store::{LetterKind, Route, Waiting};

/// When an extract that is not prepared yet is looked for again.
const AGAIN: TimeDelta = TimeDelta::minutes(5);

/// What a letter that is written by itself says beside its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The address that its holder reads by now.
    pub(super) route: Option<Route>,
    /// The last day on which the voucher can be redeemed.
    pub(super) redeem_by: Option<NaiveDate>,
    /// Until when the link opens its extract, in the plan's zone.
    pub(super) until: Option<NaiveDateTime>,
}

/// What becomes of a letter that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Still {
    /// It goes out.
    True(Facts),
    /// Not before an instant.
    NotBefore(DateTime<Utc>),
    /// It is not true any more.
    Moot,
    /// It would go to the closing mailbox, which receives no more and so proves nothing: somebody has to look.
    Stranded,
}

/// Whose extract a letter tells of.
pub(super) fn request_of(waiting: &Waiting) -> Option<Uuid> {
    let request = waiting.why.as_deref().filter(|_| waiting.kind == LetterKind::Extract);
    request.and_then(|request| request.parse().ok())
}

/// Looks at the state. `links` says whether links of extracts can be made here.
pub(super) fn still(state: &State, waiting: &Waiting, links: bool, now: DateTime<Utc>) -> Still {
    match (waiting.kind, waiting.mailbox) {
        (LetterKind::Reminder, Some(mailbox)) if reminder_holds(state, mailbox, now) => {
            let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
            let redeem_by = rules.and_then(|rules| rules.redeem_by);
            Still::True(Facts { route: Some(route(state, mailbox, now)), redeem_by, until: None })
        }
        (LetterKind::Extract, Some(mailbox)) => extract(state, waiting, mailbox, links, now),
        (LetterKind::Reminder, _) | (LetterKind::Extract, None) => Still::Moot,
        (LetterKind::Confirm | LetterKind::Granted, Some(mailbox))
            if waiting.route == Route::Mailbox && !receives(state, mailbox, now) =>
        {
            Still::Stranded
        }
        (
            LetterKind::Received
            | LetterKind::Help
            | LetterKind::Closed
            | LetterKind::Confirm
            | LetterKind::Granted
            | LetterKind::Refused,
            _,
        ) => Still::True(Facts::default()),
    }
}

fn extract(
    state: &State,
    waiting: &Waiting,
    mailbox: u32,
    links: bool,
    now: DateTime<Utc>,
) -> Still {
    let open = request_of(waiting).and_then(|request| state.log_requests.open().get(&request));
    let Some(open) = open.filter(|open| open.number == mailbox) else { return Still::Moot };
    match &open.standing {
        LogStanding::Prepared { expires_at, .. } if *expires_at <= now => Still::Moot,
        LogStanding::Prepared { expires_at, .. } if links => {
            let zone = state.plan().map_or(chrono_tz::UTC, |plan| plan.zone);
            let until = Some(expires_at.with_timezone(&zone).naive_local());
            Still::True(Facts { route: Some(route(state, mailbox, now)), redeem_by: None, until })
        }
        LogStanding::Prepared { .. } | LogStanding::Verified | LogStanding::Requested => {
            Still::NotBefore(now + AGAIN)
        }
    }
}
