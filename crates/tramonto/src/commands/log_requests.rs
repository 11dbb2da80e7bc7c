//! `tramonto log-request`: who may receive which message log.
//!
//! Invariant: a link is shown once, to the caller that requested it. No address is in any answer.

use std::process::ExitCode;

use engine::actions::log_requests::{
    CreateLogRequest, ExpireLinks, ExportSink, PrepareExports, RefuseLogRequest, VerifyLogRequest,
};
use engine::store::Store;
use indicatif::ProgressBar;
use serde_json::json;
use uuid::Uuid;
use views::{EventView, ExportPrepared, LogRequestView};

use super::act::{act_on, run_on};
use crate::Error;
use crate::cli::{Global, LogRequestArgs, LogRequestCommand, LogTableUrl, PROOF, PrepareArgs};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress;
use crate::output::text::{table, utc};
use crate::secrets::{LOG_TABLE_PASSWORD, password};

pub(super) async fn execute(args: LogRequestArgs, global: &Global) -> Result<ExitCode, Error> {
    let LogRequestArgs { archive, command } = args;
    let store = Store::open_to_decide(global.settings_with(archive.as_ref())?).await?;
    match command {
        LogRequestCommand::Create { mailbox, by, from, through, received_on, reason } => {
            let by = by.into();
            let action = CreateLogRequest { mailbox, by, from, through, received_on };
            act_on(store, action, &reason, global).await?;
        }
        LogRequestCommand::Verify { request, reason } => {
            let action = VerifyLogRequest { request, proof: PROOF };
            act_on(store, action, &reason, global).await?;
        }
        LogRequestCommand::Refuse { request, cause, reason } => {
            let cause = cause.as_str().to_owned();
            act_on(store, RefuseLogRequest { request, cause }, &reason, global).await?;
        }
        LogRequestCommand::Prepare(args) => return prepare(store, &args, global).await,
        LogRequestCommand::Expire(args) => {
            act_on(store, ExpireLinks, &args.reason, global).await?;
        }
        LogRequestCommand::List => {
            let open = store.log_requests().await;
            store.close().await?;
            list(&open?, global)?;
        }
        LogRequestCommand::Show { request } => {
            let history = store.log_request(request).await;
            store.close().await?;
            show(&history?, global)?;
        }
    }
    Ok(Exit::Done.into())
}

async fn prepare(store: Store, args: &PrepareArgs, global: &Global) -> Result<ExitCode, Error> {
    let password = match &args.log_table {
        Some(LogTableUrl::Postgres(..)) => {
            password(args.log_table_password_file.as_deref(), LOG_TABLE_PASSWORD)?
        }
        Some(LogTableUrl::File(..)) | None => None,
    };
    let mut links = Links { bar: ProgressBar::hidden(), json: global.json };
    let action = PrepareExports {
        request: args.request,
        log_table: args.log_table.as_ref(),
        password,
        portal: args.portal.as_str(),
        by_letter: args.send,
        days: args.days,
        sink: &mut links,
    };
    let done = run_on(store, action, Some(&args.reason), global).await;
    links.bar.finish_and_clear();
    let outcome = done?.result;
    if outcome.prepared + outcome.failed == 0 && !global.json {
        Output::open().line("no verified request waits")?;
    }
    Ok(if outcome.failed == 0 { Exit::Done.into() } else { Exit::Rejected.into() })
}

/// Shows each link as soon as it is made.
struct Links {
    bar: ProgressBar,
    json: bool,
}

impl ExportSink for Links {
    fn begin(&mut self, requests: u64) {
        self.bar = progress::bar("prepare", "requests", requests, self.json);
    }

    fn prepared(&mut self, export: &ExportPrepared) -> Result<(), Error> {
        self.bar.inc(1);
        self.bar.suspend(|| {
            let mut out = Output::open();
            if !self.json {
                return out.line(export.to_string());
            }
            let ExportPrepared { request, mailbox, rows, sha256, expires_at, link } = export;
            out.object(&json!({ "done": "prepared", "request": request, "mailbox": mailbox,
                "rows": rows, "sha256": sha256, "expires_at": expires_at, "link": link }))
        })
    }

    fn failed(&mut self, request: Uuid, problem: &Error) -> Result<(), Error> {
        self.bar.inc(1);
        let problem = problem.to_string();
        self.bar.suspend(|| {
            let mut out = Output::open();
            if self.json {
                let left = json!({ "done": "left", "request": request, "problem": problem });
                return out.object(&left);
            }
            out.line(format!(
                "request {request} cannot be served: {problem}\n  repair it and prepare it again, \
                 or refuse it: tramonto log-request refuse {request}"
            ))
        })
    }
}

fn list(open: &[LogRequestView], global: &Global) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        return open.iter().try_for_each(|request| out.object(request));
    }
    if open.is_empty() {
        return out.line("no request is open");
    }
    let rows = open.iter().map(|open| {
        let by = format!("{:?}", open.by).to_lowercase();
        let received = utc(open.received_at);
        let ids = [open.request.to_string(), open.mailbox.to_string()];
        [ids.to_vec(), vec![by, received, open.standing.to_owned()]].concat()
    });
    out.text(table("request | mailbox | by | received | standing", rows))
}

fn show(history: &[EventView], global: &Global) -> Result<(), Error> {
    let mut out = Output::open();
    for event in history {
        let EventView { recorded_at: at, kind, actor, reason, payload, summary, .. } = event;
        if global.json {
            out.object(&json!({ "at": at, "kind": kind, "actor": actor, "reason": reason,
                "payload": payload }))?;
        } else {
            out.line(format!("{}  {actor}  {summary}", utc(*at)))?;
        }
    }
    Ok(())
}
