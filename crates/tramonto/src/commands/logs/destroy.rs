//! `tramonto mail-log destroy` and `destroyed`: the end of the logs, and what a hold still keeps of them.

use std::process::ExitCode;

use archive::Remaining;
use domain::Event;
use serde_json::json;

use super::super::decide::origin;
use super::{Desk, answer};
use crate::Error;
use crate::cli::{Global, Why};
use crate::exit::Exit;
use crate::output::text::{count, mailboxes, utc};

/// The mailboxes whose log a hold keeps, with their addresses. Of those who were erased nothing is left to keep.
async fn under_hold(desk: &Desk) -> Result<Vec<(u32, String)>, Error> {
    let now = desk.reading.journal().now();
    let held = desk.office.read_state(|state| {
        let zone = state.plan().map(|plan| plan.zone);
        let held = zone.map(|zone| state.rights.under_hold(now, zone)).unwrap_or_default();
        held - state.erasure.ordered()
    });
    let mut kept = Vec::new();
    for number in held.await? {
        kept.push((number, desk.holder(number).await?.0.address));
    }
    Ok(kept)
}

pub(super) async fn destroy(desk: &Desk, args: &Why, global: &Global) -> Result<(), Error> {
    let origin = origin(global, &args.reason);
    desk.office.expire(&origin).await?;
    let destroyed = desk.office.destroy(&under_hold(desk).await?, &origin).await?;
    let words = Event::LogsDestroyed(destroyed.clone()).describe();
    let told = json!({ "done": "destroyed", "messages": destroyed.messages,
        "addresses": destroyed.addresses, "extracts": destroyed.extracts, "digest": destroyed.digest });
    answer(global, &told, &format!("{words}; sha256 {}", destroyed.digest))
}

pub(super) async fn destroyed(desk: &Desk, global: &Global) -> Result<ExitCode, Error> {
    let under_hold = under_hold(desk).await?;
    let remaining = desk.office.remaining(&under_hold).await?;
    let gone = remaining.is_empty();
    let due = remaining.destroyed.is_some() && !gone;
    let told = json!({ "gone": gone, "due": due, "held": remaining.held, "kept": remaining.kept,
        "extracts": remaining.extracts,
        "destroyed": remaining.destroyed.as_ref().map(|(at, event)| json!({ "at": at, "record": event })) });
    answer(global, &told, &words(&remaining, under_hold.len()))?;
    Ok(if due { Exit::Found.into() } else { Exit::Done.into() })
}

fn words(remaining: &Remaining, under_hold: usize) -> String {
    let (held, kept, extracts) = (remaining.held.messages, remaining.kept, remaining.extracts);
    let holds = format!(
        "{} messages of {} under a hold; once it is released, destroy them: tramonto mail-log destroy",
        count(kept),
        mailboxes(u64::try_from(under_hold).unwrap_or(u64::MAX))
    );
    match &remaining.destroyed {
        None => {
            format!("the logs are not destroyed: {} messages, {extracts} extracts", count(held))
        }
        Some((at, event)) if remaining.is_empty() => {
            let gone = format!("the logs are gone since {}; sha256 {}", utc(*at), event.digest);
            if kept == 0 { gone } else { format!("{gone}; but for {holds}") }
        }
        Some((at, _)) => format!(
            "logs were destroyed on {}, and there are {} messages that no hold keeps and {extracts} extracts; \
             destroy them: tramonto mail-log destroy",
            utc(*at),
            count(held.saturating_sub(kept))
        ),
    }
}
