//! `tramonto erasure`: erasing the personal data of holders, and verifying that none is left.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::process::ExitCode;

use engine::actions::erasure::{EraseAll, EraseHolder, FinishErasure};
use engine::erasure::{MessageLogs, residue};
use serde_json::json;

use super::act::{act, answer, run};
use crate::Error;
use crate::cli::{EraseArgs, EraseCommand, Global, SearchTerm};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress::Reported;
use crate::output::text::{count, table};

/// The maximum number of search terms.
const MOST_TEXTS: usize = 100;
/// The maximum length of standard input.
const LONGEST_INPUT: u64 = 64 << 10;

pub(super) async fn execute(args: EraseArgs, global: &Global) -> Result<ExitCode, Error> {
    let EraseArgs { archive, no_archive, command } = args;
    let logs = MessageLogs::find(&global.settings()?, archive, no_archive)?;
    let mut bar = Reported::new("erase", "records", global.json);
    let mut progress = |done, all| bar.report(done, all);
    match command {
        EraseCommand::Start { mailbox: Some(mailbox), reason, .. } => {
            act(EraseHolder { mailbox, logs: &logs }, &reason, global).await?;
        }
        EraseCommand::Start { mailbox: None, reason, .. } => {
            let action = EraseAll { logs: &logs, progress: &mut progress };
            let done = run(action, Some(&reason), global).await;
            drop(bar);
            answer(&done?, global)?;
        }
        EraseCommand::Resume => {
            let action = FinishErasure { logs: &logs, progress: &mut progress };
            let done = run(action, None, global).await;
            drop(bar);
            answer(&done?, global)?;
        }
        EraseCommand::Verify { texts } => return verify(texts, &logs, global).await,
    }
    Ok(Exit::Done.into())
}

async fn verify(
    texts: Vec<SearchTerm>,
    logs: &MessageLogs,
    global: &Global,
) -> Result<ExitCode, Error> {
    let texts = if texts.is_empty() { given()? } else { texts };
    let texts: Vec<String> = texts.iter().map(|text| text.as_str().to_owned()).collect();
    let found = residue(&global.settings()?, logs, &texts).await?;
    let left: u64 = found.iter().map(|(_, traces)| traces).sum();
    let mut out = Output::open();
    if global.json {
        let found: BTreeMap<_, _> = found.into_iter().collect();
        out.document(&json!({ "texts": texts.len(), "places": found, "found": left }))?;
    } else {
        let row = |(place, traces): &(String, u64)| vec![place.clone(), count(*traces)];
        out.text(table("place | >traces", found.iter().map(row)))?;
        let places = count(u64::try_from(found.len()).unwrap_or(u64::MAX));
        out.line(match left {
            0 => format!("no search term found in {places} places"),
            _ => format!("{} occurrences found", count(left)),
        })?;
    }
    Ok(if left == 0 { Exit::Done.into() } else { Exit::Found.into() })
}

/// The search terms on standard input, one a line.
fn given() -> Result<Vec<SearchTerm>, Error> {
    let input = std::io::stdin().lock().take(LONGEST_INPUT);
    let mut texts = Vec::new();
    for line in input.lines() {
        let line = line.map_err(Error::file(
            "standard input",
            "cannot be read; give one search term a line, in UTF-8",
        ))?;
        if !line.trim().is_empty() {
            texts.push(line.parse().map_err(Error::Invalid)?);
        }
    }
    match texts.len() {
        0 => Err(Error::Invalid("no search term given; give one a line".to_owned())),
        1..=MOST_TEXTS => Ok(texts),
        _ => Err(Error::Invalid(format!("give at most {MOST_TEXTS} search terms"))),
    }
}
