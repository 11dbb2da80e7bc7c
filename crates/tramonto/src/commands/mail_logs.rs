//! `tramonto mail-log`: the index of mail servers' logs, and its end.

use std::process::ExitCode;
use std::time::Duration;

use archive::{Indexed, IndexedFile};
use engine::actions::Done;
use engine::actions::mail_logs::{DestroyMailLogs, IndexMailLogs};
use engine::queries::MailLogsLeft;
use engine::store::Store;
use serde_json::json;

use super::act::{act_on, print, run_on};
use crate::Error;
use crate::cli::{Global, MailLogArgs, MailLogCommand};
use crate::exit::Exit;
use crate::output::progress::{self, per_second};
use crate::output::text::{count, mailboxes, table, utc};

pub(super) async fn execute(args: MailLogArgs, global: &Global) -> Result<ExitCode, Error> {
    let MailLogArgs { archive, command } = args;
    let store = Store::open_to_decide(global.settings_with(archive.as_ref())?).await?;
    match command {
        MailLogCommand::Index { files, domain: domains, not_after } => {
            let bar = progress::spinner("index", "lines", global.json);
            let progress = |lines| bar.set_position(lines);
            let action = IndexMailLogs { files, domains, not_after, progress };
            let done = run_on(store, action, None, global).await;
            bar.finish_and_clear();
            indexed(&done?, bar.elapsed(), global)?;
        }
        MailLogCommand::Status => {
            let left = store.mail_logs_left().await;
            store.close().await?;
            return status(&left?, global);
        }
        MailLogCommand::Destroy(why) => {
            act_on(store, DestroyMailLogs, &why.reason, global).await?;
        }
    }
    Ok(Exit::Done.into())
}

fn indexed(done: &Done<Indexed>, took: Duration, global: &Global) -> Result<(), Error> {
    let Indexed { files, counts, messages } = &done.result;
    let speed = per_second(counts.lines, took);
    let told = json!({ "done": done.done, "files": files, "lines": counts.lines,
        "kept": counts.kept, "broken": counts.broken, "messages": messages,
        "lines_per_second": speed });
    let words = format!(
        "{}{} lines, {} lines/s; messages added or continued: {}",
        table("file | >new lines | >of messages | >broken |", files.iter().map(row)),
        count(counts.lines),
        count(speed),
        count(*messages)
    );
    print(&told, words, global)
}

fn row(file: &IndexedFile) -> Vec<String> {
    let end = match (file.damaged, file.unfinished, file.known && file.counts.lines == 0) {
        (true, ..) => "truncated or damaged: give it again once it is complete",
        (_, true, _) => "ends within a line, which is read once it is complete",
        (.., true) => "read before",
        _ => "",
    };
    let [lines, kept, broken] =
        [file.counts.lines, file.counts.kept, file.counts.broken].map(count);
    vec![file.name.clone(), lines, kept, broken, end.to_owned()]
}

fn status(left: &MailLogsLeft, global: &Global) -> Result<ExitCode, Error> {
    let (remaining, due) = (&left.remaining, left.is_due());
    let destroyed = remaining.destroyed.as_ref();
    let destroyed = destroyed.map(|(at, record)| json!({ "at": at, "record": record }));
    let told = json!({ "gone": left.is_gone(), "due": due, "held": remaining.held,
        "kept": remaining.kept, "exports": remaining.exports, "destroyed": destroyed });
    print(&told, words(left), global)?;
    Ok(if due { Exit::Found.into() } else { Exit::Done.into() })
}

fn words(left: &MailLogsLeft) -> String {
    let remaining = &left.remaining;
    let (held, kept, exports) = (remaining.held.messages, remaining.kept, remaining.exports);
    match &remaining.destroyed {
        None => {
            format!("the logs are not destroyed: {} messages, {exports} exports", count(held))
        }
        Some((at, event)) if left.is_gone() => {
            let gone = format!("the logs were destroyed on {}; sha256 {}", utc(*at), event.digest);
            if kept == 0 {
                return gone;
            }
            format!(
                "{gone}; a hold keeps {} messages of {}; once it is released, destroy them: \
                 tramonto mail-log destroy",
                count(kept),
                mailboxes(left.under_hold)
            )
        }
        Some((at, _)) => format!(
            "logs were destroyed on {}, and there are {} messages that no hold keeps and \
             {exports} exports; destroy them: tramonto mail-log destroy",
            utc(*at),
            count(held.saturating_sub(kept))
        ),
    }
}
