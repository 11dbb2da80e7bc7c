//! `tramonto notice`: who was told of what, and what an operator does about the others.

use domain::{Event, MailboxSet, NoticesBounced, NoticesRetried, PhaseId, State};
use eventstore::notice_stream;
use mail::Relay;
use secrecy::SecretString;
use serde_json::json;
use views::NoticeProgress;
use workers::notices::{Bounce, RelaySettings};

use super::decide::{decide, origin};
use super::reading::Reading;
use super::{message_on_input, read};
use crate::Error;
use crate::cli::{BounceArgs, Global, NoticeArgs, NoticeCommand, RetryNoticeArgs};
use crate::log::password;
use crate::output::Output;
use crate::output::text::{count, local, mailboxes, table};
use engine::notices::{Outbox, Post};

/// Where no file holds the relay's password.
const PASSWORD: &str = "TRAMONTO_SMTP_PASSWORD";
/// No report of a mail server is larger.
const LARGEST_MESSAGE: u64 = 32 << 20;
/// Letters in a batch: at most this many are in doubt after a crash.
const BATCH_SIZE: u32 = 100;

/// Through which relay holders are told, by the command line.
pub(crate) fn post(args: &NoticeArgs) -> Result<Post, Error> {
    let (Some(place), Some(from)) = (&args.smtp_url, &args.notices_from) else {
        return Ok(Post::Nowhere);
    };
    let password: Option<SecretString> = password(args.smtp_password_file.as_deref(), PASSWORD)?;
    let root = args.smtp_root_certificate.as_deref().map(read).transpose()?;
    let host = from.to_string();
    let hello = host.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let relay = Relay::new(&place.0, password, root.as_deref(), hello).map_err(Error::Usage)?;
    let settings = RelaySettings {
        from: from.clone(),
        connections: usize::from(args.smtp_connections),
        per_second: args.smtp_per_second,
        batch_size: BATCH_SIZE,
    };
    Ok(Post::Relay(Outbox { relay, settings }))
}

pub(super) async fn execute(command: NoticeCommand, global: &Global) -> Result<(), Error> {
    match command {
        NoticeCommand::List => list(global).await,
        NoticeCommand::Show(args) => show(&args.notice, global).await,
        NoticeCommand::Bounce(args) => bounce(&args, global).await,
        NoticeCommand::Retry(args) => retry(&args, global).await,
    }
}

async fn list(global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let notices = views::notice_progress(&*reading.journal.state().await?, now);
    let mut out = Output::open();
    if global.json {
        return out.document(&notices);
    }
    if notices.is_empty() {
        return out.line("the plan has no notices: nobody is told of a phase");
    }
    out.text(overview(&notices))?;
    for notice in &notices {
        for line in problems(notice) {
            out.line(&line)?;
        }
    }
    Ok(())
}

/// A row for each notice.
pub(super) fn overview(notices: &[NoticeProgress]) -> String {
    let header = [
        "notice",
        "announces",
        "from",
        "until",
        "state",
        "sent",
        "bounced",
        "failed",
        "in doubt",
        "waiting",
        "left",
    ];
    let row = |notice: &NoticeProgress| {
        let zone = notice.zone;
        vec![
            notice.notice.to_string(),
            notice.announces.to_string(),
            local(notice.opens_at, zone),
            local(notice.closes_at, zone),
            notice.standing.to_string(),
            count(notice.sent),
            count(notice.bounced),
            count(notice.failed),
            count(notice.in_doubt),
            count(notice.waiting),
            count(notice.left),
        ]
    };
    table(&header, &[5, 6, 7, 8, 9, 10], notices.iter().map(row).collect())
}

/// What somebody should look at, a line each.
pub(super) fn problems(notice: &NoticeProgress) -> Vec<String> {
    let name = &notice.notice;
    let mut lines = Vec::new();
    if notice.stalled {
        lines.push(format!(
            "notice {name}: {} could be told and nobody hands it over; does an engine run, with --smtp-url?",
            mailboxes(notice.waiting)
        ));
    }
    if notice.never_told > 0 {
        lines.push(format!(
            "notice {name}: its phase has begun and {} were not told; it goes to nobody any more",
            mailboxes(notice.never_told)
        ));
    }
    for (cause, many) in &notice.failures {
        lines.push(format!("notice {name}: {} failed ({cause})", mailboxes(*many)));
    }
    for (cause, many) in &notice.doubts {
        lines.push(format!(
            "notice {name}: nobody knows of {} ({cause}); see `tramonto notice retry --help`",
            mailboxes(*many)
        ));
    }
    for (cause, many) in &notice.bounces {
        lines.push(format!("notice {name}: {} came back ({cause})", count(*many)));
    }
    lines
}

async fn show(notice: &PhaseId, global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let snapshot = reading.journal.state().await?;
    let state = &*snapshot;
    let rule = state.plan().and_then(|plan| plan.notice(notice).map(|rule| (plan, rule)));
    let Some((wording, rule)) = rule.and_then(|(plan, rule)| Some((rule.wording(plan)?, rule)))
    else {
        return Err(unknown(state, notice));
    };
    let progress = views::notice_progress(state, now).into_iter().find(|one| one.notice == *notice);
    let mut out = Output::open();
    if global.json {
        return out.document(&json!({
            "notice": notice,
            "rule": rule,
            "subject": wording.subject,
            "text": wording.text,
            "progress": progress,
        }));
    }
    if let Some(progress) = progress {
        out.text(overview(std::slice::from_ref(&progress)))?;
        for line in problems(&progress) {
            out.line(&line)?;
        }
    }
    out.text(format!("\nSubject: {}\n\n{}", wording.subject, wording.text))
}

fn unknown(state: &State, notice: &PhaseId) -> Error {
    let plan = state.plan();
    let names = plan.map(|plan| plan.notices.iter().map(|rule| rule.id.as_str()));
    let names = names.map(|names| names.collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let names =
        if names.is_empty() { "it has none".to_owned() } else { format!("they are {names}") };
    Error::Usage(format!("the plan has no notice {notice}; {names}"))
}

async fn bounce(args: &BounceArgs, global: &Global) -> Result<(), Error> {
    let message = match &args.file {
        Some(path) => read(path)?,
        None => message_on_input(LARGEST_MESSAGE)?,
    };
    let reading = Reading::open_to_decide(global).await?;
    let mut out = Output::open();
    let Bounce { notice, number, cause } = match Bounce::parse(&message, reading.programme()) {
        Ok(bounce) => bounce,
        Err(problem) => {
            reading.close().await;
            if global.json {
                return out.object(&json!({ "done": null, "why": problem.to_string() }));
            }
            return out.line(problem.to_string());
        }
    };
    let stream = notice_stream(reading.programme())?;
    let origin = eventstore::Origin { actor: global.actor(), ..eventstore::Origin::part("") };
    let recorded = decide(&reading, &stream, &origin, |state| {
        let told = state.notices.get(&notice);
        let was_sent = told.is_some_and(|told| {
            let doubtful = told.in_doubt().values().any(|set| set.contains(number));
            told.sent().contains(number) || doubtful
        });
        let known =
            told.is_some_and(|told| told.bounced().values().any(|set| set.contains(number)));
        if !was_sent || known {
            return Ok(Vec::new());
        }
        let (notice, cause) = (notice.clone(), cause.clone());
        let mailboxes = MailboxSet::from(number);
        Ok(vec![Event::NoticesBounced(NoticesBounced { notice, cause, mailboxes })])
    })
    .await?;
    reading.close().await;
    let news = !recorded.is_empty();
    if global.json {
        let done = news.then_some("notice-bounced");
        return out
            .object(&json!({ "done": done, "notice": notice, "number": number, "cause": cause }));
    }
    if news {
        return out.line(format!("notice {notice} of mailbox {number} came back ({cause})"));
    }
    out.line(format!(
        "nothing new: notice {notice} never went to mailbox {number}, or is known to have come back"
    ))
}

async fn retry(args: &RetryNoticeArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let only = match &args.mailbox {
        Some(target) => Some(reading.number_of(target).await?),
        None => None,
    };
    let notice = &args.notice;
    let stream = notice_stream(reading.programme())?;
    let touched = std::cell::Cell::new(0);
    decide(&reading, &stream, &origin(global, &args.reason), |state| {
        let told = state.notices.get(notice);
        let mut these = match (&args.failed, told) {
            (_, None) => roaring::RoaringBitmap::new(),
            (Some(cause), Some(told)) => told.failed().get(cause).cloned().unwrap_or_default(),
            (None, Some(told)) => {
                told.in_doubt().values().fold(roaring::RoaringBitmap::new(), |all, set| all | set)
            }
        };
        if let Some(only) = only {
            these &= roaring::RoaringBitmap::from([only]);
        }
        if these.is_empty() {
            return Err(Error::Usage(format!(
                "notice {notice} has no such mailbox; look at `tramonto notice list`"
            )));
        }
        touched.set(these.len());
        let (notice, mailboxes) = (notice.clone(), MailboxSet::from(these));
        Ok(vec![Event::NoticesRetried(NoticesRetried { notice, mailboxes })])
    })
    .await?;
    reading.close().await;
    let mut out = Output::open();
    let many = touched.get();
    if global.json {
        return out
            .object(&json!({ "done": "notices-retried", "notice": notice, "mailboxes": many }));
    }
    out.line(format!("notice {notice} is handed over again for {}", mailboxes(many)))
}
