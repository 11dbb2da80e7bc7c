//! `tramonto hold place` and `hold release`.

use domain::{MailboxCommand, MailboxId, civil_date};
use eventstore::mailbox_stream;
use projections::mailbox_now;
use serde_json::json;

use super::decide::{decide, origin};
use super::reading::Reading;
use crate::Error;
use crate::cli::{Global, HoldCommand, PlaceArgs, Reason, ReleaseArgs, Target};
use crate::output::Output;

pub(super) async fn execute(command: HoldCommand, global: &Global) -> Result<(), Error> {
    match command {
        HoldCommand::Place(args) => place(args, global).await,
        HoldCommand::Release(args) => release(args, global).await,
    }
}

async fn place(args: PlaceArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let hold = reading.journal.new_id();
    let capabilities = args.capability.iter().copied().collect();
    let command = MailboxCommand::PlaceHold { hold, capabilities, until: args.until };
    let number = mailbox(&reading, &args.mailbox, &command, &args.reason, global).await?;
    let id = MailboxId::new(reading.programme(), number);
    reading.close().await;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "hold-placed", "mailbox": id, "hold": hold }));
    }
    let until =
        args.until.map_or("until it is released".to_owned(), |day| format!("through {day}"));
    out.line(format!("hold {hold} keeps {capabilities} of mailbox {id} {until}"))
}

async fn release(args: ReleaseArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let hold = args.hold;
    let command = MailboxCommand::ReleaseHold { hold };
    let number = mailbox(&reading, &args.mailbox, &command, &args.reason, global).await?;
    let id = MailboxId::new(reading.programme(), number);
    reading.close().await;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "hold-released", "mailbox": id, "hold": hold }));
    }
    out.line(format!("hold {hold} on mailbox {id} is released; the plan holds for it again"))
}

/// Has a mailbox decide on a command, and answers with its number.
pub(super) async fn mailbox(
    reading: &Reading,
    target: &Target,
    command: &MailboxCommand,
    reason: &Reason,
    global: &Global,
) -> Result<u32, Error> {
    let number = reading.number_of(target).await?;
    let stream = mailbox_stream(reading.programme(), number)?;
    let now = reading.journal.now();
    decide(reading, &stream, &origin(global, reason), |state| {
        let today = state.plan().map_or(now.date_naive(), |plan| civil_date(now, plan.zone));
        Ok(mailbox_now(state, number).decide(command.clone(), today)?)
    })
    .await?;
    Ok(number)
}
