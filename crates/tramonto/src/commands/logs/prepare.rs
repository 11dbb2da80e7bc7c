//! `tramonto log-request prepare`: the extracts of verified requests, and their links.
//!
//! Invariant: what stops one request stops no other; it is told with its id, and the exit code says that some were left.

use std::process::ExitCode;

use archive::{LogArchive, LogTable, Ready, Terms};
use chrono::TimeDelta;
use domain::{LogStanding, Requester};
use eventstore::Origin;
use serde_json::json;
use uuid::Uuid;

use super::super::decide::origin;
use super::Desk;
use crate::Error;
use crate::cli::{Global, LogTablePlace, PrepareArgs};
use crate::exit::Exit;
use crate::log::{LOG_TABLE_PASSWORD, password, reached};
use crate::output::Output;
use crate::output::progress;
use crate::output::text::{count, utc};

/// What all of a round are prepared with.
struct Round<'a> {
    archive: &'a dyn LogArchive,
    letters: Option<&'a intake::Store>,
    lasting: TimeDelta,
    origin: &'a Origin,
}

pub(super) async fn execute(
    desk: &Desk,
    args: &PrepareArgs,
    global: &Global,
) -> Result<ExitCode, Error> {
    let origin = origin(global, &args.reason);
    desk.office.expire(&origin).await?;
    let requests = waiting(desk, args).await?;
    if requests.is_empty() && !global.json {
        Output::open().line("no verified request waits")?;
        return Ok(Exit::Done.into());
    }
    let planned = desk.office.read_state(|state| state.plan().map(domain::Plan::link_days)).await?;
    let days = args.days.map(u32::from).or(planned).unwrap_or_default();
    let table = log_table(args).await?;
    let archive: &dyn LogArchive = match &table {
        Some(table) => table,
        None => desk.office.index(),
    };
    let letters = if args.send { Some(crate::requests::open(global).await?) } else { None };
    let lasting = TimeDelta::days(days.into());
    let round = Round { archive, letters: letters.as_ref(), lasting, origin: &origin };
    let mut left = 0_u64;
    let many = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    let bar = progress::bar("prepare", "requests", many, global.json);
    for (request, number) in requests {
        match one(desk, &round, request, number).await {
            Ok(ready) => {
                bar.suspend(|| show_link(desk, args, (&ready.0, ready.1), global))?;
            }
            Err(error) if args.request.is_some() => return Err(error),
            Err(error) => {
                left += 1;
                bar.suspend(|| failed(request, &error, global))?;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(letters) = letters {
        letters.close().await?;
    }
    if let Some(table) = table {
        table.close().await;
    }
    Ok(if left == 0 { Exit::Done.into() } else { Exit::Rejected.into() })
}

/// The request that is named, or all that are verified, and those whose extract was withdrawn.
async fn waiting(desk: &Desk, args: &PrepareArgs) -> Result<Vec<(Uuid, u32)>, Error> {
    let Some(request) = args.request else {
        let verified = desk.office.read_state(|state| {
            let open = state.log_requests.to_prepare();
            open.map(|(request, open)| (request, open.number)).collect::<Vec<_>>()
        });
        let mut requests = verified.await?;
        requests.extend(desk.office.withdrawn().await?);
        return Ok(requests);
    };
    let number =
        desk.office.read_state(|state| Some(state.log_requests.open().get(&request)?.number));
    let number = number.await?.ok_or_else(|| {
        Error::Usage(format!("no request {request} is open; look at `tramonto log-request list`"))
    })?;
    Ok(vec![(request, number)])
}

/// Prepares one; does its link go by letter?
async fn one(
    desk: &Desk,
    round: &Round<'_>,
    request: Uuid,
    number: u32,
) -> Result<(Ready, bool), Error> {
    let (holder, has_address) = desk.holder(number).await?;
    let open =
        desk.office.read_state(|state| state.log_requests.open().get(&request).cloned()).await?;
    let goes = open.is_some_and(|open| {
        open.by == Requester::Holder && open.standing != LogStanding::Requested
    });
    let letters = round.letters.filter(|_| has_address && goes);
    if let Some(letters) = letters {
        // Before the extract is on record: the letter waits for it, and a crash in between forgets nobody.
        letters.queue_extract(request, number, desk.reading.journal().now()).await?;
    }
    let by_letter = letters.is_some();
    let terms = Terms { lasting: round.lasting, by_letter };
    let ready = desk.office.prepare(request, &holder, round.archive, terms, round.origin).await?;
    Ok((ready, by_letter))
}

fn failed(request: Uuid, error: &Error, global: &Global) -> Result<(), Error> {
    let problem = error.to_string();
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "left", "request": request, "problem": problem }));
    }
    out.line(format!(
        "request {request} is left: {problem}\n  mend it and prepare it again, or turn it down: \
         tramonto log-request refuse {request}"
    ))
}

/// The platform's own table, if one is named.
async fn log_table(args: &PrepareArgs) -> Result<Option<LogTable>, Error> {
    Ok(match &args.log_table {
        None => None,
        Some(LogTablePlace::File(path, table)) => Some(LogTable::open(path, table.clone()).await?),
        Some(LogTablePlace::Postgres(url, table)) => {
            let file = args.log_table_password_file.as_deref();
            let options = reached(url, password(file, LOG_TABLE_PASSWORD)?.as_ref())?;
            Some(LogTable::connect(options, table.clone()).await?)
        }
    })
}

/// Shows a link, unless it goes by letter.
fn show_link(
    desk: &Desk,
    args: &PrepareArgs,
    (ready, goes_by_letter): (&Ready, bool),
    global: &Global,
) -> Result<(), Error> {
    let Ready { prepared, secret } = ready;
    let portal = args.portal.as_str().trim_end_matches('/');
    let link = (!goes_by_letter).then(|| format!("{portal}/logs/{secret}"));
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({
            "done": "prepared", "request": prepared.request, "mailbox": desk.id(prepared.number),
            "rows": prepared.rows, "sha256": prepared.sha256, "expires_at": prepared.expires_at,
            "link": link,
        }));
    }
    let (rows, until) = (count(prepared.rows), utc(prepared.expires_at));
    let link = link.unwrap_or_else(|| "its link goes to its holder by letter".to_owned());
    out.line(format!("request {}: {rows} entries, until {until}\n  {link}", prepared.request))
}
