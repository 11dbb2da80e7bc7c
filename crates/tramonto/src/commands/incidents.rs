//! `tramonto incident`: what was given up, and what an operator does about it.

use domain::{Event, IncidentKey, IncidentResolved, IncidentRetried, MailboxSet, State};
use eventstore::incident_stream;
use serde_json::json;

use super::decide::{decide, origin};
use super::reading::Reading;
use crate::Error;
use crate::cli::{Global, IncidentArgs, IncidentCommand, Reason, RetryArgs};
use crate::output::Output;
use crate::output::text::{count, mailboxes, table, utc};

pub(super) async fn execute(command: IncidentCommand, global: &Global) -> Result<(), Error> {
    match command {
        IncidentCommand::List => list(global).await,
        IncidentCommand::Retry(args) => retry(args, global).await,
        IncidentCommand::Resolve(args) => resolve(args, global).await,
    }
}

async fn list(global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let groups = projections::incidents(&*reading.journal.state().await?);
    let mut out = Output::open();
    if global.json {
        return out.document(&groups);
    }
    if groups.is_empty() {
        return out.line("no incidents: nothing was given up");
    }
    let row = |group: &views::IncidentGroup| {
        vec![
            group.key.to_string(),
            group.capabilities.to_string(),
            count(group.open),
            count(group.resolved),
            group.attempts.to_string(),
            utc(group.first_seen),
            utc(group.last_seen),
        ]
    };
    let header = ["incident", "what", "open", "resolved", "attempts", "first seen", "last seen"];
    out.text(table(&header, &[2, 3, 4], groups.iter().map(row).collect()))?;
    if groups.iter().any(|group| group.open > 0) {
        out.line("have them tried again with `tramonto incident retry INCIDENT --reason TEXT`")?;
    }
    Ok(())
}

async fn retry(args: RetryArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let only = match &args.mailbox {
        Some(target) => Some(reading.number_of(target).await?),
        None => None,
    };
    let IncidentKey { phase, cause } = args.key.clone();
    let event = move |mailboxes| {
        let (phase, cause) = (phase.clone(), cause.clone());
        Event::IncidentRetried(IncidentRetried { phase, cause, mailboxes })
    };
    let members = |state: &State| {
        let incident = state.failures.incidents().get(&args.key);
        let all = incident.map(|incident| &incident.open | &incident.resolved).unwrap_or_default();
        match only {
            Some(number) if all.contains(number) => MailboxSet::from(number),
            Some(_) => MailboxSet::new(),
            None => MailboxSet::from(all),
        }
    };
    let touched = record(&reading, &args.key, &args.reason, global, members, event).await?;
    reading.close().await;
    let words = format!("{} of incident {} are tried again", mailboxes(touched), args.key);
    answer(global, "incident-retried", &args.key, touched, &words)
}

async fn resolve(args: IncidentArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open_to_decide(global).await?;
    let IncidentKey { phase, cause } = args.key.clone();
    let event = move |mailboxes| {
        let (phase, cause) = (phase.clone(), cause.clone());
        Event::IncidentResolved(IncidentResolved { phase, cause, mailboxes })
    };
    let members = |state: &State| {
        let incident = state.failures.incidents().get(&args.key);
        MailboxSet::from(incident.map(|incident| incident.open.clone()).unwrap_or_default())
    };
    let touched = record(&reading, &args.key, &args.reason, global, members, event).await?;
    reading.close().await;
    let words = format!(
        "incident {} is resolved for {}; they stay given up, with your reason",
        args.key,
        mailboxes(touched)
    );
    answer(global, "incident-resolved", &args.key, touched, &words)
}

/// Records a decision about the members of an incident, and answers with how many they are.
async fn record(
    reading: &Reading,
    key: &IncidentKey,
    reason: &Reason,
    global: &Global,
    members: impl Fn(&State) -> MailboxSet,
    event: impl Fn(MailboxSet) -> Event,
) -> Result<u64, Error> {
    let stream = incident_stream(reading.programme())?;
    let touched = std::cell::Cell::new(0);
    decide(reading, &stream, &origin(global, reason), |state| {
        let members = members(state);
        if members.is_empty() {
            return Err(Error::Usage(format!(
                "incident {key} has no such mailbox; look at `tramonto incident list`"
            )));
        }
        touched.set(members.len());
        Ok(vec![event(members)])
    })
    .await?;
    Ok(touched.get())
}

fn answer(
    global: &Global,
    done: &str,
    key: &IncidentKey,
    touched: u64,
    words: &str,
) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": done, "incident": key, "mailboxes": touched }));
    }
    out.line(words)
}
