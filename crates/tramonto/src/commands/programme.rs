//! `tramonto phase pause`, `resume` and `limit`.

use domain::{Command, PaceChanged};
use eventstore::programme_stream;
use serde_json::json;

use super::decide::{decide, origin};
use super::reading::Reading;
use crate::Error;
use crate::cli::{Global, PaceArgs, Reason};
use crate::output::Output;

pub(super) async fn pause(reason: &Reason, global: &Global) -> Result<(), Error> {
    command(&Command::Pause, reason, global).await?;
    answer(global, "paused", "paused: nothing more is handed out; dates still start their phases")
}

pub(super) async fn resume(reason: &Reason, global: &Global) -> Result<(), Error> {
    command(&Command::Resume, reason, global).await?;
    answer(global, "resumed", "resumed: an engine that runs goes on within a second")
}

pub(super) async fn pace(args: &PaceArgs, global: &Global) -> Result<(), Error> {
    let pace = PaceChanged {
        effect: args.effect,
        calls_per_second: args.calls_per_second,
        concurrent_calls: args.concurrent,
    };
    command(&Command::ChangePace(pace), &args.reason, global).await?;
    let limit = |limit: Option<u32>| limit.map_or("no limit".to_owned(), |limit| limit.to_string());
    let (second, at_once) = (limit(args.calls_per_second), limit(args.concurrent));
    let effect = args.effect;
    let words = format!("pace of {effect}: calls per second {second}, calls at once {at_once}");
    answer(global, "pace-changed", &words)
}

async fn command(command: &Command, reason: &Reason, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let stream = programme_stream(reading.programme())?;
    let now = reading.journal.now();
    decide(&reading, &stream, &origin(global, reason), |state| {
        Ok(state.decide(command.clone(), now)?)
    })
    .await?;
    reading.close().await;
    Ok(())
}

/// Tells what was done.
pub(super) fn answer(global: &Global, done: &str, words: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(&json!({ "done": done })) } else { out.line(words) }
}
