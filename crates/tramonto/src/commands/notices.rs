//! `tramonto notice`: notices to holders, and what an operator does about failed ones.

use std::path::PathBuf;

use domain::NoticeStanding;
use engine::actions::notices::{RecordBounce, RetryNotice};
use engine::queries::NoticeDetails;
use mail::Relay;
use secrecy::SecretString;
use serde_json::json;
use views::NoticeProgress;
use workers::notices::RelaySettings;

use super::act::{act, answer, print, query, run, show};
use super::{message_on_input, read};
use crate::Error;
use crate::cli::{Global, NoticeArgs, NoticeCommand};
use crate::output::text::{count, local, mailboxes, table};
use crate::secrets::password;
use engine::parts::{NoticeDelivery, RelayDelivery};

/// Holds the relay's password if no file does.
const PASSWORD: &str = "TRAMONTO_SMTP_PASSWORD";
/// The largest report of a mail server.
const LARGEST_MESSAGE: u64 = 32 << 20;
/// Letters in a batch: at most this many are in doubt after a crash.
const BATCH_SIZE: u32 = 100;

/// The relay for notices, by the command line.
pub(super) fn delivery(args: &NoticeArgs) -> Result<NoticeDelivery, Error> {
    let (Some(server), Some(from)) = (&args.smtp_url, &args.notices_from) else {
        return Ok(NoticeDelivery::Disabled);
    };
    let password: Option<SecretString> = password(args.smtp_password_file.as_deref(), PASSWORD)?;
    let root = args.smtp_root_certificate.as_deref().map(read).transpose()?;
    let host = from.to_string();
    let hello = host.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let relay = Relay::new(&server.0, password, root.as_deref(), hello).map_err(Error::Invalid)?;
    let settings = RelaySettings {
        from: from.clone(),
        connections: usize::from(args.smtp_connections),
        per_second: args.smtp_per_second,
        batch_size: BATCH_SIZE,
    };
    Ok(NoticeDelivery::Relay(RelayDelivery { relay, settings }))
}

pub(super) async fn execute(command: NoticeCommand, global: &Global) -> Result<(), Error> {
    match command {
        NoticeCommand::List => {
            let notices = query(global, async |store| store.notices().await).await?;
            show(&notices, |notices| words(notices), global)
        }
        NoticeCommand::Show { notice } => {
            let shown = query(global, async |store| store.notice(&notice).await).await?;
            let whole = |shown: &NoticeDetails| {
                let progress = shown.progress.as_slice();
                let progress = if progress.is_empty() { String::new() } else { words(progress) };
                format!("{progress}\nSubject: {}\n\n{}", shown.subject, shown.text)
            };
            show(&shown, whole, global)
        }
        NoticeCommand::Bounce { file } => bounce(file, global).await,
        NoticeCommand::Retry { notice, failed, mailbox, reason, .. } => {
            act(RetryNotice { notice, failed, mailbox }, &reason, global).await
        }
    }
}

fn words(notices: &[NoticeProgress]) -> String {
    if notices.is_empty() {
        return "the plan has no notices: no holder is notified\n".to_owned();
    }
    let problems = notices.iter().flat_map(problems).map(|line| line + "\n");
    overview(notices) + &problems.collect::<String>()
}

/// A row for each notice.
pub(super) fn overview(notices: &[NoticeProgress]) -> String {
    let header = "notice | announces | from | until | state | >sent | >bounced | >failed | \
                  >in doubt | >waiting | >left";
    let row = |notice: &NoticeProgress| {
        let zone = notice.zone;
        let standing = match notice.standing {
            NoticeStanding::Upcoming => "to come",
            NoticeStanding::Open => "goes out",
            NoticeStanding::Over => "over",
        };
        let NoticeProgress { sent, bounced, failed, in_doubt, waiting, left, .. } = *notice;
        let mut row = vec![
            notice.notice.to_string(),
            notice.announces.to_string(),
            local(notice.opens_at, zone),
            local(notice.closes_at, zone),
            standing.to_owned(),
        ];
        row.extend([sent, bounced, failed, in_doubt, waiting, left].map(count));
        row
    };
    table(header, notices.iter().map(row))
}

/// What needs an operator's attention, one line each.
pub(super) fn problems(notice: &NoticeProgress) -> Vec<String> {
    let name = &notice.notice;
    let mut lines = Vec::new();
    if notice.stalled {
        lines.push(format!(
            "notice {name}: waits for {}, and no engine sends it; run one with --smtp-url",
            mailboxes(notice.waiting)
        ));
    }
    if notice.never_told > 0 {
        lines.push(format!(
            "notice {name}: its phase's date has passed and {} were not notified; it is no longer \
             sent",
            mailboxes(notice.never_told)
        ));
    }
    for (cause, many) in &notice.failures {
        lines.push(format!("notice {name}: {} failed ({cause})", mailboxes(*many)));
    }
    for (cause, many) in &notice.doubts {
        lines.push(format!(
            "notice {name}: {} in doubt ({cause}); see `tramonto notice retry --help`",
            mailboxes(*many)
        ));
    }
    for (cause, many) in &notice.bounces {
        lines.push(format!("notice {name}: {} bounced ({cause})", count(*many)));
    }
    lines
}

async fn bounce(file: Option<PathBuf>, global: &Global) -> Result<(), Error> {
    let message = match file {
        Some(path) => read(&path)?,
        None => message_on_input(LARGEST_MESSAGE)?,
    };
    match run(RecordBounce { message }, None, global).await {
        Ok(done) => answer(&done, global),
        // A mail server pipes every message here; one that is not a report is no failure.
        Err(Error::Invalid(problem)) => {
            print(&json!({ "done": null, "why": problem }), &problem, global)
        }
        Err(error) => Err(error),
    }
}
