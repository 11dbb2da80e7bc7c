//! What can be asked about the logs of messages, and what it leads to.
//!
//! What is so already is no event, but for looks at an extract: each of these is recorded.

use chrono::{DateTime, NaiveDate, Utc};
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::{LogRequest, LogRequests, LogStanding};
use crate::programme::Rejection;
use crate::rights::Rights;
use crate::{
    Capability, Event, ExtractAccess, LogExtractAccessed, LogExtractExpired, LogExtractPrepared,
    LogRequestRefused, LogRequested, LogRequesterVerified, LogsDestroyed, Plan, Proof, Requester,
    civil_date, first_instant,
};

/// What can be asked about the logs of messages.
#[derive(Debug, Clone, PartialEq)]
pub enum LogCommand {
    /// The log of a mailbox is asked for.
    Request(LogRequested),
    /// It is sure who asked.
    Verify {
        /// Which request.
        request: Uuid,
        /// How that was made sure.
        proof: Proof,
    },
    /// The extract lies ready. Of a request that has one already, it takes the old one's place.
    Prepare(LogExtractPrepared),
    /// Somebody opened a link that was made for the request of a mailbox.
    Access {
        /// Which request.
        request: Uuid,
        /// Of which mailbox.
        number: u32,
        /// What comes of it where it is not too late.
        outcome: ExtractAccess,
    },
    /// The links that have had their time end.
    Expire,
    /// A request is turned down.
    Refuse {
        /// Which.
        request: Uuid,
        /// Why, as a short code.
        cause: String,
    },
    /// The logs and extracts were destroyed.
    Destroy(LogsDestroyed),
}

/// What a decision looks at beside the requests.
pub(crate) struct Sight<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rights: &'a Rights,
    /// Whose personal data are gone, or going: nobody knows any more who could ask.
    pub(crate) forgotten: &'a RoaringBitmap,
    pub(crate) now: DateTime<Utc>,
}

type Decided = Result<Vec<Event>, Rejection>;

impl LogRequests {
    /// What a command leads to.
    pub(crate) fn decide(&self, command: LogCommand, sight: &Sight<'_>) -> Decided {
        match command {
            LogCommand::Request(request) => self.request(request, sight),
            LogCommand::Verify { request, proof } => {
                let open = self.known(request)?;
                if open.standing != LogStanding::Requested {
                    return Ok(Vec::new());
                }
                let number = open.number;
                let event = LogRequesterVerified { request, number, proof };
                Ok(vec![Event::LogRequesterVerified(event)])
            }
            LogCommand::Prepare(prepared) => self.prepare(prepared, sight),
            LogCommand::Access { request, number, outcome } => {
                let outcome = self.outcome(request, outcome, sight.now);
                let event = LogExtractAccessed { request, number, outcome };
                Ok(vec![Event::LogExtractAccessed(event)])
            }
            LogCommand::Expire => {
                let over = self.expired(sight.now);
                let event = |(request, open): (Uuid, &LogRequest)| {
                    let number = open.number;
                    Event::LogExtractExpired(LogExtractExpired { request, number })
                };
                Ok(over.map(event).collect())
            }
            LogCommand::Refuse { request, cause } => {
                let open = self.known(request)?;
                if let LogStanding::Prepared { .. } = open.standing {
                    return Rejection::because("its extract lies ready; the link ends by itself");
                }
                let number = open.number;
                let event = LogRequestRefused { request, number, cause };
                Ok(vec![Event::LogRequestRefused(event)])
            }
            LogCommand::Destroy(destroyed) => {
                may_destroy(self, sight)?;
                Ok(vec![Event::LogsDestroyed(destroyed)])
            }
        }
    }

    fn request(&self, asked: LogRequested, sight: &Sight<'_>) -> Decided {
        let LogRequested { request, number, by, from, through, received_on } = asked;
        let rights = sight.rights;
        if self.open.contains_key(&request) {
            return Ok(Vec::new());
        }
        window(by, sight.plan, received_at(received_on, sight)?)?;
        if let Some((at, _)) = &self.destroyed {
            let on = civil_date(*at, sight.plan.zone);
            return Rejection::because(format!("the logs were destroyed on {on}"));
        }
        if !rights.registered().contains(number) {
            return Rejection::because("no such mailbox is registered");
        }
        if sight.forgotten.contains(number) {
            return Rejection::because(
                "the personal data of its holder are erased; its log is gone",
            );
        }
        if !rights.activated().contains(number) {
            return Rejection::because("the mailbox was never activated; it has no messages");
        }
        // Out of every later phase by the holder's own wish; what was logged is still there.
        if by == Requester::Holder && rights.withdrawn().contains(number) {
            return Rejection::because(
                "the mailbox was given up by its holder; an authority can ask for its log",
            );
        }
        if let (Some(from), Some(through)) = (from, through)
            && from > through
        {
            return Rejection::because(format!(
                "the period ends on {through}, before it begins on {from}"
            ));
        }
        Ok(vec![Event::LogRequested(asked)])
    }

    fn prepare(&self, prepared: LogExtractPrepared, sight: &Sight<'_>) -> Decided {
        let open = self.known(prepared.request)?;
        if open.standing == LogStanding::Requested {
            return Rejection::because("it is not sure yet who asked; verify the request first");
        }
        if open.number != prepared.number {
            return Rejection::because("the extract is another mailbox's");
        }
        if prepared.expires_at <= sight.now {
            return Rejection::because("the link would have ended before it was made");
        }
        Ok(vec![Event::LogExtractPrepared(prepared)])
    }

    fn outcome(&self, request: Uuid, outcome: ExtractAccess, now: DateTime<Utc>) -> ExtractAccess {
        match self.open.get(&request).map(|open| &open.standing) {
            Some(LogStanding::Prepared { expires_at, .. }) if now < *expires_at => outcome,
            Some(LogStanding::Prepared { .. }) | None => ExtractAccess::Expired,
            Some(LogStanding::Requested | LogStanding::Verified) => ExtractAccess::Missing,
        }
    }

    fn known(&self, request: Uuid) -> Result<&LogRequest, Rejection> {
        let open = self.open.get(&request);
        open.ok_or_else(|| Rejection(format!("no request {request} is open; look at `logs list`")))
    }
}

/// May logs still be read into the index?
pub(crate) fn may_index(requests: &LogRequests, sight: &Sight<'_>) -> Result<(), Rejection> {
    if let Some((at, _)) = &requests.destroyed {
        let on = civil_date(*at, sight.plan.zone);
        return Rejection::because(format!("the logs were destroyed on {on}; none are read again"));
    }
    match last_day(sight.plan) {
        Some((last, ends)) if sight.now >= ends && requests.open.is_empty() => Rejection::because(
            format!("logs could be asked for through {last} and no request is open; destroy them"),
        ),
        Some(_) | None => Ok(()),
    }
}

/// May the logs be destroyed?
pub(crate) fn may_destroy(requests: &LogRequests, sight: &Sight<'_>) -> Result<(), Rejection> {
    let Some((last, ends)) = last_day(sight.plan) else {
        return Rejection::because("the plan has no end of log requests; logs are kept until then");
    };
    if sight.now < ends {
        return Rejection::because(format!("logs can be asked for through {last}; keep them"));
    }
    match requests.open.len() {
        0 => Ok(()),
        1 => Rejection::because(
            "1 request that was received in time is open; serve or refuse it, and let its link end",
        ),
        open => Rejection::because(format!(
            "{open} requests that were received in time are open; serve or refuse them, and let \
             their links end"
        )),
    }
}

/// The instant at which a request counts as received: now, or the beginning of the day on which it came.
fn received_at(on: Option<NaiveDate>, sight: &Sight<'_>) -> Result<DateTime<Utc>, Rejection> {
    let Some(day) = on else { return Ok(sight.now) };
    let today = civil_date(sight.now, sight.plan.zone);
    if day > today {
        return Rejection::because(format!("it can't have come on {day}; today is {today}"));
    }
    Ok(first_instant(day, sight.plan.zone))
}

/// Did the phases let the log be asked for then?
fn window(by: Requester, plan: &Plan, now: DateTime<Utc>) -> Result<(), Rejection> {
    if plan.allowed_at(now).contains(Capability::RequestLogs) {
        return Ok(());
    }
    let mut to_come = plan.phases.iter().skip(plan.due(now).end);
    let opens = to_come.find(|phase| phase.allows.contains(Capability::RequestLogs));
    match (opens, last_day(plan)) {
        (Some(phase), _) if by == Requester::Holder && may_read(plan, now) => {
            Rejection::because(format!(
                "you can still read your mailbox; its log can be asked for from {} on",
                phase.from
            ))
        }
        (Some(phase), _) => {
            Rejection::because(format!("logs can be asked for from {} on", phase.from))
        }
        (None, Some((last, _))) => {
            Rejection::because(format!("the last day to ask for logs was {last}"))
        }
        (None, None) => Rejection::because("the programme has no log access"),
    }
}

fn may_read(plan: &Plan, now: DateTime<Utc>) -> bool {
    plan.allowed_at(now).contains(Capability::Access)
}

/// The last civil day on which logs can be asked for, and the instant at which it is over; `None` where
/// the plan never allows it, or for ever.
fn last_day(plan: &Plan) -> Option<(NaiveDate, DateTime<Utc>)> {
    let allows = |place: &usize| {
        let phase = plan.phases.get(*place);
        phase.is_some_and(|phase| phase.allows.contains(Capability::RequestLogs))
    };
    let last = (0..plan.phases.len()).rev().find(allows)?;
    let next = plan.phases.get(last.checked_add(1)?)?;
    Some((next.from.pred_opt()?, plan.starts_at(last + 1)))
}
