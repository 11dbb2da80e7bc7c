//! `tramonto canary`: what mailboxes of our own are answered, now and beside each boundary.

use std::process::ExitCode;
use std::sync::Arc;

use domain::{CanaryRules, Entitled, Event, Finding, ProbeAnswer, Transcript};
use eventstore::{Filter, Journal};
use registry::Registry;
use serde::Serialize;
use views::{CanaryStanding, ProbeMade, ProbeState};
use workers::canary::{Canary, ProbeEndpoints, ProbeResult, ProbeSettings, expected};

use super::reading::Reading;
use crate::cli::{CanaryArgs, CanaryCommand, Global, ProbeArgs, ShowCanaryArgs};
use crate::exit::Exit;
use crate::log::password;
use crate::output::Output;
use crate::output::text::{table, utc};
use crate::{Error, commands};

/// Where no file holds the canaries' password.
pub(super) const PASSWORD: &str = "TRAMONTO_CANARY_PASSWORD";
/// Where canaries are probed, by the command line; `None` where no door is named.
pub(super) fn endpoints(args: &CanaryArgs) -> Result<Option<ProbeEndpoints>, Error> {
    let root = args.canary_root_certificate.as_deref().map(commands::read).transpose()?;
    let settings = ProbeSettings {
        smtp: args.canary_smtp.as_ref().map(|place| &place.0),
        submission: args.canary_submission.as_ref().map(|place| &place.0),
        imap: args.canary_imap.as_ref().map(|place| &place.0),
        password: password(args.canary_password_file.as_deref(), PASSWORD)?,
        root: root.as_deref(),
        timeout: args.canary_timeout.0,
    };
    ProbeEndpoints::new(settings).map_err(Error::Usage)
}

pub(super) async fn execute(command: CanaryCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        CanaryCommand::Probe(args) => probe(&args, global).await,
        CanaryCommand::Show(args) => show(&args, global).await.map(|()| Exit::Done.into()),
    }
}

/// One canary, probed now.
#[derive(Serialize)]
struct Probed {
    number: u32,
    findings: Vec<Finding>,
    transcripts: Vec<Transcript>,
}

async fn probe(args: &ProbeArgs, global: &Global) -> Result<ExitCode, Error> {
    let Some(endpoints) = endpoints(&args.doors)? else {
        return Err(Error::Usage(
            "no door is named; give --canary-smtp, --canary-submission or --canary-imap".to_owned(),
        ));
    };
    let reading = Reading::open(global).await?;
    let rules = rules(&reading.journal).await?;
    let registry = reading.registry().await?;
    let mut probed = Vec::with_capacity(rules.addresses.len());
    for address in &rules.addresses {
        let Some(number) = number(&registry, address).await? else {
            return Err(Error::Usage(
                "a canary of the plan is not in the registry; import it like any other mailbox"
                    .to_owned(),
            ));
        };
        probed.push(one(&reading.journal, &endpoints, &Canary::of(&rules, address), number).await?);
    }
    registry.close().await?;
    reading.close().await;
    let agree = probed.iter().flat_map(|probed| &probed.findings);
    let otherwise = agree.into_iter().any(|finding| finding.agrees() == Some(false));
    let mut out = Output::open();
    if global.json {
        out.document(&probed)?;
    } else {
        let rows = probed.iter().flat_map(|probed| {
            probed.findings.iter().map(|finding| {
                let mut row = vec![probed.number.to_string()];
                row.extend(words(finding));
                row
            })
        });
        out.text(table(&["canary", "capability", "expected", "found", ""], &[], rows.collect()))?;
        for probed in probed.iter().filter(|_| args.transcript) {
            conversations(&mut out, &format!("canary {}", probed.number), &probed.transcripts)?;
        }
    }
    Ok(if otherwise { Exit::Found.into() } else { Exit::Done.into() })
}

async fn one(
    journal: &Journal,
    endpoints: &ProbeEndpoints,
    canary: &Canary,
    number: u32,
) -> Result<Probed, Error> {
    let (entitled, refusals) = {
        let snapshot = journal.state().await?;
        let refusals = snapshot.plan().map(|plan| plan.refusals.clone());
        (Entitled::of(&snapshot), refusals.unwrap_or_default())
    };
    let began_at = journal.now();
    let ProbeResult { found, transcripts } =
        endpoints.probe(canary, &refusals, &|| journal.now()).await;
    let finding = |(capability, _, found)| {
        let expected = expected(entitled.as_ref(), number, capability, began_at);
        Finding { capability, expected, found }
    };
    Ok(Probed { number, findings: found.into_iter().map(finding).collect(), transcripts })
}

async fn rules(journal: &Journal) -> Result<Box<CanaryRules>, Error> {
    let snapshot = journal.state().await?;
    let rules = snapshot.plan().and_then(|plan| plan.canaries.clone());
    rules.ok_or_else(|| {
        Error::Usage("the plan has no canaries; add a section [canaries] and amend it".to_owned())
    })
}

async fn number(registry: &Registry, address: &str) -> Result<Option<u32>, Error> {
    Ok(registry.find_address(address).await?.map(|entry| entry.number))
}

async fn show(args: &ShowCanaryArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let now = reading.now().await?;
    let numbers = numbers(&reading).await?;
    let mut standings = {
        let snapshot = reading.journal.state().await?;
        let state = &*snapshot;
        if let (Some(phase), Some(plan)) = (&args.phase, state.plan())
            && plan.phase(phase).is_none()
        {
            return Err(Error::Usage(format!(
                "the plan has no phase {phase}; see `tramonto plan show`"
            )));
        }
        views::canaries(state, &numbers, now)
    };
    standings.retain(|one| args.phase.as_ref().is_none_or(|phase| one.phase == *phase));
    if args.transcript {
        for made in standings.iter_mut().filter_map(|one| one.probe.as_mut()) {
            made.transcripts = transcripts(&reading, made.position).await?;
        }
    }
    reading.close().await;
    let mut out = Output::open();
    if global.json {
        return out.document(&standings);
    }
    if standings.is_empty() {
        return out
            .line("nothing is known of canaries: the plan has none, or they are not registered");
    }
    let header = ["phase", "side", "canary", "probed", "capability", "expected", "found", ""];
    out.text(table(&header, &[], standings.iter().flat_map(rows).collect()))?;
    for one in &standings {
        if let Some(ProbeMade { transcripts, .. }) = &one.probe {
            let title = format!("{} {}, canary {}", one.side.name(), one.phase, one.number);
            conversations(&mut out, &title, transcripts)?;
        }
    }
    Ok(())
}

/// The numbers of the plan's canaries, as far as the registry has them.
async fn numbers(reading: &Reading) -> Result<Vec<u32>, Error> {
    let addresses = {
        let snapshot = reading.journal.state().await?;
        let rules = snapshot.plan().and_then(|plan| plan.canaries.as_ref());
        rules.map(|rules| rules.addresses.clone()).unwrap_or_default()
    };
    let mut numbers = Vec::with_capacity(addresses.len());
    if addresses.is_empty() {
        return Ok(numbers);
    }
    let registry = reading.registry().await?;
    for address in &addresses {
        numbers.extend(number(&registry, address).await?);
    }
    registry.close().await?;
    Ok(numbers)
}

/// The conversations of the probe that stands there in the log.
async fn transcripts(reading: &Reading, position: u64) -> Result<Vec<Transcript>, Error> {
    let log = Arc::clone(&reading.log);
    let page = log.read_all(position.saturating_sub(1), &Filter::default(), 1).await?;
    let Some(recorded) = page.events.first() else { return Ok(Vec::new()) };
    let Event::CanaryProbed(probed) = recorded.fact()?.event else { return Ok(Vec::new()) };
    Ok(probed.transcripts)
}

fn rows(one: &CanaryStanding) -> Vec<Vec<String>> {
    let about = |probed: String| {
        vec![one.phase.to_string(), one.side.name().to_owned(), one.number.to_string(), probed]
    };
    let Some(made) = &one.probe else {
        let told = match one.state {
            ProbeState::Missed => "missed",
            ProbeState::Open => "not yet",
            ProbeState::ToCome | ProbeState::Probed => "to come",
        };
        return vec![about(told.to_owned())];
    };
    made.findings
        .iter()
        .map(|finding| {
            let mut row = about(utc(made.began_at));
            row.extend(words(finding));
            if made.contradicted > 0
                && let Some(note) = row.last_mut()
            {
                let before = format!("after {} probes that contradicted", made.contradicted);
                *note = if note.is_empty() { before } else { format!("{note}, {before}") };
            }
            row
        })
        .collect()
}

/// Capability, what was expected, what was found, and what is wrong with that.
fn words(finding: &Finding) -> [String; 4] {
    let (found, why) = match &finding.found {
        ProbeAnswer::Allowed => ("allowed", ""),
        ProbeAnswer::Refused(_) => ("refused", ""),
        ProbeAnswer::Unknown(cause) => ("unknown", cause.as_str()),
    };
    let expected = if finding.expected { "allowed" } else { "refused" };
    let note = if finding.agrees() == Some(false) { "CONTRADICTS" } else { why };
    [finding.capability.name(), expected, found, note].map(str::to_owned)
}

fn conversations(out: &mut Output, title: &str, transcripts: &[Transcript]) -> Result<(), Error> {
    for transcript in transcripts {
        out.line(format!(
            "\n{title}, {}, until {}",
            transcript.protocol.name(),
            utc(transcript.ended_at)
        ))?;
        for line in &transcript.lines {
            out.line(line)?;
        }
    }
    Ok(())
}
