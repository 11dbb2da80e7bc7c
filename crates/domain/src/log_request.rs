//! Log requests: requests for the message log of a mailbox.
//!
//! Invariants: a request received within the window is served, even after the window; a later one
//! is refused; the logs are destroyed once the window is over and no request is open. They hold if
//! every event is appended to the programme's archive stream at the version of its decision. A
//! repeated command yields no event, except that every access to an export is recorded.
//! Deliberately absent: addresses, messages, links.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::{
    Capability, Event, ExportAccess, LogExportAccessed, LogExportExpired, LogExportPrepared,
    LogRequest, LogRequestRefused, LogRequested, LogRequesterVerified, LogRequests, LogStanding,
    LogsDestroyed, MessageLogRules, Plan, Rejection, Requester, State, Verification, civil_date,
    first_instant,
};

/// A command about message logs.
#[derive(Debug, Clone, PartialEq)]
pub enum LogCommand {
    /// Record a log request.
    Request(LogRequested),
    /// Record that the requester was verified.
    Verify {
        /// The request.
        request: Uuid,
        /// How the requester was verified.
        proof: Verification,
    },
    /// Record a prepared export; it replaces an earlier one of the same request.
    Prepare(LogExportPrepared),
    /// Record that the link of an export was opened, with the result unless the link has expired.
    Access(LogExportAccessed),
    /// Expire all links that are past their time.
    Expire,
    /// Refuse a request.
    Refuse {
        /// The request.
        request: Uuid,
        /// Why, as a short code.
        cause: String,
    },
    /// Record that logs and exports were destroyed.
    Destroy(LogsDestroyed),
}

type Decided = Result<Vec<Event>, Rejection>;

impl State {
    /// Decides a command about message logs. The events belong to the programme's archive stream,
    /// at the version of the decision.
    pub fn decide_log_request(&self, command: LogCommand, now: DateTime<Utc>) -> Decided {
        let (plan, requests) = (self.adopted_plan()?, &self.log_requests);
        match command {
            LogCommand::Request(request) => self.request_log(request, plan, now),
            LogCommand::Verify { request, proof } => {
                let open = known(requests, request)?;
                if open.standing != LogStanding::Requested {
                    return Ok(Vec::new());
                }
                let number = open.number;
                let event = LogRequesterVerified { request, number, proof };
                Ok(vec![Event::LogRequesterVerified(event)])
            }
            LogCommand::Prepare(prepared) => prepare(requests, prepared, now),
            LogCommand::Access(mut opened) => {
                opened.outcome = access(requests, opened.request, opened.outcome, now);
                Ok(vec![Event::LogExportAccessed(opened)])
            }
            LogCommand::Expire => {
                let event = |(request, open): (Uuid, &LogRequest)| {
                    let number = open.number;
                    Event::LogExportExpired(LogExportExpired { request, number })
                };
                Ok(requests.expired(now).map(event).collect())
            }
            LogCommand::Refuse { request, cause } => {
                let open = known(requests, request)?;
                if let LogStanding::Prepared { .. } = open.standing {
                    return Rejection::because(
                        "the export is already prepared; its link expires by itself",
                    );
                }
                let number = open.number;
                let event = LogRequestRefused { request, number, cause };
                Ok(vec![Event::LogRequestRefused(event)])
            }
            LogCommand::Destroy(destroyed) => {
                self.may_destroy_logs(now)?;
                Ok(vec![Event::LogsDestroyed(destroyed)])
            }
        }
    }

    fn request_log(&self, asked: LogRequested, plan: &Plan, now: DateTime<Utc>) -> Decided {
        let LogRequested { request, number, by, from, through, received_on } = asked;
        let rights = &self.rights;
        if self.log_requests.open.contains_key(&request) {
            return Ok(Vec::new());
        }
        window(by, plan, received_at(received_on, plan, now)?)?;
        if let Some((at, _)) = &self.log_requests.destroyed {
            let on = civil_date(*at, plan.zone);
            return Rejection::because(format!("the logs were destroyed on {on}"));
        }
        if !rights.registered.contains(number) {
            return Rejection::because("the mailbox is not registered");
        }
        // Nobody can be verified as the holder any more.
        if self.erasure.ordered.contains(number) {
            return Rejection::because(
                "the holder's personal data were erased, and the message log with them",
            );
        }
        if !rights.activated.contains(number) {
            return Rejection::because("the mailbox was never activated; it has no messages");
        }
        // A holder who withdrew has left the programme; the message log still exists.
        if by == Requester::Holder && rights.withdrawn.contains(number) {
            return Rejection::because(
                "the mailbox was withdrawn; only an authority can request its log",
            );
        }
        if let (Some(from), Some(through)) = (from, through)
            && from > through
        {
            return Rejection::because(format!(
                "the period ends on {through}, before its first day {from}"
            ));
        }
        Ok(vec![Event::LogRequested(asked)])
    }

    /// May message logs still be indexed?
    pub fn may_index_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        let (plan, requests) = (self.adopted_plan()?, &self.log_requests);
        if let Some((at, _)) = &requests.destroyed {
            let on = civil_date(*at, plan.zone);
            return Rejection::because(format!(
                "the logs were destroyed on {on}; no log can be indexed any more"
            ));
        }
        match last_day(plan) {
            Some((last, ends)) if now >= ends && requests.open.is_empty() => Rejection::because(
                format!("log requests ended on {last} and none is open; destroy the logs"),
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// May the message logs be destroyed?
    pub fn may_destroy_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        let Some((last, ends)) = last_day(self.adopted_plan()?) else {
            return Rejection::because(
                "the plan sets no end to log requests; logs are kept until then",
            );
        };
        if now < ends {
            return Rejection::because(format!(
                "logs must be kept: requests are accepted through {last}"
            ));
        }
        match self.log_requests.open.len() {
            0 => Ok(()),
            1 => Rejection::because(
                "1 log request is open; serve or refuse it, and wait until its link expires",
            ),
            open => Rejection::because(format!(
                "{open} log requests are open; serve or refuse them, and wait until their links \
                 expire"
            )),
        }
    }
}

fn prepare(requests: &LogRequests, prepared: LogExportPrepared, now: DateTime<Utc>) -> Decided {
    let open = known(requests, prepared.request)?;
    if open.standing == LogStanding::Requested {
        return Rejection::because("the requester has not been verified; verify the request first");
    }
    if open.number != prepared.number {
        return Rejection::because("the export belongs to another mailbox");
    }
    if prepared.expires_at <= now {
        return Rejection::because("the link would expire before it exists");
    }
    Ok(vec![Event::LogExportPrepared(prepared)])
}

fn access(
    requests: &LogRequests,
    request: Uuid,
    outcome: ExportAccess,
    now: DateTime<Utc>,
) -> ExportAccess {
    match requests.open.get(&request).map(|open| &open.standing) {
        Some(LogStanding::Prepared { expires_at, .. }) if now < *expires_at => outcome,
        Some(LogStanding::Prepared { .. }) | None => ExportAccess::Expired,
        Some(LogStanding::Requested | LogStanding::Verified) => ExportAccess::Missing,
    }
}

fn known(requests: &LogRequests, request: Uuid) -> Result<&LogRequest, Rejection> {
    requests.open.get(&request).ok_or_else(|| {
        Rejection(format!("log request {request} is not open; list them with `log-request list`"))
    })
}

/// The instant at which a request counts as received: now, or the start of the day on which it
/// arrived.
fn received_at(
    on: Option<NaiveDate>,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Rejection> {
    let Some(day) = on else { return Ok(now) };
    let today = civil_date(now, plan.zone);
    if day > today {
        return Rejection::because(format!(
            "the day of receipt {day} is in the future; today is {today}"
        ));
    }
    Ok(first_instant(day, plan.zone))
}

/// Did the plan accept log requests at this instant?
fn window(by: Requester, plan: &Plan, now: DateTime<Utc>) -> Result<(), Rejection> {
    if plan.allowed_at(now).contains(Capability::RequestLogs) {
        return Ok(());
    }
    let mut upcoming = plan.phases.iter().skip(plan.due(now).end);
    let opens = upcoming.find(|phase| phase.allows.contains(Capability::RequestLogs));
    match (opens, last_day(plan)) {
        (Some(phase), _)
            if by == Requester::Holder && plan.allowed_at(now).contains(Capability::Access) =>
        {
            Rejection::because(format!(
                "the mailbox can still be read; its log can be requested from {} on",
                phase.from
            ))
        }
        (Some(phase), _) => {
            Rejection::because(format!("message logs can be requested from {} on", phase.from))
        }
        (None, Some((last, _))) => {
            Rejection::because(format!("the last day for log requests was {last}"))
        }
        (None, None) => Rejection::because("the plan does not provide for log requests"),
    }
}

/// The last civil day for log requests and the instant at which it ends; `None` if the plan never
/// allows them, or allows them without end.
fn last_day(plan: &Plan) -> Option<(NaiveDate, DateTime<Utc>)> {
    let allows = |index: &usize| {
        let phase = plan.phases.get(*index);
        phase.is_some_and(|phase| phase.allows.contains(Capability::RequestLogs))
    };
    let last = (0..plan.phases.len()).rev().find(allows)?;
    let next = plan.phases.get(last.checked_add(1)?)?;
    Some((next.from.pred_opt()?, plan.starts_at(last + 1)))
}

/// Did a link expire before the last occurrence of the link sweep?
pub fn link_sweep_is_due(state: &State) -> bool {
    let swept = state.programme.last_occurrence(&MessageLogRules::recurring_name());
    swept.is_some_and(|swept| state.log_requests.expired(swept).next().is_some())
}
